"""Scoring a checkpoint on a split of a data set."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch

from fer_core.checkpoint import CheckpointInfo
from fer_core.data.duplicates import mark_training_copies
from fer_core.data.store import Dataset
from fer_core.errors import ConfigError, DataError
from fer_core.evaluation.bootstrap import NUM_RESAMPLES
from fer_core.evaluation.common_classes import ScoredSplit, select_scored
from fer_core.evaluation.predictions import Float64Array, Predictions
from fer_core.evaluation.report import Report, Subject, build_report
from fer_core.evaluation.scores import Scores, compute_scores
from fer_core.evaluation.scoring import FlipAveraged, compute_logits, compute_probabilities
from fer_core.evaluation.stored_reports import save_report
from fer_core.labels import EMOTIONS, FERPLUS_COLUMNS
from fer_core.models import load_checkpoint, resolve_device

TestTimeAugmentation = Literal["none", "flip"]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a checkpoint says about a split, and how often it is right."""

    info: CheckpointInfo
    subject: Subject
    scores: Scores
    data: Predictions

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return self.subject.dataset

    @property
    def split(self) -> str:
        """The split that was scored."""
        return self.subject.split

    @property
    def protocol(self) -> str:
        """The rule that chose images and labels."""
        return self.subject.protocol

    @property
    def predictions(self) -> pd.DataFrame:
        """One row per scored image: `row`, `truth`, `prediction`, one `p_<class>` per class."""
        return self.data.to_frame()


def evaluate_checkpoint(  # noqa: PLR0913 - what may be left out of a split
    folder: Path,
    dataset: Dataset,
    split: str,
    *,
    device: str = "auto",
    tta: TestTimeAugmentation = "none",
    exclude_copies: bool = False,
    training: Dataset | None = None,
    half: Literal[0, 1] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Score the checkpoint in `folder` on a split, in majority mode, in fp32.

    Args:
        folder: of the checkpoint.
        dataset: scored over the classes that it and the model both have (`common_classes`), matched by name.
        split: which split.
        device: auto, cpu or cuda.
        tta: `flip` averages the logits of each image and its mirror image.
        exclude_copies: leave out images that have exactly the pixels of a training image.
        training: what the model was trained on, if that is another data set: images with exactly the pixels
            of one of its training images are left out, and the protocol counts them.
        half: score every second image only, from the first (0) or the second on (1): where something is
            chosen on one half and judged on the other.
        on_progress: called with images done and images in all.

    Raises:
        CheckpointError: the checkpoint is damaged.
        ConfigError: sound is to be mirrored.
        DataError: the split is missing, or data set and checkpoint have fewer than two classes in common.
    """
    model, info = load_checkpoint(folder)
    if tta == "flip" and info.input.kind == "sound":
        raise ConfigError(
            f"tta is 'flip', but {info.name} reads voices, which have no mirror image; leave it out"
        )
    scored = select_scored(info.name, info.classes, dataset, split, spec=info.input)
    if exclude_copies:
        scored = _drop_copies(scored, dataset, split)
    if training is not None:
        scored = _drop_seen(scored, dataset, training, info.name)
    if half is not None:
        scored = scored.take(np.arange(half, len(scored.rows), 2), f", {('first', 'second')[half]} half")
    target_device = resolve_device(device)
    model = model.to(target_device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    logits = compute_logits(
        FlipAveraged(model) if tta == "flip" else model,
        dataset.images,
        scored.rows,
        info.input,
        device=target_device,
        on_progress=on_progress,
    )
    probabilities = compute_probabilities(logits[:, scored.columns], info.temperature)
    annotators, agreement = _describe_annotators(dataset, scored.rows, scored.classes)
    return Evaluation(
        info=info,
        subject=Subject(
            model=info.name,
            weights_sha256=info.weights_sha256,
            architecture=info.architecture,
            num_parameters=info.num_parameters,
            weights_bytes=(folder / info.weights_file).stat().st_size,
            dataset=dataset.name,
            data_fingerprint=dataset.info.fingerprint,
            split=split,
            protocol=scored.protocol,
            rule=scored.rule,
            temperature=info.temperature,
            tta=tta,
        ),
        scores=compute_scores(scored.labels, probabilities, scored.classes),
        data=Predictions(
            classes=scored.classes,
            rows=scored.rows,
            labels=scored.labels,
            probabilities=probabilities,
            annotators=annotators,
            agreement=agreement,
        ),
    )


def _drop_copies(scored: ScoredSplit, dataset: Dataset, split: str) -> ScoredSplit:
    kept = ~mark_training_copies(dataset, scored.rows)
    if not kept.any():
        raise DataError(
            f"every image of split {split!r} of {dataset.name!r} is a copy of a training image; "
            "nothing is left to score"
        )
    return scored.take(kept, ", without copies of training images")


def _drop_seen(scored: ScoredSplit, dataset: Dataset, training: Dataset, model: str) -> ScoredSplit:
    seen = mark_training_copies(dataset, scored.rows, training=training)
    if not seen.any():
        return scored
    if seen.all():
        raise DataError(
            f"all {len(seen):,} images of {dataset.name!r} are ones that {model} was trained on; name "
            "another split or data set"
        )
    return scored.take(~seen, f", without {int(seen.sum()):,} that it was trained on")


def _describe_annotators(
    dataset: Dataset, rows: "np.ndarray[Any, np.dtype[np.int64]]", classes: tuple[str, ...]
) -> tuple[Float64Array | None, Float64Array | None]:
    """Shares of the classes among all votes for a class, and how far the annotators agree."""
    if not dataset.info.has_votes or not set(classes) <= set(EMOTIONS):
        return None, None
    votes = dataset.votes[rows]
    chosen = votes[:, [FERPLUS_COLUMNS.index(name) for name in classes]]
    with np.errstate(invalid="ignore"):
        shares = chosen / chosen.sum(axis=1, keepdims=True)
        agreement = votes.max(axis=1) / votes.sum(axis=1)
    return shares, agreement


def save_evaluation(evaluation: Evaluation, folder: Path, *, num_resamples: int = NUM_RESAMPLES) -> Report:
    """Write report.json and predictions.parquet into a folder, replacing those there."""
    report = build_report(evaluation.data, evaluation.subject, num_resamples=num_resamples)
    return save_report(report, evaluation.data, folder)
