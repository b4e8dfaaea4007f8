"""Corruptions by webcams and crops: blur, noise, JPEG, darkness, occlusion, rotation, low resolution.

After Hendrycks and Dietterich (2019), with strengths chosen for small faces: sizes are fractions of the
picture's side, so that they mean the same at 48 and at 224 px. Everything works on whole batches of uint8
pictures, N x H x W or N x H x W x 3, and returns the same shape.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer_core.errors import ConfigError
from fer_core.types import UInt8Array

Change = Callable[[UInt8Array, float, np.random.Generator], UInt8Array]

NUM_SEVERITIES: Final[int] = 3


@dataclass(frozen=True, slots=True)
class Corruption:
    """A way to spoil pictures, at three strengths."""

    name: str
    title: str
    unit: str
    """What the strengths are."""
    strengths: tuple[float, float, float]
    change: Change

    def apply(self, images: UInt8Array, severity: int, *, seed: int = 0) -> UInt8Array:
        """Spoil pictures.

        Args:
            images: uint8, N x H x W or N x H x W x 3.
            severity: 1 to 3.
            seed: of what is random; the same for the same pictures gives the same result.

        Raises:
            ConfigError: there is no such severity.
        """
        if not 1 <= severity <= NUM_SEVERITIES:
            raise ConfigError(f"severity is {severity}; expected 1 to {NUM_SEVERITIES}")
        rng = np.random.default_rng([seed, severity, *self.name.encode()])
        return self.change(images, self.strengths[severity - 1], rng)


def _each(images: UInt8Array, change: Callable[[UInt8Array], npt.NDArray[Any]]) -> UInt8Array:
    return (
        np.stack([np.asarray(change(image), dtype=np.uint8) for image in images]) if len(images) else images
    )


def _clip(values: npt.NDArray[Any]) -> UInt8Array:
    clipped: UInt8Array = np.clip(np.round(values), 0, 255).astype(np.uint8)
    return clipped


def _blur(images: UInt8Array, strength: float, _rng: np.random.Generator) -> UInt8Array:
    import cv2

    sigma = strength * images.shape[2]
    return _each(
        images, lambda image: cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    )


def _motion_blur(images: UInt8Array, strength: float, rng: np.random.Generator) -> UInt8Array:
    import cv2

    length = max(3, round(strength * images.shape[2]) | 1)

    def change(image: UInt8Array) -> npt.NDArray[Any]:
        kernel = np.zeros((length, length), dtype=np.float32)
        kernel[length // 2] = 1
        turn = cv2.getRotationMatrix2D((length // 2, length // 2), rng.uniform(0, 180), 1)
        kernel = cv2.warpAffine(kernel, turn, (length, length))
        return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)

    return _each(images, change)


def _noise(images: UInt8Array, strength: float, rng: np.random.Generator) -> UInt8Array:
    return _clip(images + rng.normal(0, strength, images.shape).astype(np.float32))


def _jpeg(images: UInt8Array, strength: float, _rng: np.random.Generator) -> UInt8Array:
    import cv2

    settings = [cv2.IMWRITE_JPEG_QUALITY, int(strength)]

    def change(image: UInt8Array) -> npt.NDArray[Any]:
        _, data = cv2.imencode(".jpg", image, settings)  # which of three channels is red hardly matters here
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED))

    return _each(images, change)


def _darken(images: UInt8Array, strength: float, _rng: np.random.Generator) -> UInt8Array:
    return _clip(images * np.float32(strength))


def _flatten(images: UInt8Array, strength: float, _rng: np.random.Generator) -> UInt8Array:
    mean = images.mean(axis=tuple(range(1, images.ndim)), keepdims=True)
    return _clip(mean + (images - mean) * strength)


def _occlude(images: UInt8Array, strength: float, rng: np.random.Generator) -> UInt8Array:
    """A grey rectangle over `strength` of the area, anywhere inside."""
    corrupted = images.copy()
    rows, columns = images.shape[1:3]
    for image in corrupted:
        ratio = rng.uniform(0.5, 2)
        height = min(rows, max(1, round(np.sqrt(strength * ratio) * rows)))
        width = min(columns, max(1, round(strength * rows * columns / height)))
        top, left = rng.integers(0, rows - height + 1), rng.integers(0, columns - width + 1)
        image[top : top + height, left : left + width] = 128
    return corrupted


def _turn(images: UInt8Array, strength: float, rng: np.random.Generator) -> UInt8Array:
    import cv2

    rows, columns = images.shape[1:3]
    center = ((columns - 1) / 2, (rows - 1) / 2)

    def change(image: UInt8Array) -> npt.NDArray[Any]:
        matrix = cv2.getRotationMatrix2D(center, float(rng.choice([-strength, strength])), 1)
        return cv2.warpAffine(image, matrix, (columns, rows), borderMode=cv2.BORDER_REPLICATE)

    return _each(images, change)


def _shrink(images: UInt8Array, strength: float, _rng: np.random.Generator) -> UInt8Array:
    """Down to `strength` of the side, and up again."""
    import cv2

    rows, columns = images.shape[1:3]
    small = max(1, round(columns * strength)), max(1, round(rows * strength))

    def change(image: UInt8Array) -> npt.NDArray[Any]:
        tiny = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
        return cv2.resize(tiny, (columns, rows), interpolation=cv2.INTER_LINEAR)

    return _each(images, change)


def _misplace(images: UInt8Array, strength: float, rng: np.random.Generator) -> UInt8Array:
    """A crop that is off by `strength` of the side in both directions."""
    import cv2

    rows, columns = images.shape[1:3]

    def change(image: UInt8Array) -> npt.NDArray[Any]:
        right, down = rng.choice([-strength, strength], 2) * (columns, rows)
        matrix = np.array([[1, 0, right], [0, 1, down]], dtype=np.float32)
        return cv2.warpAffine(image, matrix, (columns, rows), borderMode=cv2.BORDER_REPLICATE)

    return _each(images, change)


def _rescale(images: UInt8Array, strength: float, rng: np.random.Generator) -> UInt8Array:
    """A crop that is too wide or too tight by `strength`."""
    import cv2

    rows, columns = images.shape[1:3]
    center = ((columns - 1) / 2, (rows - 1) / 2)

    def change(image: UInt8Array) -> npt.NDArray[Any]:
        matrix = cv2.getRotationMatrix2D(center, 0, float(rng.choice([1 / (1 + strength), 1 + strength])))
        return cv2.warpAffine(image, matrix, (columns, rows), borderMode=cv2.BORDER_REPLICATE)

    return _each(images, change)


CORRUPTIONS: Final[tuple[Corruption, ...]] = (
    Corruption("blur", "Blur", "sigma, share of the side", (0.015, 0.03, 0.05), _blur),
    Corruption("motion-blur", "Motion blur", "length, share of the side", (0.06, 0.12, 0.2), _motion_blur),
    Corruption("noise", "Noise", "standard deviation, of 255", (8, 16, 32), _noise),
    Corruption("jpeg", "JPEG", "quality", (40, 20, 8), _jpeg),
    Corruption("darkness", "Darkness", "share of the light left", (0.5, 0.25, 0.1), _darken),
    Corruption("low-contrast", "Low contrast", "share of the contrast left", (0.5, 0.25, 0.1), _flatten),
    Corruption("occlusion", "Occlusion", "share of the area", (0.08, 0.16, 0.3), _occlude),
    Corruption("rotation", "Rotation", "degrees", (10, 20, 35), _turn),
    Corruption("low-resolution", "Low resolution", "share of the side left", (0.6, 0.4, 0.25), _shrink),
    Corruption("misplaced-crop", "Misplaced crop", "share of the side", (0.04, 0.08, 0.15), _misplace),
    Corruption(
        "wrong-size-crop", "Crop of wrong size", "too wide or too tight by", (0.1, 0.2, 0.35), _rescale
    ),
)
