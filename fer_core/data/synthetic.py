"""Schematic faces: the data set that needs no download.

Every image is a function of the seed and its index alone, so a part of the set is the same whether or not
the rest is drawn. The annotators' votes are simulated: the weaker an expression shows, the more of them see
something similar, so that a label distribution means here what it means for FER+.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from fer_core.data.schematic.actions import draw_actions
from fer_core.data.schematic.canvas import Color, View
from fer_core.data.schematic.drawing import render_face
from fer_core.data.schematic.person import Person
from fer_core.errors import ConfigError
from fer_core.labels import EMOTIONS, FERPLUS_COLUMNS, canonical_emotion
from fer_core.types import UInt8Array

ColorMode: TypeAlias = Literal["gray", "rgb"]

SIZE_PX: Final[int] = 48
"""Side of the images unless another is asked for: FER2013's."""
NUM_ANNOTATORS: Final[int] = 10
"""As many as each FER+ image had."""
_SPLITS: Final[tuple[str, ...]] = tuple(
    {"t": "train", "v": "valid", "s": "test"}[letter] for letter in "tvstttttvsttttttvstt"
)
"""Splits of twenty consecutive faces of one class: 14 train, 3 valid, 3 test."""
_INTENSITY: Final[tuple[float, float]] = (0.6, 1.0)
_BACKGROUND: Final[tuple[int, int]] = (25, 235)

_CONFUSED_WITH: Final[dict[str, dict[str, float]]] = {
    "neutral": {"sadness": 4, "happiness": 1, "anger": 1, "contempt": 2, "unknown": 0.5},
    "happiness": {"neutral": 5, "surprise": 1, "contempt": 1, "unknown": 0.3},
    "surprise": {"fear": 4, "happiness": 2, "neutral": 2, "unknown": 0.3},
    "sadness": {"neutral": 5, "fear": 1, "anger": 1, "disgust": 1, "unknown": 0.5},
    "anger": {"disgust": 2.5, "neutral": 3, "sadness": 1.5, "contempt": 0.5, "unknown": 0.4},
    "disgust": {"anger": 4, "sadness": 1.5, "contempt": 1.5, "neutral": 1, "unknown": 0.8},
    "fear": {"surprise": 5, "sadness": 1.5, "neutral": 1, "unknown": 0.8},
    "contempt": {"neutral": 5, "happiness": 2, "disgust": 1, "unknown": 0.8},
}
"""How the votes that miss an expression are shared out (relative shares)."""
_NOT_A_FACE_SHARE: Final[float] = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class SchematicFaces:
    """Drawn faces with what was meant and what simulated annotators saw."""

    images: UInt8Array
    """N x H x W (grey) or N x H x W x 3 (RGB)."""
    labels: tuple[str, ...]
    """The emotion that was drawn, one per image, in `fer_core.labels.EMOTIONS` spelling."""
    votes: npt.NDArray[np.int64]
    """N x 10 counts, columns as `fer_core.labels.FERPLUS_COLUMNS`; every row sums to NUM_ANNOTATORS."""
    split: tuple[str, ...]
    """"train", "valid" or "test", one per image: 70, 15 and 15 % of every class."""


def generate_schematic_faces(
    num_images: int,
    *,
    seed: int = 0,
    size: int = SIZE_PX,
    color: ColorMode = "gray",
    on_progress: Callable[[int, int], None] | None = None,
) -> SchematicFaces:
    """Draw a data set of schematic faces, the classes in equal shares.

    Args:
        num_images: how many; the first n of a larger set are the set of n.
        seed: another seed, other people.
        size: side of the square images in pixels, at least 24.
        color: "gray" or "rgb".
        on_progress: called with (images drawn, num_images) about a hundred times.

    Raises:
        ConfigError: fewer than one image, an image too small to show a face, an unknown colour mode.
    """
    if num_images < 1:
        raise ConfigError(f"num_images is {num_images}; expected at least 1")
    if seed < 0:
        raise ConfigError(f"seed is {seed}; expected at least 0")
    _check_format(size, color)
    shape = (num_images, size, size) if color == "gray" else (num_images, size, size, 3)
    images = np.empty(shape, np.uint8)
    votes = np.empty((num_images, len(FERPLUS_COLUMNS)), np.int64)
    labels = tuple(EMOTIONS[index % len(EMOTIONS)] for index in range(num_images))
    step = max(1, num_images // 100)
    for index, emotion in enumerate(labels):
        rng = np.random.default_rng((seed, index))
        intensity = float(rng.uniform(*_INTENSITY))
        images[index] = _draw(emotion, intensity, rng, size=size, color=color)
        votes[index] = _draw_votes(emotion, intensity, rng)
        if on_progress is not None and ((index + 1) % step == 0 or index + 1 == num_images):
            on_progress(index + 1, num_images)
    return SchematicFaces(images=images, labels=labels, votes=votes, split=list_splits(num_images))


def list_splits(num_images: int) -> tuple[str, ...]:
    """Split of each face of a set of `num_images`."""
    return tuple(_SPLITS[(index // len(EMOTIONS)) % len(_SPLITS)] for index in range(num_images))


def draw_face(
    emotion: str, rng: np.random.Generator, *, size: int = 48, color: ColorMode = "gray"
) -> UInt8Array:
    """Draw one face as a data set shows it: cropped to the face, unevenly lit, a little blurred and noisy.

    Returns:
        size x size (grey) or size x size x 3 (RGB) uint8.

    Raises:
        DataError: unknown emotion.
        ConfigError: `size` below 24, or an unknown colour mode.
    """
    _check_format(size, color)
    intensity = float(rng.uniform(*_INTENSITY))
    return _draw(canonical_emotion(emotion), intensity, rng, size=size, color=color)


def draw_portrait(emotion: str, rng: np.random.Generator, *, size: int = 512) -> UInt8Array:
    """Draw one face clearly, with hair and shoulders: a sample picture on which face detectors work.

    Two generators with the same seed give the same person, whatever the emotion.

    Returns:
        size x size x 3 RGB uint8.

    Raises:
        DataError: unknown emotion.
        ConfigError: `size` below 24.
    """
    _check_format(size, "rgb")
    person = Person.random(rng)
    top = _random_color(rng, 150, 235)
    view = View(
        side=float(rng.uniform(2.9, 3.3)),
        center=(float(rng.uniform(-0.1, 0.1)), float(rng.uniform(0.15, 0.3))),
        tilt_deg=float(rng.normal(0, 3)),
        yaw_deg=float(rng.normal(0, 5)),
        pitch_deg=float(rng.normal(0, 3)),
    )
    actions = draw_actions(canonical_emotion(emotion), 1.0, rng)
    dimmed = (int(top[0] * 0.75), int(top[1] * 0.75), int(top[2] * 0.78))
    return render_face(person, actions, view, height_px=size, width_px=size, background=(top, dimmed))


def _check_format(size: int, color: str) -> None:
    if size < 24:
        raise ConfigError(f"size is {size}; expected at least 24 pixels, or nothing could be recognised")
    if color not in ("gray", "rgb"):
        raise ConfigError(f'color is {color!r}; expected "gray" or "rgb"')


def _random_color(rng: np.random.Generator, low: int, high: int) -> Color:
    red, green, blue = rng.integers(low, high, 3).tolist()
    return red, green, blue


def _draw(
    emotion: str, intensity: float, rng: np.random.Generator, *, size: int, color: ColorMode
) -> UInt8Array:
    view = View(
        side=float(rng.uniform(1.55, 2.15)),
        center=(float(rng.normal(0, 0.05)), float(rng.normal(0.09, 0.05))),
        tilt_deg=float(rng.normal(0, 6)),
        yaw_deg=float(np.clip(rng.normal(0, 9), -18, 18)),
        pitch_deg=float(np.clip(rng.normal(0, 5), -10, 10)),
    )
    image = render_face(
        Person.random(rng),
        draw_actions(emotion, intensity, rng),
        view,
        height_px=size,
        width_px=size,
        background=(_random_color(rng, *_BACKGROUND), _random_color(rng, *_BACKGROUND)),
        is_grey=color == "gray",
    )
    return _photograph(image, rng)


def _photograph(image: UInt8Array, rng: np.random.Generator) -> UInt8Array:
    """Uneven light, a lens that is not quite sharp, sensor noise."""
    import cv2

    size = image.shape[0]
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.4)
    ramp = np.linspace(-1, 1, size, dtype=np.float32)
    light = np.add.outer(np.float32(np.sin(angle)) * ramp, np.float32(np.cos(angle)) * ramp)
    # A camera's automatic exposure meets a dark or a bright picture half way.
    exposure = np.sqrt(rng.uniform(85, 165) / max(1.0, float(image.mean())))
    light = np.float32(exposure) * (1 + np.float32(strength) * light)
    sigma = float(rng.uniform(0, 0.8)) * size / 48
    if sigma > 0.25:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)
    noise = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(0, 9))
    exposed = image * (light if image.ndim == 2 else light[..., None]) + noise
    return np.asarray(exposed.clip(0, 255), np.uint8)


def _draw_votes(emotion: str, intensity: float, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Ten votes: how many see what was meant depends on how strongly it shows."""
    weakest, strongest = _INTENSITY
    strength = (intensity - weakest) / (strongest - weakest)
    seen = 0.6 + 0.36 * strength if emotion != "neutral" else 0.85
    shares = _CONFUSED_WITH[emotion]
    missed = np.array([shares.get(column, 0.0) for column in FERPLUS_COLUMNS])
    missed *= (1 - seen - _NOT_A_FACE_SHARE) / missed.sum()
    missed[FERPLUS_COLUMNS.index(emotion)] = seen
    missed[FERPLUS_COLUMNS.index("NF")] = _NOT_A_FACE_SHARE
    return np.asarray(rng.multinomial(NUM_ANNOTATORS, missed), np.int64)
