"""Where the panels beside the faces go: pure geometry on integers, no pixels."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fer_core.types import FaceBox

_GAP_PX = 3
_MAX_OWN_COVER = 0.2
"""Share of its own face that a panel may hide where the face leaves no room beside it."""
_FACES_PER_EXCEPTION = 8

_Rects = npt.NDArray[np.int64]
"""n x 4: left, top, right, bottom; right and bottom exclusive."""


class Placement(NamedTuple):
    """Where one panel goes, and at which of its sizes."""

    level: int
    """Index into the face's list of sizes; 0 is the most detailed."""
    x: int
    """Left edge in pixels."""
    y: int
    """Top edge in pixels."""
    width: int
    """Width in pixels."""
    height: int
    """Height in pixels."""


def layout_panels(
    boxes: Sequence[FaceBox],
    sizes: Sequence[Sequence[tuple[int, int]]],
    frame_size: tuple[int, int],
    *,
    first_level: int = 0,
) -> list[Placement | None]:
    """Place one panel beside every face, so that panels neither overlap each other nor leave the frame.

    Panels share one level of detail: the first at which all but one in eight fit without hiding another face
    (or, if there is none, the last but one). The rest take the most detailed later level that fits them, and
    at the very last a panel may hide part of a face. A panel always lies along the rim of its own box, so
    that it is clear whose it is.

    Args:
        boxes: the faces; they may overlap each other and lie partly or wholly outside the frame.
        sizes: for every face its panel's (width, height) in pixels, most detailed first. Every face has the
            same number of levels.
        frame_size: (width, height) of the frame in pixels.
        first_level: do not try more detail than this.

    Returns:
        One placement a face, in order; None where not even the smallest panel has room.
    """
    if not boxes:
        return []
    faces = _to_rects(boxes, *frame_size)
    num_levels = len(sizes[0])
    assert all(len(levels) == num_levels for levels in sizes) and len(sizes) == len(boxes)
    # Top to bottom, left to right, whatever the results' order: neighbours are placed one after another.
    order = sorted(range(len(boxes)), key=lambda index: (faces[index, 1], faces[index, 0]))
    plain = range(first_level, num_levels - 1)
    for level in plain or [num_levels - 1]:
        plan = _Plan(faces, sizes, frame_size)
        left_over = [index for index in order if not plan.place(index, level)]
        if len(left_over) <= len(boxes) // _FACES_PER_EXCEPTION:
            break
    for index in left_over:
        if not any(plan.place(index, later) for later in range(level + 1, num_levels)):
            plan.place(index, num_levels - 1, forced=True)
    return plan.placements


def _to_rects(boxes: Sequence[FaceBox], width: int, height: int) -> _Rects:
    edges = np.array([(box.x, box.y, box.x + box.width, box.y + box.height) for box in boxes])
    edges[:, 0::2] = edges[:, 0::2].clip(0, width)
    edges[:, 1::2] = edges[:, 1::2].clip(0, height)
    return edges.round().astype(np.int64)


class _Plan:
    """The panels placed so far."""

    def __init__(
        self, faces: _Rects, sizes: Sequence[Sequence[tuple[int, int]]], frame_size: tuple[int, int]
    ) -> None:
        self.placements: list[Placement | None] = [None] * len(faces)
        self._faces = faces
        self._sizes = sizes
        self._frame_size = frame_size
        self._panels = np.empty((0, 4), np.int64)

    def place(self, index: int, level: int, *, forced: bool = False) -> bool:
        """Place one face's panel at `level` if there is room; say whether there was."""
        found = self._find(index, self._sizes[index][level], forced=forced)
        if found is None:
            return False
        left, top, right, bottom = found.tolist()
        self.placements[index] = Placement(level, left, top, right - left, bottom - top)
        self._panels = np.concatenate([self._panels, found[None]])
        return True

    def _find(self, index: int, size: tuple[int, int], *, forced: bool) -> _Rects | None:
        face = self._faces[index]
        others = np.delete(self._faces, index, axis=0)
        candidates = _candidates(face, size, np.concatenate([others, self._panels]), self._frame_size)
        if not len(candidates):
            return None
        free = _overlap(candidates, self._panels).sum(axis=1) == 0
        on_others = _overlap(candidates, others).sum(axis=1)
        near_others = _overlap(candidates, others + _aura(size)).sum(axis=1)
        on_own = _overlap(candidates, face[None])[:, 0]
        tolerable = _MAX_OWN_COVER * (face[2] - face[0]) * (face[3] - face[1])
        for allowed in (
            free & (near_others == 0) & (on_own == 0),
            free & (on_others == 0) & (on_own == 0),
            free & (on_others == 0) & (on_own <= tolerable),
        ):
            if allowed.any():
                return _row(candidates, int(allowed.argmax()))
        if forced and free.any():
            cost = np.where(free, on_others + on_own, np.iinfo(np.int64).max)
            return _row(candidates, int(cost.argmin()))
        return None


def _aura(size: tuple[int, int]) -> _Rects:
    """What to add to a box so that a panel outside the result is not taken for this box's own."""
    margin = max(2 * _GAP_PX, min(size) // 3)
    return np.array([-margin, -margin, margin, margin])


def _row(rects: _Rects, index: int) -> _Rects:
    row: _Rects = rects[index]
    return row


def _candidates(
    face: _Rects, size: tuple[int, int], obstacles: _Rects, frame_size: tuple[int, int]
) -> _Rects:
    """Rectangles of `size` round `face`, all inside the frame, best first.

    Beside the box at its top, middle and bottom, below and above it at its left, middle and right, and flush
    with the edges of whatever else is near. Where the frame ends they are pushed back over the face.
    """
    left, top, right, bottom = (int(value) for value in face)
    panel_width, panel_height = size
    frame_width, frame_height = frame_size
    if panel_width > frame_width or panel_height > frame_height:
        return np.empty((0, 4), np.int64)
    ys = _along(top, bottom, panel_height, obstacles[:, 1], obstacles[:, 3])
    xs = _along(left, right, panel_width, obstacles[:, 0], obstacles[:, 2])
    corners = np.concatenate(
        [
            _pairs(np.array([right + _GAP_PX]), ys),
            _pairs(np.array([left - _GAP_PX - panel_width]), ys),
            _pairs(xs, np.array([bottom + _GAP_PX])),
            _pairs(xs, np.array([top - _GAP_PX - panel_height])),
        ]
    )
    corners[:, 0] = corners[:, 0].clip(0, frame_width - panel_width)
    corners[:, 1] = corners[:, 1].clip(0, frame_height - panel_height)
    return np.concatenate([corners, corners + np.array([panel_width, panel_height])], axis=1)


def _along(start: int, end: int, length: int, obstacle_starts: _Rects, obstacle_ends: _Rects) -> _Rects:
    """Positions on one axis at which a panel of `length` still touches the stretch from start to end."""
    own = np.array([start, (start + end - length) // 2, end - length])
    flush = np.concatenate([obstacle_ends + 1, obstacle_starts - length - 1])
    near = flush[(flush > start - length) & (flush < end)]
    return np.concatenate([own, near[np.abs(near - start).argsort(kind="stable")]])


def _pairs(xs: _Rects, ys: _Rects) -> _Rects:
    pairs = np.empty((max(len(xs), len(ys)), 2), np.int64)
    pairs[:, 0], pairs[:, 1] = xs, ys
    return pairs


def _overlap(first: _Rects, second: _Rects) -> _Rects:
    """Area in square pixels that each of n rectangles shares with each of m others: n x m."""
    if not len(second):
        return np.zeros((len(first), 0), np.int64)
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    sides = np.maximum(high - low, 0)
    shared: _Rects = sides[..., 0] * sides[..., 1]
    return shared
