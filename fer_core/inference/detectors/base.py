"""What every face detector has: its registration, and what it is wanted for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from fer_core.checkpoint import FramingSpec
from fer_core.errors import ConfigError
from fer_core.inference.downloads import RemoteFile
from fer_core.inference.interfaces import FaceDetector
from fer_core.registry import Registry
from fer_core.types import FaceBox, UInt8Array
from fer_core.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorRequest:
    """What a detector is wanted for; it heeds what matters to it."""

    workspace: Workspace
    """Where downloaded files are."""
    framing: FramingSpec = field(default_factory=FramingSpec)
    """Of the model that will read the faces. A detector that depends on it keeps it as `framing`, so that it
    is built again for another model."""
    max_side_px: int = 1280
    """Longest side that is worth searching: 640 for frames of a video, which must be fast."""
    is_stream: bool = False
    """Whether its pictures follow one another, so that what is rare may wait for the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorKind:
    """A detector that can be built by name."""

    build: Callable[[DetectorRequest], FaceDetector]
    """Makes one; each thread gets its own."""
    title: str
    """What pages call it."""
    hint: str = ""
    """What it is good for, in one sentence."""
    no_face_hint: str = "Try a picture in which a face is larger and better lit."
    """What to try when it found nothing, as Markdown."""
    file: RemoteFile | None = None
    """What must be downloaded before it can be used, with `fer fetch`; None if nothing."""
    module: str | None = None
    """A module that it needs and the small install leaves out (fer_core.extras); None if there is none."""


DETECTORS: Final[Registry[DetectorKind]] = Registry(
    "face detector", "fer_workbench.detectors", entry_types=(DetectorKind,)
)

MIN_SIDE_PX: Final[int] = 192
"""Smaller pictures are enlarged to this: of 300 FER2013 faces YuNet finds 222 at their 48 px, 290 at 192."""
FACE_ASPECT: Final[float] = 0.76
"""Width per height of YuNet's boxes (median)."""

_INSIDE: Final[float] = 0.8
"""Overlap from which a box lies within another."""

WHOLE_PICTURE: Final[str] = "If the picture is one face, cropped closely, choose **Whole picture**"


def resize(image: UInt8Array, scale: float) -> UInt8Array:
    """Shrink or enlarge an image by a factor."""
    from fer_core.opencv import cv2

    if scale == 1:
        return image
    height, width = image.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    mode = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=mode), dtype=np.uint8)


def merge_boxes(boxes: Sequence[FaceBox], *, max_overlap: float = 0.5) -> list[FaceBox]:
    """Keep one of the boxes that show one face, best score first.

    A box that lies within one of more than twice its area is a part of that face: a mouth, an eye. Of others
    that overlap the better score stays. Overlap is the shared area over the smaller box's area.
    """
    whole = [box for box in boxes if not any(_is_part(box, other) for other in boxes)]
    kept: list[FaceBox] = []
    for box in sorted(whole, key=lambda item: -item.score):
        if all(_overlap(box, other) <= max_overlap for other in kept):
            kept.append(box)
    return kept


def _is_part(box: FaceBox, other: FaceBox) -> bool:
    return 2 * box.width * box.height < other.width * other.height and _overlap(box, other) > _INSIDE


def _overlap(a: FaceBox, b: FaceBox) -> float:
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    return max(0.0, width) * max(0.0, height) / min(a.width * a.height, b.width * b.height)


def check_share(name: str, value: float) -> None:
    """Raise ConfigError unless a setting lies between 0 and 1, both excluded."""
    if not 0 < value < 1:
        raise ConfigError(f"{name} is {value}; expected more than 0 and less than 1")
