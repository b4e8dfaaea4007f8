"""The mean of two checkpoints' weights: one network that keeps most of what each is good at.

Model soups (Wortsman et al., 2022) and the ensembling of a fine-tuned network with what it started from
(WiSE-FT, Wortsman et al., 2022): both hold where one descends from the other, or both from a third.
"""

import dataclasses
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from fer_core.checkpoint import CLASS_PRIOR_KEY, CheckpointInfo, load_checkpoint_info, verify_weights
from fer_core.data.batches import iterate_batches, load_batch, normalise
from fer_core.data.store import Dataset
from fer_core.errors import CheckpointError, ConfigError
from fer_core.models import FerModel
from fer_core.models.checkpoint_files import build_described, save_checkpoint
from fer_core.provenance import join_terms

_NUM_IMAGES: Final[int] = 4096
"""Training images that the statistics of batch normalisation are taken from again."""
_BATCH_SIZE: Final[int] = 256


def average_checkpoints(
    source: Path, other: Path, share: float, dataset: Dataset, target: Path
) -> CheckpointInfo:
    """Write the mean of two checkpoints of one architecture into `target`.

    Means of weights do not have the means of activations, so the statistics of batch normalisation are taken
    again, from training images as they are.

    Args:
        source: folder of the first; classes, input and settings are its own.
        other: folder of the second.
        share: of the second in every weight, above 0 and below 1.
        dataset: what they were trained on.
        target: an existing folder.

    Raises:
        CheckpointError: one of them is damaged, or they are not of one architecture, input and classes.
        ConfigError: the share is out of range.
    """
    if not 0 < share < 1:
        raise ConfigError(f"the share of the other checkpoint is {share}; expected above 0 and below 1")
    first, second = load_checkpoint_info(source), load_checkpoint_info(other)
    for part in ("architecture", "arguments", "classes"):
        ours, theirs = getattr(first, part), getattr(second, part)
        if ours != theirs:
            raise CheckpointError(
                f"{first.name} and {second.name} can't be averaged: {part} are {ours} and {theirs}; expected "
                "checkpoints of one family, one trained from the other"
            )
    model = build_described(first)
    weights = load_file(verify_weights(source, first))
    others = load_file(verify_weights(other, second))
    model.load_state_dict({name: _mix(value, others[name], share) for name, value in weights.items()})
    _renew_statistics(model, first, dataset)
    return save_checkpoint(target, model, _describe(first, second, share))


def _mix(ours: Tensor, theirs: Tensor, share: float) -> Tensor:
    return torch.lerp(ours, theirs, share) if ours.is_floating_point() else ours


def _renew_statistics(model: FerModel, info: CheckpointInfo, dataset: Dataset) -> None:
    layers = [item for item in model.modules() if isinstance(item, nn.modules.batchnorm._BatchNorm)]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the plain mean over all batches
    rows = dataset.split_indices("train")
    chosen = rows[np.linspace(0, len(rows) - 1, min(_NUM_IMAGES, len(rows))).astype(np.int64)]
    model.train()
    with torch.no_grad():
        for batch in iterate_batches(chosen, _BATCH_SIZE):
            images = load_batch(dataset.images, batch, info.input, torch.device("cpu"))
            model(normalise(images, info.input))
    model.eval()


def _describe(first: CheckpointInfo, second: CheckpointInfo, share: float) -> CheckpointInfo:
    data: dict[str, Any] = dict(first.data)
    if first.class_prior and second.class_prior:
        pairs = zip(first.classes, first.class_prior, second.class_prior, strict=True)
        data[CLASS_PRIOR_KEY] = {name: (1 - share) * ours + share * theirs for name, ours, theirs in pairs}
    averaged = f"{second.name} (SHA-256 {second.weights_sha256[:12]}), {share:.0%} of every weight"
    return dataclasses.replace(
        first,
        data=data,
        terms=join_terms([*first.terms, *second.terms]),
        origin={**first.origin, "averaged_with": averaged},
    )
