"""From a face box to the square around it, and its pixels. Pure geometry and resampling; no model."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fer_core.checkpoint import FramingSpec
from fer_core.types import FaceBox, UInt8Array

_MAX_SAMPLED_SIDE_PX: Final[int] = 4096
"""Largest grid that a crop is sampled on before it is averaged down; bounds memory for absurd boxes."""

_TINY_PX: Final[float] = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    """A square region in pixels of its image; may reach outside."""

    x: float
    """Left edge."""
    y: float
    """Top edge."""
    side: float
    """Side, > 0."""
    roll: float = 0.0
    """Degrees by which the region is turned clockwise about its own centre."""

    @classmethod
    def around(cls, center_x: float, center_y: float, side: float, roll: float = 0.0) -> "Square":
        """The square about a point."""
        return cls(x=center_x - side / 2, y=center_y - side / 2, side=side, roll=roll)


def compute_square(box: FaceBox, framing: FramingSpec) -> Square:
    """Return the square around a face that reproduces the framing of a model's training pictures.

    It is turned as the face is, so that the face stands upright in it.
    """
    side = box.face_height * framing.side_per_height
    up, angle = framing.shift_up * side, math.radians(box.roll)
    center_x, center_y = box.center
    return Square.around(center_x + up * math.sin(angle), center_y - up * math.cos(angle), side, box.roll)


def compute_box(square: Square, framing: FramingSpec, *, aspect: float, score: float) -> FaceBox:
    """Return the upright box that `compute_square` makes `square` of; its width is `aspect` heights."""
    height = square.side / framing.side_per_height
    width = height * aspect
    center_x = square.x + square.side / 2
    center_y = square.y + square.side / 2 + framing.shift_up * square.side
    return FaceBox(x=center_x - width / 2, y=center_y - height / 2, width=width, height=height, score=score)


def extract_square(image_rgb: UInt8Array, square: Square, *, width: int, height: int) -> UInt8Array:
    """Resample one square of an H x W x 3 image to height x width x 3, upright.

    Positions are exact to a fraction of a pixel, so that a slowly moving face does not jump. Growing is
    bilinear; shrinking averages over the area that a pixel covers. Outside the image its edge is repeated.
    """
    from fer_core.opencv import cv2

    if image_rgb.shape[:2] == (height, width) and _is_whole(square, height, width):
        return image_rgb.copy()  # every pixel is its own mean
    # Sample about one point a source pixel on a grid of whole multiples of the output, then average.
    factor = math.ceil(square.side / min(width, height))
    factor = max(1, min(factor, _MAX_SAMPLED_SIDE_PX // max(width, height)))
    columns, rows = width * factor, height * factor
    grid_to_image = _sampling_matrix(square, columns, rows)
    sampled = cv2.warpAffine(
        image_rgb,
        grid_to_image,
        (columns, rows),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if factor > 1:
        sampled = cv2.resize(sampled, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(sampled, dtype=np.uint8)


def _is_whole(square: Square, height: int, width: int) -> bool:
    """Whether a square covers an image of height x width, but for rounding."""
    gaps = (square.x, square.y, square.side - height, square.side - width, square.roll)
    return max(map(abs, gaps)) < _TINY_PX


def _sampling_matrix(square: Square, columns: int, rows: int) -> npt.NDArray[np.float64]:
    """From a grid's sample (column, row) to where it lies in the image: 2 x 3."""
    angle = math.radians(square.roll)
    # Exact zeros for upright faces, so that these are sampled as if there were no turns.
    cos, sin = (round(value, 12) for value in (math.cos(angle), math.sin(angle)))
    half = square.side / 2
    turn = np.array([[cos, -sin], [sin, cos]])
    steps = np.array([square.side / columns, square.side / rows])
    # Pixel centres: sample i lies (i + 0.5) steps from the edge, in a frame where pixel 0 spans [0, 1].
    center = np.array([square.x + half, square.y + half])
    first = center + turn @ (steps / 2 - half) - 0.5
    return np.column_stack([turn * steps, first])
