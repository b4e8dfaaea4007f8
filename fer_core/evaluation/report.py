"""Scoring a checkpoint on a split of a data set."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd
import torch

from fer_core.checkpoint import CheckpointInfo
from fer_core.data.store import Dataset
from fer_core.data.targets import Targets, compute_targets
from fer_core.errors import DataError
from fer_core.evaluation.metrics import Scores, compute_scores
from fer_core.evaluation.scoring import compute_logits, compute_probabilities
from fer_core.io import atomic_path, write_json
from fer_core.models import load_checkpoint, resolve_device
from fer_core.runs.layout import PREDICTIONS_FILE, REPORT_FILE

SCHEMA_VERSION: Final[int] = 1


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a checkpoint scores on a split."""

    info: CheckpointInfo
    dataset: str
    fingerprint: str
    split: str
    protocol: str
    scores: Scores
    predictions: pd.DataFrame
    """One row a scored image: `row` in the data set, `truth`, `prediction`, one `p_<class>` a class."""

    def to_dict(self) -> dict[str, Any]:
        """As written to report.json."""
        return {
            "schema_version": SCHEMA_VERSION,
            "model": self.info.name,
            "weights_sha256": self.info.weights_sha256,
            "dataset": self.dataset,
            "data_fingerprint": self.fingerprint,
            "split": self.split,
            "protocol": self.protocol,
            "precision": "fp32",
            "test_time_augmentation": None,
            "classes": list(self.info.classes),
            "scores": self.scores.to_dict(),
        }


def evaluate_checkpoint(
    folder: Path,
    dataset: Dataset,
    split: str,
    *,
    device: str = "auto",
    on_progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Score the checkpoint in `folder` on a split, in majority mode, in fp32, without test-time augmentation.

    Raises:
        CheckpointError: the checkpoint is damaged.
        DataError: the split is missing, or data set and checkpoint have other classes.
    """
    model, info = load_checkpoint(folder)
    if info.classes != dataset.info.classes:
        raise DataError(
            f"{info.name} predicts {', '.join(info.classes)}, but data set {dataset.name!r} has "
            f"{', '.join(dataset.info.classes)}; they can't be compared"
        )
    targets = compute_targets(dataset, split, "majority")
    target_device = resolve_device(device)
    model = model.to(target_device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    logits = compute_logits(
        model, dataset.images, targets.indices, info.input, device=target_device, on_progress=on_progress
    )
    probabilities = compute_probabilities(logits, info.temperature)
    return Evaluation(
        info=info,
        dataset=dataset.name,
        fingerprint=dataset.info.fingerprint,
        split=split,
        protocol=targets.protocol,
        scores=compute_scores(targets.labels, probabilities, info.classes),
        predictions=_build_predictions(targets, probabilities, info.classes),
    )


def _build_predictions(targets: Targets, probabilities: Any, classes: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "row": targets.indices,
            "truth": [classes[label] for label in targets.labels],
            "prediction": [classes[label] for label in probabilities.argmax(axis=1)],
            **{f"p_{name}": probabilities[:, index] for index, name in enumerate(classes)},
        }
    )


def save_evaluation(evaluation: Evaluation, folder: Path) -> None:
    """Write report.json and predictions.parquet into a folder, replacing those there."""
    with atomic_path(folder / PREDICTIONS_FILE) as temporary:
        evaluation.predictions.to_parquet(temporary, index=False)
    write_json(folder / REPORT_FILE, evaluation.to_dict())
