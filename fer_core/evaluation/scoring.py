"""Running a model over a split in one pass."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from fer_core.checkpoint import InputSpec
from fer_core.data.batches import iterate_batches, load_batch, normalise
from fer_core.evaluation.calibration import softmax
from fer_core.models import FerModel, is_bf16_fast
from fer_core.types import Float32Array, UInt8Array, check_answers

_BATCH_SIZES: Final[dict[str, int]] = {"cpu": 32}
"""By type of device, where 256 is not the fastest: a larger batch does not fit into a processor's cache."""


class FlipAveraged(nn.Module):
    """A model that answers with the mean of its logits for an image and for its mirror image."""

    def __init__(self, model: nn.Module) -> None:
        """Wrap `model`."""
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return N x K logits of N x C x H x W images."""
        logits: torch.Tensor = (self.model(x) + self.model(x.flip(3))) / 2
        return logits


@torch.inference_mode()
def compute_logits(
    model: nn.Module,
    images: UInt8Array,
    indices: npt.NDArray[np.int64],
    spec: InputSpec,
    *,
    device: torch.device,
    batch_size: int | None = None,
    autocast: Callable[[], AbstractContextManager[object]] = nullcontext,
    on_progress: Callable[[int, int], None] | None = None,
) -> Float32Array:
    """Logits, M x K float32, of the images at `indices`, in their order; puts the model into eval mode.

    Without a `batch_size` it is the fastest of the device.

    Raises:
        CheckpointError: one of them is not finite.
    """
    model.eval()
    parts = []
    for batch_indices in iterate_batches(indices, batch_size or _BATCH_SIZES.get(device.type, 256)):
        batch = normalise(load_batch(images, batch_indices, spec, device), spec)
        with autocast():
            logits = model(batch)
        parts.append(logits.float().cpu().numpy())
        if on_progress is not None:
            on_progress(sum(map(len, parts)), len(indices))
    found = np.concatenate(parts)
    check_answers(found)
    return found


@torch.inference_mode()
def compute_embeddings(
    model: FerModel,
    images: UInt8Array,
    indices: npt.NDArray[np.int64],
    spec: InputSpec,
    *,
    device: torch.device,
    batch_size: int | None = None,
    rough: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[Float32Array, Float32Array]:
    """Embeddings, M x E, and logits, M x K, of the images at `indices`; puts the model into eval mode.

    With `rough` they are computed in bf16 where that is faster: to three digits, in a third of the time.

    Raises:
        CheckpointError: one of them is not finite.
    """
    model.eval().to(memory_format=torch.channels_last)  # a sixth faster on a CPU
    is_bf16 = rough and is_bf16_fast(device)
    embeddings, logits = [], []
    batch_size = batch_size or _BATCH_SIZES.get(device.type, 256)
    for done, batch_indices in enumerate(iterate_batches(indices, batch_size), 1):
        batch = normalise(load_batch(images, batch_indices, spec, device), spec)
        with torch.autocast(device.type, torch.bfloat16) if is_bf16 else nullcontext():
            outputs = model.forward_outputs(batch)
        embeddings.append(outputs.embedding.float().cpu().numpy())
        logits.append(outputs.logits.float().cpu().numpy())
        if on_progress is not None:
            on_progress(min(done * batch_size, len(indices)), len(indices))
    found = np.concatenate(embeddings), np.concatenate(logits)
    for part in found:
        check_answers(part)
    return found


def compute_probabilities(logits: Float32Array, temperature: float = 1.0) -> npt.NDArray[np.float64]:
    """Softmax of logits / temperature, N x K."""
    return softmax(logits.astype(np.float64) / temperature)
