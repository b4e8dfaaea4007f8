"""How much the mouths of followed faces move, beside their heads: a sign of who speaks."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np

from fer_core.framing import Square, extract_square
from fer_core.inference.frames import Frame
from fer_core.types import FaceResult, Float32Array

_SIDE_PX: Final[int] = 64
"""Side of the upright picture of a face, hairline to chin, that is compared with the one before."""
_EYES: Final = (slice(12, 36), slice(12, 52))
_MOUTH: Final = (slice(40, 62), slice(16, 48))
"""Rows and columns of it, in YuNet's box convention. 24 and 40 are not padded: where `phaseCorrelate` pads to
an odd number (45 for 44) it errs by half a pixel."""
_MAX_SHIFT_PX: Final[float] = 4.0
"""A face that seems to jump further is another, or a cut."""


class MouthWatcher:
    """Compares each face with itself on the frame before. One instance serves one stream."""

    def __init__(self) -> None:
        """Nothing has been seen yet."""
        self._last: dict[int, Float32Array] = {}

    def look(self, frame: Frame, faces: Sequence[FaceResult]) -> dict[int, float]:
        """How much the mouth of each face has changed since the frame before, by track.

        Returns:
            Mean change of the mouth's grey levels over their contrast, less that of the eyes: about 0 where
            the mouth moves with the head, 0.1 and more where it opens and closes. Faces that were not on the
            frame before are left out.
        """
        movements, pictures = {}, {}
        for face in faces:
            if face.track_id is None:
                continue
            picture = pictures[face.track_id] = _cut(frame, face)
            before = self._last.get(face.track_id)
            movement = None if before is None else _compare(before, picture)
            if movement is not None:
                movements[face.track_id] = movement
        self._last = pictures
        return movements


def _cut(frame: Frame, face: FaceResult) -> Float32Array:
    square = Square.around(*face.box.center, face.box.face_height, face.box.roll)
    return extract_square(frame.luma, square, width=_SIDE_PX, height=_SIDE_PX).astype(np.float32)


@lru_cache(maxsize=1)
def _window() -> Float32Array:
    import cv2

    rows, columns = _EYES
    size = (columns.stop - columns.start, rows.stop - rows.start)
    return np.asarray(cv2.createHanningWindow(size, cv2.CV_32F), np.float32)


def _compare(before: Float32Array, after: Float32Array) -> float | None:
    """See `MouthWatcher.look`; None where the faces can't be laid upon each other."""
    import cv2

    # Boxes shake, and heads move: the part of the face that speech leaves alone says by how much.
    # Copies, for `phaseCorrelate` multiplies the window into what it is given.
    (x, y), _ = cv2.phaseCorrelate(before[_EYES].copy(), after[_EYES].copy(), _window())
    if max(abs(x), abs(y)) > _MAX_SHIFT_PX:
        return None
    moved = cv2.warpAffine(
        before,
        np.array([[1, 0, x], [0, 1, y]], np.float32),
        (_SIDE_PX, _SIDE_PX),
        borderMode=cv2.BORDER_REPLICATE,
    )
    changes = np.abs(after - moved)
    contrast = float(after[12:62, 10:54].std()) + 4.0
    return float(changes[_MOUTH].mean() - changes[_EYES].mean()) / contrast
