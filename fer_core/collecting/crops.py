"""The picture that a collection keeps of a face: upright, wide enough for whatever crop a model wants."""

from typing import Final

from fer_core.checkpoint import FramingSpec, InputSpec
from fer_core.framing import Square, compute_square, extract_square
from fer_core.types import FaceBox, UInt8Array

WIDE: Final = FramingSpec(side_per_height=2.0, shift_up=0.0)
"""Twice the face, its box in the middle."""
MAX_SIDE_PX: Final[int] = 224
MIN_SIDE_PX: Final[int] = 48


def cut_wide(image_rgb: UInt8Array, box: FaceBox) -> UInt8Array:
    """Cut a face out of its picture.

    Args:
        image_rgb: H x W x 3.
        box: of the face.

    Returns:
        S x S x 3 RGB, upright; S is the square's own side within `MIN_SIDE_PX` and `MAX_SIDE_PX`.
    """
    square = compute_square(box, WIDE)
    side = min(max(round(square.side), MIN_SIDE_PX), MAX_SIDE_PX)
    return extract_square(image_rgb, square, width=side, height=side)


def cut_for_model(wide_rgb: UInt8Array, spec: InputSpec) -> UInt8Array:
    """Cut what a model takes out of the picture that `cut_wide` made.

    Returns:
        H x W (grey) or H x W x 3, of the model's input size.
    """
    import cv2
    import numpy as np

    px = wide_rgb.shape[0]
    side = px * spec.framing.side_per_height / WIDE.side_per_height
    square = Square.around(px / 2, px / 2 - spec.framing.shift_up * side, side)
    crop = extract_square(wide_rgb, square, width=spec.width, height=spec.height)
    return np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), np.uint8) if spec.color == "gray" else crop
