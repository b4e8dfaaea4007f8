"""Detectors of installed packages: what they answer is checked, so that a fault of theirs names them."""

import math
from typing import Final

from fer_core.errors import ConfigError, MediaError
from fer_core.inference.detectors.base import DETECTORS, DetectorRequest
from fer_core.inference.interfaces import FaceDetector
from fer_core.types import FaceBox, UInt8Array

_MAX_SIDE: Final[float] = 10.0
"""Longest side of a box, in longest sides of the picture: a face of which no more than a part is seen."""
_BOX: Final[str] = (
    "finite numbers of pixels, width and height above 0 and at most ten times the picture's longest side, a "
    "box that overlaps the picture, a score from 0 to 1, finite angles"
)


class ForeignDetector:
    """A package's detector, each answer of which is checked."""

    def __init__(self, name: str, detector: FaceDetector) -> None:
        """Wrap what the entry called `name` built."""
        self.name = name
        self._detector = detector
        if hasattr(detector, "framing"):  # see `DetectorRequest`: it must be found here, too
            self.framing = detector.framing

    def detect(self, image_rgb: UInt8Array) -> list[FaceBox]:
        """Return the faces of an H x W x 3 RGB image, best score first.

        Raises:
            MediaError: the detector fails, or answers with something else than boxes in the picture.
        """
        height, width = image_rgb.shape[:2]
        whose = DETECTORS.describe(self.name)
        with DETECTORS.blame(self.name, MediaError, f"detect in a picture of {width}x{height} px"):
            found = self._detector.detect(image_rgb)
            if not isinstance(found, (list, tuple)):
                raise MediaError(f"{whose} gives {found!r:.80} as faces; expected a list of FaceBox")
            for box in found:
                if not isinstance(box, FaceBox):
                    raise MediaError(f"{whose} gives {box!r:.80} as a face; expected a FaceBox")
                if not _is_possible(box, width, height):
                    raise MediaError(
                        f"{whose} gives {box} as a face of a picture of {width}x{height} px; expected {_BOX}"
                    )
            return sorted(found, key=lambda box: -box.score)


def _is_possible(box: FaceBox, width: int, height: int) -> bool:
    """Whether a box can be a face in a picture; TypeError where it holds no numbers."""
    angles = [angle for angle in (box.roll, box.yaw, box.pitch) if angle is not None]
    numbers = (box.x, box.y, box.width, box.height, box.score, *angles)
    return (
        all(map(math.isfinite, numbers))
        and min(box.width, box.height) > 0
        and max(box.width, box.height) <= _MAX_SIDE * max(width, height)
        and 0 <= box.score <= 1
        and -box.width < box.x < width
        and -box.height < box.y < height
    )


def build_foreign(name: str, request: DetectorRequest) -> ForeignDetector:
    """Build a package's detector.

    Raises:
        ConfigError: it can't be built, or what is built is no detector of that name.
    """
    whose = DETECTORS.describe(name)
    with DETECTORS.blame(name, ConfigError, "build a detector"):
        built = DETECTORS[name].build(request)
        if not (hasattr(built, "name") and callable(getattr(built, "detect", None))):
            raise ConfigError(f"{whose} builds {built!r:.80}; expected something with `name` and `detect`")
        if built.name != name:
            raise ConfigError(f"{whose} calls itself {built.name!r}; expected that name")
        return ForeignDetector(name, built)
