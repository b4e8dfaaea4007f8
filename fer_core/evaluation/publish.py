"""Turning a run's best epoch into a checkpoint that others can use: scored, calibrated, with a model card."""

import dataclasses
import math
import re
import shlex
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, cast, get_args

import numpy as np

from fer_core.checkpoint import (
    CARD_FILE,
    CLASS_PRIOR_KEY,
    CheckpointInfo,
    save_checkpoint_info,
)
from fer_core.config import LabelMode
from fer_core.data.duplicates import mark_training_copies
from fer_core.data.store import Dataset, DatasetInfo
from fer_core.data.targets import compute_class_prior, compute_targets
from fer_core.escaping import escape_markdown, quote_markdown
from fer_core.evaluation.averaging import average_checkpoints
from fer_core.evaluation.calibration import (
    compute_ece,
    fit_temperature,
    recover_logits,
    rescale_probabilities,
)
from fer_core.evaluation.evaluator import Evaluation, evaluate_checkpoint
from fer_core.evaluation.figures import Figure
from fer_core.evaluation.general_calibration import collect_scores, fit_general
from fer_core.evaluation.report import build_report
from fer_core.evaluation.scores import compute_scores
from fer_core.evaluation.sources import evaluate_source
from fer_core.io import atomic_directory, write_text
from fer_core.models import load_checkpoint
from fer_core.provenance import Terms, answer_use

_TRAIN_SPLIT: Final[str] = "train"


def publish_checkpoint(
    source: Path,
    target: Path,
    dataset: Dataset,
    *,
    split: str = "valid",
    sources: Sequence[Dataset] = (),
    averaged: tuple[Path, float] | None = None,
    replace: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> CheckpointInfo:
    """Copy a checkpoint to `target` under the target's name, calibrated and scored on a split in fp32.

    The temperature is fitted on the same split that is scored. It changes no prediction; the calibration
    figures it improves are optimistic by one fitted number, and the card says so.

    Args:
        source: folder of the checkpoint.
        target: folder to be made.
        dataset: what it was trained on.
        split: of it, not trained on.
        sources: data sets of other sources; with any, what to expect of faces from anywhere is chosen on
            them and the split together (`fit_general`). Without, the source's own choice is kept.
        averaged: folder of another checkpoint, and its share of the weights (`average_checkpoints`).
        replace: exchange an existing target.
        on_progress: called with images of the split done and in all.

    Raises:
        CheckpointError: the source is damaged.
        FerError: the target exists and `replace` is False.
    """
    _, info = load_checkpoint(source)
    with atomic_directory(target, replace=replace) as folder:
        if averaged is None:
            shutil.copyfile(source / info.weights_file, folder / info.weights_file)
        else:
            info = average_checkpoints(source, *averaged, dataset, folder)
        data = {**_compute_prior(info, dataset), **info.data}
        terms = info.terms or _find_terms(info, dataset)
        named = dataclasses.replace(
            info, name=target.name, data=data, terms=terms, temperature=1.0, metrics=()
        )
        save_checkpoint_info(folder, named)
        before = evaluate_checkpoint(folder, dataset, split, on_progress=on_progress)
        after = _calibrate(before)
        metrics = {**_summarise(after, before), **_score_without_copies(after, dataset)}
        published = dataclasses.replace(after.info, metrics=(metrics,))
        if sources:
            save_checkpoint_info(folder, published)
            others = [evaluate_source(folder, source, training=dataset) for source in sources]
            scores = [collect_scores(found) for found in (after, *others)]
            published = dataclasses.replace(published, general=fit_general(scores))
        save_checkpoint_info(folder, published)
        write_text(folder / CARD_FILE, build_model_card(published, dataset.info, after))
    return published


def _compute_prior(info: CheckpointInfo, dataset: Dataset) -> dict[str, Any]:
    """The shares of the classes, for checkpoints that were made before runs recorded them."""
    mode = cast("LabelMode", info.data.get("label_mode"))
    if mode not in get_args(LabelMode) or _TRAIN_SPLIT not in set(dataset.samples["split"]):
        return {}
    targets = compute_targets(dataset, _TRAIN_SPLIT, mode)
    return {CLASS_PRIOR_KEY: compute_class_prior(targets, dataset.info.classes)}


def _find_terms(info: CheckpointInfo, dataset: Dataset) -> tuple[Terms, ...]:
    """For checkpoints that were made before runs recorded them, and learned from this data set."""
    return dataset.info.terms if info.data.get("fingerprint") == dataset.info.fingerprint else ()


def _calibrate(evaluation: Evaluation) -> Evaluation:
    """The same at the temperature that fits its labels best; made at temperature 1."""
    data = evaluation.data
    temperature = fit_temperature(recover_logits(data.probabilities), data.labels)
    probabilities = rescale_probabilities(data.probabilities, 1 / temperature)
    return dataclasses.replace(
        evaluation,
        info=dataclasses.replace(evaluation.info, temperature=temperature),
        subject=dataclasses.replace(evaluation.subject, temperature=temperature),
        scores=compute_scores(data.labels, probabilities, data.classes),
        data=dataclasses.replace(data, probabilities=probabilities),
    )


def _summarise(after: Evaluation, before: Evaluation) -> dict[str, Any]:
    scores = after.scores
    return {
        "dataset": after.dataset,
        "split": after.split,
        "protocol": after.protocol,
        "n": scores.n,
        "accuracy": scores.accuracy,
        "balanced_accuracy": scores.balanced_accuracy,
        "macro_f1": scores.macro_f1,
        "log_loss": scores.log_loss,
        "ece": compute_ece(after.data.probabilities, after.data.labels),
        "ece_uncalibrated": compute_ece(before.data.probabilities, before.data.labels),
        "precision": "fp32",
        "test_time_augmentation": None,
    }


def _score_without_copies(evaluation: Evaluation, dataset: Dataset) -> dict[str, Any]:
    """The accuracy on what the training part does not hold, too."""
    data = evaluation.data
    copies = mark_training_copies(dataset, data.rows, within=_TRAIN_SPLIT)
    if not copies.any() or copies.all():
        return {"num_training_copies": int(copies.sum())}
    rest = data.take(np.flatnonzero(~copies))
    return {
        "num_training_copies": int(copies.sum()),
        "accuracy_without_copies": float(rest.is_right.mean()),
    }


def _format_interval(figure: Figure, spec: str = ".3f") -> str:
    if not (math.isfinite(figure.low) and math.isfinite(figure.high)):
        return "undefined"
    return f"{figure.low:{spec}} to {figure.high:{spec}}"


def _format_percent(figure: Figure) -> str:
    """Value and interval in per cent."""
    if not math.isfinite(figure.value):
        return "undefined"
    return f"{100 * figure.value:.1f} ({100 * figure.low:.0f} to {100 * figure.high:.0f})"


class _Shown(str):
    """Markdown that is our own: figures, and words that are escaped already."""

    __slots__ = ()


def _show(value: object) -> str:
    """What the card's template puts in: words of others escaped, on one line."""
    return value if isinstance(value, _Shown) else escape_markdown(" ".join(re.split(r"[\r\n]+", str(value))))


def build_model_card(
    info: CheckpointInfo, data: DatasetInfo, evaluation: Evaluation, adapted: Sequence[str] = ()
) -> str:
    """The model card (Mitchell et al., 2019) as Markdown, every figure from `evaluation`.

    Args:
        info: the model.
        data: what it was trained on.
        evaluation: of it.
        adapted: what adapting it gained and cost, in sentences.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True, finalize=_show
    )
    environment.filters |= {
        "fmt": lambda *value: _Shown(format(*value)),
        "interval": lambda *value: _Shown(_format_interval(*value)),
        "percent": lambda value: _Shown(_format_percent(value)),
        "code": lambda text: _Shown(quote_markdown(str(text))),
        "quote": lambda text: shlex.quote(str(text)),
    }
    figures = build_report(evaluation.data, evaluation.subject).figures
    bands = {
        name.removeprefix("agreement."): item
        for name, item in figures.items()
        if name.startswith("agreement.") and item.n
    }
    scored = [item for item in evaluation.scores.classes if item.support]
    template = Path(__file__).with_name("model_card.md.jinja").read_text(encoding="utf-8")
    return environment.from_string(template).render(
        info=info,
        data=data,
        evaluation=evaluation,
        adapted=adapted,
        scores=evaluation.scores,
        figures=figures,
        metrics=info.metrics[0] if info.metrics else {},
        bands=bands,
        use=_Shown(escape_markdown(answer_use(info.terms))),
        weakest=sorted(scored, key=lambda item: item.recall)[:3],
    )
