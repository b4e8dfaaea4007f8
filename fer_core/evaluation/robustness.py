"""How much of its accuracy a model keeps when pictures are corrupted."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from fer_core.checkpoint import require_kind
from fer_core.data.store import Dataset
from fer_core.evaluation.common_classes import select_scored
from fer_core.evaluation.corruptions import CORRUPTIONS, NUM_SEVERITIES
from fer_core.evaluation.robustness_report import CLEAN, RobustnessReport, RobustnessRow
from fer_core.evaluation.scores import compute_scores
from fer_core.evaluation.scoring import compute_logits, compute_probabilities
from fer_core.models import load_checkpoint, resolve_device


def measure_robustness(
    folder: Path,
    dataset: Dataset,
    split: str,
    *,
    device: str = "auto",
    num_faces: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> RobustnessReport:
    """Score the checkpoint in `folder` on a split, as it is and corrupted in every way, in majority mode.

    Args:
        folder: of the checkpoint.
        dataset: scored over the classes that it and the model both have (`common_classes`).
        split: which split.
        device: auto, cpu or cuda.
        num_faces: at most so many, spread evenly over the split; 0 takes all.
        on_progress: told (passes done, passes in all).

    Raises:
        CheckpointError: the checkpoint is damaged, or reads no faces.
        ConfigError: there is no such device.
        DataError: the split does not exist or is empty, or fewer than two classes are common.
    """
    model, info = load_checkpoint(folder)
    require_kind(info, "image")  # a blurred spectrogram is no blurred voice
    scored = select_scored(info.name, info.classes, dataset, split).spread(num_faces)
    count = len(scored.rows)
    images = np.asarray(dataset.images[scored.rows])
    where = resolve_device(device)
    model = model.to(where, memory_format=torch.channels_last)  # type: ignore[call-overload]
    plan = [(CLEAN, 0, 0.0, images)] + [
        (item.name, severity, item.strengths[severity - 1], None)
        for item in CORRUPTIONS
        for severity in range(1, NUM_SEVERITIES + 1)
    ]
    by_name = {item.name: item for item in CORRUPTIONS}
    rows = []
    for done, (name, severity, strength, ready) in enumerate(plan):
        if on_progress is not None:
            on_progress(done, len(plan))
        corrupted = by_name[name].apply(images, severity) if ready is None else ready
        logits = compute_logits(model, corrupted, np.arange(count), info.input, device=where)
        chances = compute_probabilities(logits[:, scored.columns], info.temperature)
        scores = compute_scores(scored.labels, chances, scored.classes)
        rows.append(
            RobustnessRow(
                corruption=name,
                severity=severity,
                strength=strength,
                accuracy=scores.accuracy,
                balanced_accuracy=scores.balanced_accuracy,
                macro_f1=scores.macro_f1,
                n=count,
            )
        )
    if on_progress is not None:
        on_progress(len(plan), len(plan))
    return RobustnessReport(
        weights_sha256=info.weights_sha256,
        dataset=dataset.name,
        data_fingerprint=dataset.info.fingerprint,
        split=split,
        protocol=scored.protocol,
        rows=tuple(rows),
    )
