"""No detection: the whole image is one face."""

from fer_core.checkpoint import FramingSpec
from fer_core.framing import Square, compute_box
from fer_core.inference.detectors.base import DETECTORS, FACE_ASPECT, DetectorKind
from fer_core.types import FaceBox, UInt8Array


class WholeImageDetector:
    """Takes the whole picture for one face: for pictures that are cropped already.

    It answers with the box whose crop, under a model's framing, is the largest square in the middle of the
    picture.
    """

    name = "whole-image"

    def __init__(self, *, framing: FramingSpec | None = None) -> None:
        """Make a detector for models of the given framing; None is FER2013's."""
        self.framing = framing or FramingSpec()

    def detect(self, image_rgb: UInt8Array) -> list[FaceBox]:
        """Return one box of score 1 for an H x W x 3 RGB image."""
        height, width = image_rgb.shape[:2]
        side = min(height, width)
        square = Square(x=(width - side) / 2, y=(height - side) / 2, side=side)
        return [compute_box(square, self.framing, aspect=FACE_ASPECT, score=1.0)]


DETECTORS.register("whole-image")(
    DetectorKind(
        build=lambda request: WholeImageDetector(framing=request.framing),
        title="Whole picture",
        hint="Takes the whole picture for one face: for faces that are cropped already.",
        no_face_hint="Try another picture.",
    )
)
