"""Cutting faces out of pictures while they are imported: detectors at the service of `fer_core.data`."""

from fer_core.checkpoint import FramingSpec
from fer_core.data.importers.pictures import Cropper
from fer_core.inference.crop import compute_square, extract_square
from fer_core.inference.detectors import build_detector
from fer_core.types import FaceBox, UInt8Array
from fer_core.workspace import Workspace


def build_cropper(detector_name: str, workspace: Workspace, *, width: int, height: int) -> Cropper:
    """Return a function that cuts out the largest face, or the source's own box where there is one.

    Args:
        detector_name: a name in `DETECTORS`.
        workspace: where the detector's weights are.
        width: of the crop, in pixels.
        height: of the crop, in pixels.

    Raises:
        ConfigError: there is no such detector, or its weights are missing.
    """
    detector = build_detector(detector_name, workspace)
    framing = FramingSpec()

    def crop(image_rgb: UInt8Array, box: tuple[float, float, float, float] | None) -> UInt8Array | None:
        if box is not None:
            x, y, box_width, box_height = box
            face = FaceBox(x=x, y=y, width=box_width, height=box_height, score=1.0)
        else:
            found = detector.detect(image_rgb)
            if not found:
                return None
            face = max(found, key=lambda item: item.width * item.height)
        side = max(width, height)
        square = extract_square(image_rgb, compute_square(face, framing), width=side, height=side)
        top, left = (side - height) // 2, (side - width) // 2
        return square[top : top + height, left : left + width]

    return crop
