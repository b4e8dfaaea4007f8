"""How well a face can be read, and how often the label of such a face is right.

Sharpness, brightness and contrast are measured on the crop that the model reads, so they cost next to
nothing; size, and which way the face looks, lie in the box. Two small models stand on these, both in
face_quality.json and fitted by benchmarks/face_quality.py: the worse a face can be read, the more its
probabilities are softened; and from these and the same measures follows how many of such faces have the right
label (`expect_correct`). Both know nothing of classes, so they serve any classifier of faces.
"""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from fer_core.inference.frames import Frame, as_frame
from fer_core.inference.interfaces import Predictor
from fer_core.types import FaceBox, FaceQuality, FaceResult, Float32Array, Prediction, UInt8Array

GRID_PX: Final[int] = 48
"""Side of the grey copy of a crop that is measured: the input of the shipped models."""
_RIM: Final[int] = GRID_PX // 8
"""Of that copy, on each side, that is left out: hair, background, and edges repeated outside the picture."""
_NOISE: Final[float] = 2.0
"""Grey levels added to the contrast before sharpness is divided by it, so that a plain area is not sharp."""

COEFFICIENTS: Final[Path] = Path(__file__).with_suffix(".json")
FLAWS: Final[dict[str, str]] = {
    "small": "small",
    "blurred": "blurred",
    "dark": "dark",
    "flat": "low contrast",
    "turned": "turned away",
    "tilted": "looking up or down",
}
"""What makes a face hard to read, and how people say it, in the order of `compute_burdens`."""
MEASURES: Final[tuple[str, ...]] = tuple(FLAWS)
_GOOD: Final[tuple[float, ...]] = (64.0, 0.6, 96.0, 32.0)
"""Height in pixels, sharpness, brightness and contrast from which more does not help."""
_MOST_HALVINGS: Final[float] = 3.0
_YAW_UNIT, _PITCH_UNIT, _MOST_UNITS = 30.0, 15.0, 4.0
_LIMITS: Final[dict[str, tuple[str, float]]] = {
    "small": ("height_px", 20),
    "blurred": ("sharpness", 0.2),
    "dark": ("brightness", 24),
    "flat": ("contrast", 6),
}
_MOST_YAW, _MOST_PITCH = 45.0, 25.0
"""Degrees. A face is not usable beyond one of these limits."""
_TINY: Final[float] = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityModel:
    """The fitted numbers."""

    softening: dict[str, float]
    """By measure: what one unit of it adds to the logarithm of the temperature, >= 0."""
    burden: dict[str, float]
    """By measure: what one unit of it takes from the log odds of a right label, >= 0."""
    intercept: float
    log_odds: float
    """Weight of the log odds of the best probability."""
    log_ratio: float
    """Weight of the logarithm of the best probability over the second."""


@cache
def load_quality_model() -> QualityModel:
    """The numbers that this package carries."""
    values = json.loads(COEFFICIENTS.read_text("utf-8"))
    return QualityModel(**{name: values[name] for name in QualityModel.__slots__})


def measure_quality(crops: UInt8Array, boxes: Sequence[FaceBox]) -> list[FaceQuality]:
    """Measure how well faces can be read.

    Args:
        crops: as the model reads them, uint8, N x H x W or N x H x W x 3 RGB.
        boxes: of the same N faces, in pixels of their picture.
    """
    rows = zip(*_measure_pixels(_to_grid(crops)), boxes, strict=True) if len(boxes) else ()
    return [
        FaceQuality(
            height_px=box.face_height,
            sharpness=detail / (contrast + _NOISE),
            brightness=brightness,
            contrast=contrast,
            yaw=box.yaw,
            pitch=box.pitch,
        )
        for brightness, contrast, detail, box in rows
    ]


def _to_grid(crops: UInt8Array) -> UInt8Array:
    """Grey crops, N x `GRID_PX` x `GRID_PX`."""
    from fer_core.opencv import cv2

    if crops.ndim == 4:
        crops = np.stack([cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY) for crop in crops])
    if crops.shape[1:] == (GRID_PX, GRID_PX):
        return crops
    return np.stack([cv2.resize(crop, (GRID_PX, GRID_PX), interpolation=cv2.INTER_AREA) for crop in crops])


def _measure_pixels(grey: UInt8Array) -> tuple[list[float], list[float], list[float]]:
    """Mean and standard deviation of each crop's middle, and the standard deviation of its Laplacian."""
    start, end = _RIM, GRID_PX - _RIM
    pixels = grey.astype(np.int16)
    inner = pixels[:, start:end, start:end]
    beside = pixels[:, start:end, start - 1 : end - 1] + pixels[:, start:end, start + 1 : end + 1]
    above = pixels[:, start - 1 : end - 1, start:end] + pixels[:, start + 1 : end + 1, start:end]
    brightness, contrast = _find_spread(inner)
    _, detail = _find_spread(beside + above - 4 * inner)
    return brightness.tolist(), contrast.tolist(), detail.tolist()


def _find_spread(values: npt.NDArray[np.int16]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean and standard deviation of each of N arrays; the sums are whole numbers, and exact."""
    flat = values.reshape(len(values), -1).astype(np.int32)  # 1,296 squares of at most 1,020 fit
    mean = flat.sum(axis=1) / flat.shape[1]
    return mean, np.sqrt(np.einsum("ij,ij->i", flat, flat) / flat.shape[1] - mean**2)


def find_flaws(quality: FaceQuality) -> tuple[str, ...]:
    """What makes a face unusable: some of `MEASURES`; empty where it can be read.

    Examples:
        >>> good = FaceQuality(height_px=90, sharpness=0.7, brightness=120, contrast=40, yaw=5, pitch=0)
        >>> find_flaws(good)
        ()
        >>> import dataclasses
        >>> find_flaws(dataclasses.replace(good, height_px=12, yaw=-60))
        ('small', 'turned')
    """
    flaws = [name for name, (field, least) in _LIMITS.items() if getattr(quality, field) < least]
    angles = (("turned", quality.yaw, _MOST_YAW), ("tilted", quality.pitch, _MOST_PITCH))
    flaws += [name for name, angle, most in angles if angle is not None and abs(angle) > most]
    return tuple(flaws)


def compute_burdens(quality: FaceQuality) -> tuple[float, ...]:
    """How far a face is from easy to read, by each of `MEASURES`: 0 is easy.

    The first four are halvings of what is enough, at most 3: a face of 32 px is one halving short of 64. The
    last two are squares of the angle over 30 and 15 degrees, at most 4; 0 where it is not known: detectors
    that can't tell find frontal faces only.
    """
    values = (quality.height_px, quality.sharpness, quality.brightness, quality.contrast)
    short = [
        min(max(math.log2(good / max(value, _TINY)), 0.0), _MOST_HALVINGS)
        for value, good in zip(values, _GOOD, strict=True)
    ]
    turns = [
        0.0 if angle is None else min((angle / unit) ** 2, _MOST_UNITS)
        for angle, unit in ((quality.yaw, _YAW_UNIT), (quality.pitch, _PITCH_UNIT))
    ]
    return (*short, *turns)


def _weigh(weights: dict[str, float], quality: FaceQuality) -> float:
    return sum(
        weights[name] * burden for name, burden in zip(MEASURES, compute_burdens(quality), strict=True)
    )


def soften(probabilities: Float32Array, qualities: Iterable[FaceQuality]) -> Float32Array:
    """Divide the logits of faces that are hard to read by a temperature above 1; no label changes.

    Args:
        probabilities: N x K, rows sum to 1.
        qualities: of the same N faces.
    """
    weights = load_quality_model().softening
    powers = np.array([math.exp(-_weigh(weights, quality)) for quality in qualities], dtype=np.float64)
    raised = np.maximum(probabilities, 1e-30) ** powers[:, None]
    softened: Float32Array = (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)
    return softened


def expect_correct(probabilities: Sequence[float], quality: FaceQuality) -> float:
    """The share of faces like this one whose most probable class is the one that people chose, in [0, 1].

    Args:
        probabilities: of one face, at least two, as they are shown: softened, smoothed.
        quality: of the same face.
    """
    model = load_quality_model()
    second, first = sorted(min(max(value, _TINY), 1 - _TINY) for value in probabilities)[-2:]
    odds = model.log_odds * math.log(first / (1 - first)) + model.log_ratio * math.log(first / second)
    return 1 / (1 + math.exp(-(model.intercept + odds - _weigh(model.burden, quality))))


def read_faces(
    predictor: Predictor, views: Sequence[tuple[UInt8Array | Frame, Sequence[FaceBox]]]
) -> list[tuple[Prediction, FaceQuality]]:
    """Classify the faces of one or more pictures as one batch, and soften what the model says of bad ones.

    Args:
        predictor: a ready predictor.
        views: (H x W x 3 RGB picture or frame, its faces) each.

    Returns:
        One pair a face, in order.

    Raises:
        MediaError: a box is not finite.
        CheckpointError: the model answers with something else than finite probabilities.
    """
    info = predictor.info
    boxes = [box for _, found in views for box in found]
    if not boxes:
        return []
    crops = np.concatenate([as_frame(picture).crops(found, info.input) for picture, found in views if found])
    return settle(info.classes, predictor.predict_crops(crops), measure_quality(crops, boxes))


def settle(
    classes: tuple[str, ...], probabilities: Float32Array, qualities: Sequence[FaceQuality]
) -> list[tuple[Prediction, FaceQuality]]:
    """Soften N x K probabilities that a model gave for N faces, and join each to the face's quality."""
    rows = soften(probabilities, qualities)
    return [
        (Prediction.from_array(classes, row), quality) for row, quality in zip(rows, qualities, strict=True)
    ]


def judge(
    box: FaceBox, prediction: Prediction, quality: FaceQuality | None, track_id: int | None = None
) -> FaceResult:
    """A face with all that is known of it; without its quality nothing is expected."""
    expected = None if quality is None else expect_correct(prediction.probabilities, quality)
    return FaceResult(
        box=box, prediction=prediction, track_id=track_id, quality=quality, expected_correctness=expected
    )
