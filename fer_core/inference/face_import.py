"""Cutting faces out of pictures while they are imported: detectors at the service of `fer_core.data`."""

from fer_core.data.importers.decoding import Box, Cropper, cut_face, face_of
from fer_core.inference.detectors import build_detector
from fer_core.types import UInt8Array
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

    def crop(image_rgb: UInt8Array, box: Box | None) -> UInt8Array | None:
        found = detector.detect(image_rgb) if box is None else [face_of(box)]
        if not found:
            return None
        face = max(found, key=lambda item: item.width * item.height)
        return cut_face(image_rgb, face, width=width, height=height)

    return crop
