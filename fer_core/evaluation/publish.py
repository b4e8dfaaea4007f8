"""Turning a run's best epoch into a checkpoint that others can use: scored, calibrated, with a model card."""

import dataclasses
import math
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, cast, get_args

import numpy as np
import torch

from fer_core.checkpoint import (
    CARD_FILE,
    CLASS_PRIOR_KEY,
    CheckpointInfo,
    load_checkpoint_info,
    save_checkpoint_info,
)
from fer_core.config import LabelMode
from fer_core.data.quality import mark_training_copies
from fer_core.data.store import Dataset, DatasetInfo
from fer_core.data.targets import compute_class_prior, compute_targets
from fer_core.errors import CheckpointError
from fer_core.evaluation.calibration import compute_ece, fit_temperature
from fer_core.evaluation.evaluator import Evaluation, evaluate_checkpoint
from fer_core.evaluation.report import Report, build_report
from fer_core.evaluation.scoring import compute_logits
from fer_core.io import atomic_directory, write_text
from fer_core.models import load_checkpoint

_TRAIN_SPLIT: Final[str] = "train"


def publish_checkpoint(
    source: Path,
    target: Path,
    dataset: Dataset,
    *,
    split: str = "valid",
    replace: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> CheckpointInfo:
    """Copy a checkpoint to `target` under the target's name, calibrated and scored on a split in fp32.

    The temperature is fitted on the same split that is scored. It changes no prediction; the calibration
    figures it improves are optimistic by one fitted number, and the card says so.

    Raises:
        CheckpointError: the source is damaged.
        FerError: the target exists and `replace` is False.
    """
    info = load_checkpoint_info(source)
    temperature = _fit(source, dataset, split)
    with atomic_directory(target, replace=replace) as folder:
        shutil.copyfile(source / info.weights_file, folder / info.weights_file)
        data = {**_compute_prior(info, dataset), **info.data, "licence": dataset.info.licence}
        named = dataclasses.replace(info, name=target.name, data=data, temperature=1.0, metrics=())
        save_checkpoint_info(folder, named)
        before = evaluate_checkpoint(folder, dataset, split, on_progress=on_progress)
        save_checkpoint_info(folder, dataclasses.replace(named, temperature=temperature))
        after = evaluate_checkpoint(folder, dataset, split, on_progress=on_progress)
        metrics = {**_summarise(after, before), **_score_without_copies(after, dataset)}
        published = dataclasses.replace(named, temperature=temperature, metrics=(metrics,))
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


def _fit(source: Path, dataset: Dataset, split: str) -> float:
    model, info = load_checkpoint(source)
    if info.classes != dataset.info.classes:
        raise CheckpointError(
            f"{info.name} predicts {', '.join(info.classes)}; {dataset.name!r} has other classes"
        )
    targets = compute_targets(dataset, split, "majority")
    logits = compute_logits(model, dataset.images, targets.indices, info.input, device=torch.device("cpu"))
    return fit_temperature(logits, targets.labels)


def _ece(evaluation: Evaluation) -> float:
    classes = list(evaluation.info.classes)
    probabilities = evaluation.predictions[[f"p_{name}" for name in classes]].to_numpy()
    labels = [classes.index(name) for name in evaluation.predictions["truth"]]
    return compute_ece(probabilities, labels)


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
        "ece": _ece(after),
        "ece_uncalibrated": _ece(before),
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


def _describe_copies(metrics: Mapping[str, Any]) -> str:
    """A sentence about images that training has seen; empty if there are none."""
    count = metrics.get("num_training_copies", 0)
    if not count:
        return ""
    rest = metrics.get("accuracy_without_copies")
    without = "" if rest is None else f" Without them: accuracy {rest:.2%}, n = {metrics['n'] - count:,}."
    return f"\n{count:,} of these images are exact copies of training images.{without}\n"


def _interval(report: Report, name: str, *, percent: bool = False) -> str:
    figure = report.figures[name]
    if not (math.isfinite(figure.low) and math.isfinite(figure.high)):
        return "undefined"
    return f"{figure.low:.2%} to {figure.high:.2%}" if percent else f"{figure.low:.3f} to {figure.high:.3f}"


def _percent(report: Report, name: str) -> str:
    """Value and interval in per cent."""
    figure = report.figures[name]
    if not math.isfinite(figure.value):
        return "undefined"
    return f"{100 * figure.value:.1f} ({100 * figure.low:.0f} to {100 * figure.high:.0f})"


def _describe_agreement(rows: str) -> str:
    """A table of the accuracy by how many annotators agreed; empty for data without votes."""
    if not rows:
        return ""
    return f"""
Accuracy by the share of annotators who gave the most frequent answer:

| agreement | accuracy, per cent | images |
|---|---|---|
{rows}
"""


def _describe_start(info: CheckpointInfo) -> str:
    """The initial weights and the teachers."""
    weights, teachers = info.origin.get("started_from"), info.origin.get("teachers")
    start = f"from the weights of `{weights}`" if weights else "from random weights"
    return f"{start}, distilled from {teachers}" if teachers else start


def build_model_card(info: CheckpointInfo, data: DatasetInfo, evaluation: Evaluation) -> str:
    """The model card (Mitchell et al., 2019) as Markdown, every figure from `evaluation`."""
    report = build_report(evaluation.data, evaluation.subject)
    scores = evaluation.scores
    by_class = "\n".join(
        " | ".join(
            [
                f"| {item.name}",
                *(_percent(report, f"{kind}.{item.name}") for kind in ("precision", "recall", "f1")),
                f"{item.support:,} |",
            ]
        )
        for item in scores.classes
    )
    bands = [name for name, item in report.figures.items() if name.startswith("agreement.") and item.n]
    by_agreement = "\n".join(
        f"| {name.removeprefix('agreement.')} | {_percent(report, name)} | {report.figures[name].n:,} |"
        for name in bands
    )
    arguments = ", ".join(f"{key} = {value}" for key, value in info.arguments.items()) or "defaults"
    weak = sorted((item for item in scores.classes if item.support), key=lambda item: item.recall)[:3]
    weakest = ", ".join(f"{item.name} ({item.recall:.0%} of {item.support} found)" for item in weak)
    return f"""# {info.name}

Names the **apparent expression** of one face: {", ".join(info.classes)}.
It reads faces, not feelings: what a
face shows and what a person feels are different things, and people disagree on both.

| | |
|---|---|
| architecture | `{info.architecture}` ({arguments}) |
| parameters | {info.num_parameters:,} |
| input | {info.input} px, one face, framed as FER2013 frames it; `model.json` has the exact preprocessing |
| trained on | {info.data.get("num_train_images", 0):,} images of `{info.data.get("name", "")}`, label mode \
{info.data.get("label_mode", "")}, {_describe_start(info)} |
| origin | run `{info.origin.get("run", "")}`, epoch {info.origin.get("epoch", "")} |
| weights | SHA-256 `{info.weights_sha256}` |

## Figures
Data set `{evaluation.dataset}`, split `{evaluation.split}`, {evaluation.protocol}, **n = {scores.n:,}**,
fp32, no test-time augmentation. Reproduce with
`fer evaluate {info.name} --dataset {evaluation.dataset} --split {evaluation.split}`.

| figure | value | bootstrap 95 % interval |
|---|---|---|
| accuracy | {scores.accuracy:.2%} | {_interval(report, "accuracy", percent=True)} |
| balanced accuracy (mean recall of the classes) | {scores.balanced_accuracy:.2%} | \
{_interval(report, "balanced_accuracy", percent=True)} |
| macro-F1 | {scores.macro_f1:.3f} | {_interval(report, "macro_f1")} |
| log loss | {scores.log_loss:.3f} | {_interval(report, "log_loss")} |
| expected calibration error, 15 bins, T = {info.temperature:.3f} | {report.figures["ece"].value:.4f} | \
{_interval(report, "ece")} |
| the same with T = 1 | {report.figures["ece_uncalibrated"].value:.4f} | \
{_interval(report, "ece_uncalibrated")} |
| the same with T fitted on the other half | {report.figures["ece_cross_fitted"].value:.4f} | \
{_interval(report, "ece_cross_fitted")} |
{_describe_copies(info.metrics[0] if info.metrics else {})}
In per cent, with 95 % intervals:

| class | precision | recall | F1 | images |
|---|---|---|---|---|
{by_class}
{_describe_agreement(by_agreement)}
The best epoch was chosen, and the temperature fitted, on this same split: on new images of the same kind
expect slightly less, and on other kinds of images clearly less.

## Data
{data.source}: {data.num_images:,} images. {data.licence}

## Known failures
- Weakest classes: {weakest}. Rare classes have few examples, and annotators disagree on them most.
- Trained on small, mostly frontal, grey web images. Profiles, occlusion, blur, darkness and very small faces
  lower accuracy.
- The training data does not say who the people are, so accuracy by age, sex or skin tone is unknown. Assume
  that it differs.

## Intended use
Research, teaching, and prototypes in which the people shown have agreed and a person checks the result.

Not for: decisions about people (hiring, work, schools, credit, border or police work), lie detection,
diagnosis, or watching people without their consent. The EU's AI Act (Art. 5(1)(f)) prohibits inferring
emotions from faces at work and in schools, medical and safety reasons aside.
"""
