"""The two exchangeable parts of the inference pipeline."""

from collections.abc import Sequence
from typing import Protocol

from fer_core.checkpoint import CheckpointInfo
from fer_core.types import FaceBox, Float32Array, Prediction, UInt8Array


class FaceDetector(Protocol):
    """Finds faces. One instance serves one thread at a time."""

    @property
    def name(self) -> str:
        """Name in the detector registry."""

    def detect(self, image_rgb: UInt8Array) -> list[FaceBox]:
        """Return the faces of an H x W x 3 RGB image, in YuNet's box convention, best score first."""


class Predictor(Protocol):
    """Classifies faces. Safe to call from several threads at once."""

    @property
    def info(self) -> CheckpointInfo:
        """The checkpoint that predicts: classes, input, metrics."""

    @property
    def runtime(self) -> str:
        """What computes, for people: program, device and precision."""

    def predict(self, image_rgb: UInt8Array, boxes: Sequence[FaceBox]) -> list[Prediction]:
        """Crop each box from an H x W x 3 RGB image and classify all crops as one batch, in box order."""

    def predict_crops(self, crops: UInt8Array) -> Float32Array:
        """Return calibrated probabilities, N x K, of N ready crops.

        Args:
            crops: N x H x W (grey models) or N x H x W x 3 (RGB models), at the model's input size.
        """
