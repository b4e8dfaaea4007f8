"""From face boxes to the crops that a model expects."""

import math
from collections.abc import Sequence

import numpy as np

from fer_core.checkpoint import InputSpec
from fer_core.errors import MediaError
from fer_core.framing import compute_square, extract_square
from fer_core.types import FaceBox, UInt8Array


def extract_crops(image_rgb: UInt8Array, boxes: Sequence[FaceBox], spec: InputSpec) -> UInt8Array:
    """Cut all faces out of an image, framed and sized for a model.

    Args:
        image_rgb: H x W x 3 RGB.
        boxes: faces; each may lie partly, or wholly, outside the image.
        spec: the model's input.

    Returns:
        N x height x width for a grey model (ITU-R BT.601 luma), N x height x width x 3 RGB otherwise.

    Raises:
        MediaError: a box is not finite.
    """
    from fer_core.opencv import cv2

    check_boxes(boxes)
    shape = (len(boxes), spec.height, spec.width)
    crops = np.empty(shape if spec.color == "gray" else (*shape, 3), dtype=np.uint8)
    for index, box in enumerate(boxes):
        square = compute_square(box, spec.framing)
        crop = extract_square(image_rgb, square, width=spec.width, height=spec.height)
        crops[index] = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY) if spec.color == "gray" else crop
    return crops


def check_boxes(boxes: Sequence[FaceBox]) -> None:
    """Raise MediaError if a box is not finite."""
    for box in boxes:
        if not all(map(math.isfinite, (box.x, box.y, box.width, box.height))):
            raise MediaError(f"the detector gives {box} as a face; expected finite numbers of pixels")
