"""Cuts of a video: a frame that shows another scene, so that whoever is there is somebody else."""

import statistics
from collections import deque
from collections.abc import Sequence
from typing import Final

import numpy as np

from fer_core.types import FaceBox, Float32Array, UInt8Array

_MIN_JUMP: Final[float] = 5.0
"""Mean change of the small picture, 0 to 255. Talking people reach 1 to 3 from frame to frame, a pan 10."""
_MIN_JUMP_RATIO: Final[float] = 6.0
"""The same over the median of the last frames: a pan changes every frame, a cut only one."""
_MAX_LIKENESS: Final[float] = 0.5
"""Correlation of a face's pixels before and after. From frame to frame one face keeps more than 0.7; two
people's faces, aligned, have 0.0 to 0.25 in common."""
_MIN_CONTRAST: Final[float] = 4.0
"""Standard deviation below which a patch has nothing that could be compared."""
_SMALL: Final[tuple[int, int]] = (64, 48)
_PATCH: Final[tuple[int, int]] = (24, 24)
_NUM_REMEMBERED: Final[int] = 12


class CutDetector:
    """Compares each frame with the one before: the picture as a whole, then the places of the known faces.

    Both must change. A person who walks in changes the picture, but not the faces that were there; a light
    that is switched on changes no face's pattern.
    """

    def __init__(self) -> None:
        """Nothing has been seen yet."""
        self._before: tuple[Float32Array, UInt8Array] | None = None
        self._jumps: deque[float] = deque(maxlen=_NUM_REMEMBERED)

    def reset(self) -> None:
        """Forget the frame before."""
        self._before = None
        self._jumps.clear()

    def is_cut(self, luma: UInt8Array, boxes: Sequence[FaceBox]) -> bool:
        """Whether the scene changed since the last call.

        Args:
            luma: H x W, of the same size as before; not changed until the next call is over.
            boxes: where faces were last known; without any there is nothing that a cut could confuse.
        """
        if not boxes:
            self.reset()
            return False
        small, before = _shrink(luma), self._before
        self._before = small, luma
        if before is None:
            return False
        jump = float(np.abs(small - before[0]).mean())
        usual = statistics.median(self._jumps) if self._jumps else 0.0
        self._jumps.append(jump)
        if jump < max(_MIN_JUMP, _MIN_JUMP_RATIO * usual):
            return False
        return all(_is_another(before[1], luma, box) for box in boxes)


def _shrink(luma: UInt8Array) -> Float32Array:
    """A few thousand pixels: reading all of a large frame would cost more than comparing them."""
    from fer_core.opencv import cv2

    dots = cv2.resize(luma, (3 * _SMALL[0], 3 * _SMALL[1]), interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.resize(dots, _SMALL, interpolation=cv2.INTER_AREA), np.float32)


def _is_another(before: UInt8Array, after: UInt8Array, box: FaceBox) -> bool:
    from fer_core.opencv import cv2

    left, top = max(0, round(box.x)), max(0, round(box.y))
    right, bottom = round(box.x + box.width), round(box.y + box.height)
    patches = []
    for luma in (before, after):
        patch = luma[top:bottom, left:right]
        if 0 in patch.shape:
            return True
        patches.append(np.asarray(cv2.resize(patch, _PATCH, interpolation=cv2.INTER_AREA), np.float64))
    first, second = (patch - patch.mean() for patch in patches)
    contrast = float(first.std() * second.std())
    return contrast > _MIN_CONTRAST**2 and float((first * second).mean()) < _MAX_LIKENESS * contrast
