"""Turning a run's best epoch into a checkpoint that others can use: scored, calibrated, with a model card."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast, get_args

import torch

from fer_core.checkpoint import (
    CARD_FILE,
    CLASS_PRIOR_KEY,
    CheckpointInfo,
    load_checkpoint_info,
    save_checkpoint_info,
)
from fer_core.config import LabelMode
from fer_core.data.store import Dataset, DatasetInfo
from fer_core.data.targets import compute_class_prior, compute_targets
from fer_core.errors import CheckpointError
from fer_core.evaluation.calibration import compute_ece, fit_temperature
from fer_core.evaluation.report import Evaluation, evaluate_checkpoint
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
        published = dataclasses.replace(named, temperature=temperature, metrics=(_summarise(after, before),))
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


def build_model_card(info: CheckpointInfo, data: DatasetInfo, evaluation: Evaluation) -> str:
    """The model card (Mitchell et al., 2019) as Markdown, every figure from `evaluation`."""
    scores, figures = evaluation.scores, info.metrics[0]
    by_class = "\n".join(
        f"| {item.name} | {item.precision:.3f} | {item.recall:.3f} | {item.f1:.3f} | {item.support:,} |"
        for item in scores.classes
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
{info.data.get("label_mode", "")}, from random weights |
| origin | run `{info.origin.get("run", "")}`, epoch {info.origin.get("epoch", "")} |
| weights | SHA-256 `{info.weights_sha256}` |

## Figures
Data set `{evaluation.dataset}`, split `{evaluation.split}`, {evaluation.protocol}, **n = {scores.n:,}**,
fp32, no test-time augmentation. Printed again by
`fer evaluate {info.name} --dataset {evaluation.dataset} --split {evaluation.split}`.

| figure | value |
|---|---|
| accuracy | {scores.accuracy:.4%} |
| balanced accuracy (mean recall of the classes) | {scores.balanced_accuracy:.4%} |
| macro-F1 | {scores.macro_f1:.4f} |
| log loss | {scores.log_loss:.4f} |
| expected calibration error, 15 bins | {figures["ece"]:.4f} (before temperature scaling \
{figures["ece_uncalibrated"]:.4f}; T = {info.temperature:.3f}) |

| class | precision | recall | F1 | images |
|---|---|---|---|---|
{by_class}

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
