"""A face detector: there is always one face, in the middle."""

from fer_core.inference.detectors import DETECTORS, DetectorKind, DetectorRequest
from fer_core.types import FaceBox, UInt8Array


class MiddleDetector:
    """Takes the middle of the image, half as wide and half as high, for a face."""

    name = "example_middle"

    def detect(self, image_rgb: UInt8Array) -> list[FaceBox]:
        """Return one box for an H x W x 3 RGB image."""
        height, width = image_rgb.shape[:2]
        return [FaceBox(x=width / 4, y=height / 4, width=width / 2, height=height / 2, score=1.0)]


def build(_request: DetectorRequest) -> MiddleDetector:
    """Make one; it needs nothing of what it is wanted for."""
    return MiddleDetector()


DETECTORS.register("example_middle")(
    DetectorKind(build=build, title="Middle (example)", hint="Takes the middle for a face.")
)
