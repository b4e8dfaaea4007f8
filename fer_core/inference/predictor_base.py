"""The common part of all predictors: crop, check, predict in batches."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final

import numpy as np

from fer_core.checkpoint import CheckpointInfo, InputSpec
from fer_core.errors import ConfigError
from fer_core.inference.crop import extract_crops
from fer_core.types import FaceBox, Float32Array, Prediction, UInt8Array, check_answers

BATCH_SIZE: Final[int] = 64
"""Faces classified at once; more are worked off in turns, so that a crowd needs no more memory."""


class BatchPredictor(ABC):
    """A predictor that only has to say how one batch of checked crops is classified."""

    @property
    @abstractmethod
    def info(self) -> CheckpointInfo:
        """The checkpoint that predicts."""

    @abstractmethod
    def _predict_batch(self, crops: UInt8Array) -> Float32Array:
        """Calibrated probabilities, N x K, of at most `BATCH_SIZE` crops that fit the model."""

    def predict(self, image_rgb: UInt8Array, boxes: Sequence[FaceBox]) -> list[Prediction]:
        """Crop each box from an H x W x 3 RGB image and classify all crops, in box order.

        Raises:
            MediaError: a box is not finite.
            CheckpointError: the model answers with something else than finite probabilities.
        """
        crops = extract_crops(image_rgb, boxes, self.info.input)
        return [Prediction.from_array(self.info.classes, row) for row in self.predict_crops(crops)]

    def predict_crops(self, crops: UInt8Array) -> Float32Array:
        """Return calibrated probabilities, N x K, of N ready crops.

        Args:
            crops: uint8, N x H x W (grey models) or N x H x W x 3 (RGB models), at the model's input size.

        Raises:
            ConfigError: the crops are not of that shape or type.
            CheckpointError: the model answers with something else than finite probabilities.
        """
        check_crops(crops, self.info.input)
        if not len(crops):
            return np.empty((0, len(self.info.classes)), dtype=np.float32)
        batches = [crops[start : start + BATCH_SIZE] for start in range(0, len(crops), BATCH_SIZE)]
        found = np.concatenate([self._predict_batch(batch) for batch in batches])
        check_answers(found, f"model {self.info.name!r}")
        return found


def check_crops(crops: UInt8Array, spec: InputSpec) -> None:
    """Check that crops fit a model's input.

    Raises:
        ConfigError: they do not; the message says what was seen and expected.
    """
    expected = (spec.height, spec.width) if spec.color == "gray" else (spec.height, spec.width, 3)
    if crops.dtype != np.uint8 or crops.ndim != len(expected) + 1 or crops.shape[1:] != expected:
        shape = " x ".join(map(str, ("N", *expected)))
        raise ConfigError(f"crops are {crops.dtype} of shape {crops.shape}; the model takes uint8, {shape}")
