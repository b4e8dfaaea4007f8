"""Samples on disk to float batches on a device, by kind of input: the one place where uint8 becomes float."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from fer_core.checkpoint import InputKind, InputSpec
from fer_core.types import UInt8Array


def load_batch(
    samples: UInt8Array, indices: npt.NDArray[np.int64], spec: InputSpec, device: torch.device
) -> Tensor:
    """Gather samples and bring them into the form that a model takes, as its kind of input has it.

    Args:
        samples: of images N x H x W or N x H x W x 3, uint8, memory-mapped or not.
        indices: rows to take, in any order.
        spec: the model's input.
        device: where the batch goes; it travels as it is stored: uint8 is a quarter of the bytes.

    Returns:
        Of images B x C x height x width in [0, 1], not yet normalised.
    """
    return _LOADERS[spec.kind](samples, indices, spec, device)


def _load_images(
    images: UInt8Array, indices: npt.NDArray[np.int64], spec: InputSpec, device: torch.device
) -> Tensor:
    batch = torch.from_numpy(images[indices]).to(device, non_blocking=True)
    batch = batch.unsqueeze(1) if batch.ndim == 3 else batch.permute(0, 3, 1, 2)
    return resize_batch(match_channels(batch.float() / 255, spec.channels), (spec.height, spec.width))


_LOADERS: Final[Mapping[InputKind, Callable[..., Tensor]]] = {"image": _load_images, "sound": _load_images}
"""Sound is stored as the pictures that a model takes."""


def match_channels(batch: Tensor, channels: int) -> Tensor:
    """Turn grey into RGB by repeating it, or RGB into grey by the Rec. 601 luma weights."""
    if batch.shape[1] == channels:
        return batch
    if channels == 3:
        return batch.expand(-1, 3, -1, -1)
    weights = batch.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return (batch * weights).sum(dim=1, keepdim=True)


def resize_batch(batch: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize B x C x H x W to `size` (rows, columns), anti-aliased where it shrinks."""
    if tuple(batch.shape[2:]) == size:
        return batch
    return F.interpolate(batch, size=size, mode="bilinear", align_corners=False, antialias=True)


def shrink_size(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """Rows and columns, each times `scale`."""
    return round(size[0] * scale), round(size[1] * scale)


def normalise(batch: Tensor, spec: InputSpec) -> Tensor:
    """Subtract the mean and divide by the standard deviation of each channel."""
    mean = batch.new_tensor(spec.mean).view(1, -1, 1, 1)
    std = batch.new_tensor(spec.std).view(1, -1, 1, 1)
    return ((batch - mean) / std).contiguous(memory_format=torch.channels_last)


def iterate_batches(indices: npt.NDArray[np.int64], batch_size: int) -> Iterator[npt.NDArray[np.int64]]:
    """Yield consecutive parts of `indices`; the last may be shorter."""
    for start in range(0, len(indices), batch_size):
        yield indices[start : start + batch_size]


def shuffle_for_epoch(num_samples: int, *, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """The order of an epoch: a function of seed and epoch alone, so that a resumed run sees the same."""
    return np.random.default_rng([seed, epoch]).permutation(num_samples)


def draw_balanced_order(labels: npt.NDArray[np.int64], *, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """An epoch in which every class is drawn equally often, as long as a plain one.

    Each class's images come in random order, all of them before any is repeated.

    Args:
        labels: class of each sample, M.
        seed: seed of the run.
        epoch: counts from 1; the order is a function of seed and epoch alone.

    Returns:
        M indices into `labels`.
    """
    generator = np.random.default_rng([seed, epoch])
    classes = np.unique(labels)
    quota = -(-len(labels) // len(classes))
    drawn = []
    for name in classes:
        members = np.flatnonzero(labels == name)
        rounds = [generator.permutation(members) for _ in range(-(-quota // len(members)))]
        drawn.append(np.concatenate(rounds)[:quota])
    return generator.permutation(np.concatenate(drawn))[: len(labels)]
