"""TensorBoard events, and accelerate's trackers for MLflow and Weights & Biases."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np
from torch import nn

from fer_core.runs.records import EpochRecord, GradientRecord, SampleRecord
from fer_core.types import UInt8Array

_TILE_PX: Final[int] = 96
_CAPTION_PX: Final[int] = 30
_NUM_BINS: Final[int] = 64
"""Of equal width, which NumPy counts in a fifth of the time that the default 1,549 of growing width take."""
_NOT_SCORES: Final[frozenset[str]] = frozenset({"epoch", "is_best", "protocol"})


def select_scores(record: EpochRecord) -> dict[str, float]:
    """The numbers of an epoch's record that make a curve."""
    return {
        key: float(value)
        for key, value in asdict(record).items()
        if key not in _NOT_SCORES and isinstance(value, int | float)
    }


class EventWriter:
    """Writes TensorBoard events into a run folder."""

    def __init__(self, folder: Path, *, epoch: int) -> None:
        """Open new event files; what older ones say beyond `epoch` finished epochs is superseded."""
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder), purge_step=epoch + 1 if epoch else None)

    def add_scores(self, record: EpochRecord) -> None:
        """Write the scalars of an epoch."""
        for key, value in select_scores(record).items():
            self._writer.add_scalar(key, value, record.epoch)

    def add_gradient_norms(self, record: GradientRecord) -> None:
        """Write one scalar a layer, as `gradient_norm/<layer>`."""
        for layer, norms in record.layers.items():
            if norms.gradient_norm is not None and math.isfinite(norms.gradient_norm):
                self._writer.add_scalar(f"gradient_norm/{layer}", norms.gradient_norm, record.epoch)

    def add_histograms(self, model: nn.Module, epoch: int, *, gradients: bool) -> None:
        """Write the distribution of every finite weight tensor, or of its gradient as it stands."""
        for name, parameter in model.named_parameters():
            tensor = parameter.grad if gradients else parameter
            if tensor is not None and bool(tensor.isfinite().all()):
                kind = "gradients" if gradients else "weights"
                values = tensor.detach().float().cpu()
                self._writer.add_histogram(f"{kind}/{name}", values, epoch, bins=_NUM_BINS)

    def add_samples(
        self,
        samples: Sequence[SampleRecord],
        images: Sequence[UInt8Array],
        classes: Sequence[str],
        epoch: int,
    ) -> None:
        """Write one picture of faces with truth and prediction beneath."""
        picture = draw_samples(samples, images, classes)
        self._writer.add_image("predictions", picture, epoch, dataformats="HWC")
        self._writer.flush()

    def close(self) -> None:
        """Write what is pending and close the file."""
        self._writer.close()


def draw_samples(
    samples: Sequence[SampleRecord],
    images: Sequence[UInt8Array],
    classes: Sequence[str],
    *,
    columns: int = 8,
) -> UInt8Array:
    """Faces in a grid, with the truth and the prediction beneath each, green where they agree.

    Args:
        samples: what was predicted for each image.
        images: each H x W or H x W x 3.
        classes: K names.
        columns: of the grid.

    Returns:
        Rows x columns x 3, RGB uint8.
    """
    from PIL import Image, ImageDraw, ImageFont

    rows = -(-len(samples) // columns)
    tile = _TILE_PX + _CAPTION_PX
    sheet = Image.new("RGB", (columns * _TILE_PX, rows * tile), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(11)
    for index, (sample, image) in enumerate(zip(samples, images, strict=True)):
        left, top = index % columns * _TILE_PX, index // columns * tile
        face = Image.fromarray(image).convert("RGB")
        sheet.paste(face.resize((_TILE_PX, _TILE_PX)), (left, top))
        best = int(np.argmax(sample.probabilities))
        right = classes[best] == sample.truth
        draw.text((left + 2, top + _TILE_PX), sample.truth, fill="black", font=font)
        caption = f"{classes[best]} {sample.probabilities[best]:.2f}"
        draw.text((left + 2, top + _TILE_PX + 13), caption, fill="#1a7f37" if right else "#c62828", font=font)
    return np.asarray(sheet)
