"""A detector and a predictor whose answers a test can foresee."""

from collections.abc import Sequence

import numpy as np

from fer_core.checkpoint import CheckpointInfo, InputSpec
from fer_core.types import FaceBox, Float32Array, Prediction, UInt8Array

CLASSES = ("happiness", "sadness")


def box(x: float, y: float = 10, width: float = 80, height: float = 100) -> FaceBox:
    return FaceBox(x=x, y=y, width=width, height=height, score=0.9)


def frame(brightness: int, height: int = 240, width: int = 320) -> UInt8Array:
    return np.full((height, width, 3), brightness, np.uint8)


class FakeDetector:
    """Finds the boxes it is given, in whatever picture."""

    name = "fake"

    def __init__(self, boxes: Sequence[FaceBox]) -> None:
        self.boxes = list(boxes)
        self.num_calls = 0
        self.fails = False

    def detect(self, image_rgb: UInt8Array) -> list[FaceBox]:
        self.num_calls += 1
        if self.fails:
            raise RuntimeError("the detector failed")
        return list(self.boxes)


class FakePredictor:
    """The first class's probability is the brightness of the frame."""

    def __init__(self, classes: tuple[str, str] = CLASSES, *, inverted: bool = False) -> None:
        self.num_calls = 0
        self.fails = False
        self._inverted = inverted
        self._info = CheckpointInfo(
            name="fake",
            architecture="fake",
            arguments={},
            classes=classes,
            input=InputSpec(height=48, width=48, color="gray", mean=(0.5,), std=(0.25,)),
            weights_sha256="0" * 64,
            num_parameters=0,
        )

    @property
    def info(self) -> CheckpointInfo:
        return self._info

    def predict(self, image_rgb: UInt8Array, boxes: Sequence[FaceBox]) -> list[Prediction]:
        self.num_calls += 1
        if self.fails:
            raise RuntimeError("the predictor failed")
        value = float(image_rgb[::8, ::8].mean()) / 255
        value = 1 - value if self._inverted else value
        return [Prediction.from_array(self._info.classes, (value, 1 - value)) for _ in boxes]

    def predict_crops(self, crops: UInt8Array) -> Float32Array:
        self.num_calls += 1
        if self.fails:
            raise RuntimeError("the predictor failed")
        value = crops.reshape(len(crops), -1).mean(axis=1) / 255
        value = 1 - value if self._inverted else value
        return np.stack([value, 1 - value], axis=1).astype(np.float32)
