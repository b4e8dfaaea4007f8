"""Classification of face crops by a network. Preprocessing comes from the checkpoint, and only from there."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from fer_core.checkpoint import CheckpointInfo, InputSpec, find_checkpoint
from fer_core.errors import ConfigError
from fer_core.inference.crop import extract_crops
from fer_core.inference.interfaces import Predictor
from fer_core.types import FaceBox, Float32Array, Prediction, UInt8Array
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from fer_core.models import FerModel

BATCH_SIZE: Final[int] = 64
"""Faces classified at once; more are worked off in turns, so that a crowd needs no more memory."""


class TorchPredictor:
    """A network and its checkpoint's description. Safe to call from several threads at once."""

    def __init__(self, model: "FerModel", info: CheckpointInfo, *, device: str = "auto") -> None:
        """Take over `model`, which is moved to the device and set to evaluation mode.

        Args:
            model: the network that `info` describes.
            info: classes, preprocessing and temperature.
            device: `auto` (CUDA where there is one, else the CPU) or a name that torch knows.

        Raises:
            ConfigError: there is no such device here.
        """
        import torch

        from fer_core.models import resolve_device

        self._info = info
        self.device = resolve_device(device)
        self._model = model.eval().to(self.device).to(memory_format=torch.channels_last)
        self._model.requires_grad_(False)
        shape = (1, info.input.channels, 1, 1)
        self._mean = torch.tensor(info.input.mean, device=self.device).view(shape) * 255
        self._scale = 1 / (torch.tensor(info.input.std, device=self.device).view(shape) * 255)

    @property
    def info(self) -> CheckpointInfo:
        """The checkpoint that predicts."""
        return self._info

    def predict(self, image_rgb: UInt8Array, boxes: Sequence[FaceBox]) -> list[Prediction]:
        """Crop each box from an H x W x 3 RGB image and classify all crops, in box order."""
        crops = extract_crops(image_rgb, boxes, self._info.input)
        return [Prediction.from_array(self._info.classes, row) for row in self.predict_crops(crops)]

    def predict_crops(self, crops: UInt8Array) -> Float32Array:
        """Return calibrated probabilities, N x K, of N ready crops.

        Args:
            crops: uint8, N x H x W (grey models) or N x H x W x 3 (RGB models), at the model's input size.

        Raises:
            ConfigError: the crops are not of that shape or type.
        """
        check_crops(crops, self._info.input)
        if not len(crops):
            return np.empty((0, len(self._info.classes)), dtype=np.float32)
        batches = [crops[start : start + BATCH_SIZE] for start in range(0, len(crops), BATCH_SIZE)]
        return np.concatenate([self._predict_batch(batch) for batch in batches])

    def _predict_batch(self, crops: UInt8Array) -> Float32Array:
        import torch

        with torch.inference_mode():
            pixels = torch.from_numpy(np.ascontiguousarray(crops)).to(self.device)
            # The memory of N x H x W x C is what channels_last means, so this view is free.
            x = pixels[:, None] if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2)
            x = (x.float() - self._mean) * self._scale
            logits = self._model(x.contiguous(memory_format=torch.channels_last)).float()
            probabilities = torch.softmax(logits / self._info.temperature, dim=1)
            return np.asarray(probabilities.cpu().numpy(), dtype=np.float32)


def check_crops(crops: UInt8Array, spec: InputSpec) -> None:
    """Check that crops fit a model's input.

    Raises:
        ConfigError: they do not; the message says what was seen and expected.
    """
    expected = (spec.height, spec.width) if spec.color == "gray" else (spec.height, spec.width, 3)
    if crops.dtype != np.uint8 or crops.ndim != len(expected) + 1 or crops.shape[1:] != expected:
        shape = " x ".join(map(str, ("N", *expected)))
        raise ConfigError(f"crops are {crops.dtype} of shape {crops.shape}; the model takes uint8, {shape}")


def load_predictor(reference: str, workspace: Workspace, *, device: str = "auto") -> Predictor:
    """Load the checkpoint that a person named.

    Args:
        reference: a shipped checkpoint's name, a run's name, or a folder.
        workspace: where runs are.
        device: as for `TorchPredictor`.

    Raises:
        CheckpointError: there is none, or it is damaged.
        ConfigError: there is no such device here.
    """
    from fer_core.models import load_checkpoint

    model, info = load_checkpoint(find_checkpoint(reference, workspace).folder)
    return TorchPredictor(model, info, device=device)
