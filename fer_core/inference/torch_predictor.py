"""Classification of face crops by a network in torch."""

from typing import TYPE_CHECKING

import numpy as np

from fer_core.checkpoint import CheckpointInfo
from fer_core.inference.predictor_base import BatchPredictor
from fer_core.inference.threads import limit_torch
from fer_core.types import Float32Array, UInt8Array

if TYPE_CHECKING:
    from fer_core.models import FerModel


class TorchPredictor(BatchPredictor):
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

        limit_torch()
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

    @property
    def runtime(self) -> str:
        """What computes, for people: `torch cpu, fp32`."""
        return f"torch {self.device}, fp32"

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
