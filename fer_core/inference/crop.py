"""From face boxes to the square crops that a model expects. Pure geometry and resampling; no model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fer_core.checkpoint import FramingSpec, InputSpec
from fer_core.types import FaceBox, UInt8Array

_MAX_SAMPLED_SIDE_PX: Final[int] = 4096
"""Largest grid that a crop is sampled on before it is averaged down; bounds memory for absurd boxes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    """A square region in pixels of its image; may reach outside."""

    x: float
    """Left edge."""
    y: float
    """Top edge."""
    side: float
    """Side, > 0."""


def compute_square(box: FaceBox, framing: FramingSpec) -> Square:
    """Return the square around a face that reproduces the framing of a model's training pictures."""
    side = box.height * framing.side_per_height
    center_x, center_y = box.center
    return Square(
        x=center_x - side / 2,
        y=center_y - framing.shift_up * side - side / 2,
        side=side,
    )


def compute_box(square: Square, framing: FramingSpec, *, aspect: float, score: float) -> FaceBox:
    """Return the face box that `compute_square` turns into `square`; its width is `aspect` heights."""
    height = square.side / framing.side_per_height
    width = height * aspect
    center_x = square.x + square.side / 2
    center_y = square.y + square.side / 2 + framing.shift_up * square.side
    return FaceBox(x=center_x - width / 2, y=center_y - height / 2, width=width, height=height, score=score)


def extract_square(image_rgb: UInt8Array, square: Square, *, width: int, height: int) -> UInt8Array:
    """Resample one square of an H x W x 3 image to height x width x 3.

    Positions are exact to a fraction of a pixel, so that a slowly moving face does not jump. Growing is
    bilinear; shrinking averages over the area that a pixel covers. Outside the image its edge is repeated.
    """
    import cv2

    # Sample about one point a source pixel on a grid of whole multiples of the output, then average.
    factor = math.ceil(square.side / min(width, height))
    factor = max(1, min(factor, _MAX_SAMPLED_SIDE_PX // max(width, height)))
    columns, rows = width * factor, height * factor
    step_x, step_y = square.side / columns, square.side / rows
    # Pixel centres: sample i lies at x + (i + 0.5) * step in a frame where pixel 0 spans [0, 1].
    grid_to_image = np.array(
        [[step_x, 0, square.x + step_x / 2 - 0.5], [0, step_y, square.y + step_y / 2 - 0.5]],
        dtype=np.float64,
    )
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


def extract_crops(image_rgb: UInt8Array, boxes: Sequence[FaceBox], spec: InputSpec) -> UInt8Array:
    """Cut all faces out of an image, framed and sized for a model.

    Args:
        image_rgb: H x W x 3 RGB.
        boxes: faces; each may lie partly, or wholly, outside the image.
        spec: the model's input.

    Returns:
        N x height x width for a grey model (ITU-R BT.601 luma), N x height x width x 3 RGB otherwise.
    """
    import cv2

    shape = (len(boxes), spec.height, spec.width)
    crops = np.empty(shape if spec.color == "gray" else (*shape, 3), dtype=np.uint8)
    for index, box in enumerate(boxes):
        square = compute_square(box, spec.framing)
        crop = extract_square(image_rgb, square, width=spec.width, height=spec.height)
        crops[index] = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY) if spec.color == "gray" else crop
    return crops
