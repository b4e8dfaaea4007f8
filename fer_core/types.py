"""Frozen result types that the parts of the program hand to each other. No torch, no pixels.

Coordinates are pixels of the image they were found in: x to the right, y down, origin at the top left corner.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fer_core.errors import CheckpointError

UInt8Array = npt.NDArray[np.uint8]
Float32Array = npt.NDArray[np.float32]


def normalize_roll(degrees: float) -> float:
    """The same angle in (-180, 180]."""
    return 180 - (180 - degrees) % 360


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceBox:
    """Where a face is, in the convention of YuNet: hairline to chin, ear to ear.

    Every detector answers in this convention, so that a crop of a box means the same whoever found it.
    """

    x: float
    """Left edge in pixels; may lie outside the image."""
    y: float
    """Top edge in pixels; may lie outside the image."""
    width: float
    """Width in pixels, > 0."""
    height: float
    """Height in pixels, > 0."""
    score: float
    """The detector's confidence in [0, 1]; comparable only between boxes of one detector."""
    roll: float = 0.0
    """Degrees by which the face is turned clockwise in the picture, in (-180, 180]; 0 is upright, 90 a face
    whose hair points to the right."""
    yaw: float | None = None
    """Degrees by which the face, stood upright, looks to the right of the picture, -90 to 90; None if the
    detector can't tell."""
    pitch: float | None = None
    """Degrees by which the face looks up, -90 to 90; None if the detector can't tell."""

    @property
    def is_lying(self) -> bool:
        """Whether the face lies on its side, so that its height is the box's width."""
        return 45 < abs(self.roll) < 135

    @property
    def face_height(self) -> float:
        """Hairline to chin in pixels, whichever way the face is turned."""
        return self.width if self.is_lying else self.height

    @property
    def center(self) -> tuple[float, float]:
        """Centre (x, y) in pixels."""
        return self.x + self.width / 2, self.y + self.height / 2

    def scaled(self, factor: float) -> "FaceBox":
        """The same box in an image resized by `factor`."""
        return replace(
            self,
            x=self.x * factor,
            y=self.y * factor,
            width=self.width * factor,
            height=self.height * factor,
        )


@dataclass(frozen=True, slots=True)
class Prediction:
    """Probabilities of the apparent expressions of one face."""

    classes: tuple[str, ...]
    """Class names, in the order of the checkpoint that predicted."""
    probabilities: tuple[float, ...]
    """One probability in [0, 1] a class, in the same order, summing to 1."""

    @classmethod
    def from_array(cls, classes: Sequence[str], probabilities: npt.ArrayLike) -> "Prediction":
        """Build from a vector of len(classes) probabilities."""
        values = np.asarray(probabilities, dtype=np.float64)
        assert values.shape == (len(classes),), (values.shape, classes)
        return cls(tuple(classes), tuple(values.tolist()))

    @property
    def label(self) -> str:
        """The most probable class."""
        return self.ranked()[0][0]

    @property
    def confidence(self) -> float:
        """Probability of the most probable class, in [0, 1]."""
        return max(self.probabilities)

    def ranked(self) -> list[tuple[str, float]]:
        """(class, probability) pairs, most probable first; ties keep the classes' order."""
        pairs = zip(self.classes, self.probabilities, strict=True)
        return sorted(pairs, key=lambda pair: -pair[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceQuality:
    """How well a face can be read (`fer_core.inference.face_quality`)."""

    height_px: float
    """Hairline to chin in pixels of the picture."""
    sharpness: float
    """Standard deviation of the Laplacian over that of the pixels, both of the face at the size at which a
    model reads it: about 0.3 blurred, 0.7 sharp. Noise counts as sharp."""
    brightness: float
    """Mean grey level of the face, 0 to 255."""
    contrast: float
    """Standard deviation of its grey levels."""
    yaw: float | None
    """As in `FaceBox`."""
    pitch: float | None
    """As in `FaceBox`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceResult:
    """One face of an image or frame, with what the model says of it."""

    box: FaceBox
    prediction: Prediction
    track_id: int | None = None
    """Identity across the frames of a video; None for a still image."""
    quality: FaceQuality | None = None
    """How well it can be read; None if that was not measured."""
    expected_correctness: float | None = None
    """Share of faces like this one whose label is right, in [0, 1]; None if the quality is not known."""

    @property
    def label(self) -> str:
        """The most probable class."""
        return self.prediction.label

    @property
    def confidence(self) -> float:
        """Probability of the most probable class, in [0, 1]."""
        return self.prediction.confidence

    @property
    def probabilities(self) -> dict[str, float]:
        """Probability in [0, 1] by class, most probable first."""
        return dict(self.prediction.ranked())


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceResult:
    """What is heard at a frame."""

    is_speech: bool
    """Whether somebody speaks."""
    prediction: Prediction | None = None
    """Of the voice; None where nobody speaks, or too shortly to say."""
    speaker: int | None = None
    """`track_id` of the face that speaks; None if that is not known."""
    fused: Prediction | None = None
    """What that face and the voice express together, in the face's classes; None where nothing is fused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceSummary:
    """What was heard in a video."""

    model: str
    speech_s: float
    """Seconds in which somebody speaks."""
    mean_shares: Mapping[str, float]
    """Mean probability of each class over the labelled time; empty if nobody speaks."""
    num_fused_frames: int
    """Frames with a face that is known to speak."""


def check_answers(found: Float32Array, model: str = "the model") -> None:
    """Check what a model answers, N x K: NaN would be sorted and drawn as a sure answer.

    Raises:
        CheckpointError: an answer is not finite; `model` is what the message calls the model.
    """
    bad = int((~np.isfinite(found)).any(axis=1).sum())
    if bad:
        raise CheckpointError(
            f"{model} answers {bad} of {len(found)} images with NaN or infinity, so its weights are "
            "unusable: copy, train or export it again, or choose another one"
        )
