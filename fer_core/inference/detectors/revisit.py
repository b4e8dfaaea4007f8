"""Searching the next picture of a stream where faces are known to be, as long as nothing happens elsewhere.

A whole search finds who is new. Between two of them the places of known, clear faces are searched alone, at
the whole picture's scale and on its grid, so that a network sees there what it would see in a whole search.
Where not even these changed, the faces are where they were.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from fer_core.inference.detectors.base import merge_boxes
from fer_core.types import FaceBox, UInt8Array

_MOST_REVISITS: Final[int] = 4
"""Searches between two of the whole picture."""
_SMALL: Final[tuple[int, int]] = (64, 48)
_STILL: Final[int] = 5
"""Grey levels by which no part of the small picture differs while nothing moves: noise and coding reach 3."""
_MOVED: Final[int] = 12
_NUM_MOVED: Final[int] = 2
"""Where more parts than this differ by more than that outside the known faces, somebody may have come."""
_MARGIN: Final[float] = 1.0
"""Searched on each side of a face, over its longer side. With it the boxes of two clips are within 0.3 px of
those of whole searches; with 0.6 they are off by up to 6 px, and without the grid by 2 px on average."""
_GRID: Final[int] = 32
"""Pixels; YuNet's coarsest cells."""
_MAX_AREA: Final[float] = 0.7
"""Share of the picture from which searching it whole costs as much."""
_MAX_ROLL: Final[float] = 30.0


class FindAgain(Protocol):
    """The faces of a part of a picture, best score first."""

    def __call__(self, patch_rgb: UInt8Array, *, only_large: bool) -> list[FaceBox]:
        """All of them, or at least those that are large."""


class Revisits:
    """What is known of the faces of the picture before."""

    def __init__(self, clear_score: float, large_px: float) -> None:
        """Begin with nothing.

        Args:
            clear_score: faces with a lower one need a whole search.
            large_px: height from which faces are large.
        """
        self._clear_score, self._large_px = clear_score, large_px
        self._faces: list[FaceBox] = []
        self._small = np.zeros(_SMALL[::-1], np.uint8)
        self._size = (0, 0)
        self._num_since = 0

    def forget(self) -> None:
        """The next picture is searched as a whole: for another scene."""
        self._faces = []

    def keep(self, image_rgb: UInt8Array, faces: Sequence[FaceBox]) -> None:
        """Remember what a whole search found."""
        self._faces, self._small, self._num_since = list(faces), _shrink(image_rgb), 0
        self._size = image_rgb.shape[1], image_rgb.shape[0]

    def find(self, image_rgb: UInt8Array, find_again: FindAgain) -> list[FaceBox] | None:
        """The faces of the next picture; None if it has to be searched as a whole.

        Args:
            image_rgb: H x W x 3.
            find_again: searches a part as large as it is; only asked where it pays.
        """
        size = image_rgb.shape[1], image_rgb.shape[0]
        if not self._faces or size != self._size or self._num_since >= _MOST_REVISITS:
            return None
        small = _shrink(image_rgb)
        change = np.abs(small.astype(np.int16) - self._small)
        if change.max() > _STILL:
            found = self._find_near(image_rgb, change, find_again)
            if not self._are_clear(found) or len(found) != len(self._faces):
                return None
            self._faces, self._small = found, small
        self._num_since += 1
        return list(self._faces)

    def _find_near(
        self, image_rgb: UInt8Array, change: npt.NDArray[np.int16], find_again: FindAgain
    ) -> list[FaceBox]:
        """The known faces where they are now; fewer where somebody may have come, or it doesn't pay."""
        size = image_rgb.shape[1], image_rgb.shape[0]
        windows = [_place_window(face, size) for face in self._faces]
        area = sum(window.area for window in windows)
        num_moved = np.count_nonzero(_blank(change, windows, size) > _MOVED)
        are_large = all(face.height >= self._large_px for face in self._faces)
        if area > _MAX_AREA * size[0] * size[1]:
            windows = [_Window(0, 0, *size)]
        does_not_pay = windows[0].area == size[0] * size[1] and not are_large
        if not self._are_clear(self._faces) or num_moved > _NUM_MOVED or does_not_pay:
            return []
        there = [
            replace(found, x=found.x + window.left, y=found.y + window.top)
            for window in windows
            for found in find_again(window.cut(image_rgb), only_large=are_large)
        ]
        return merge_boxes([found for face in self._faces if (found := _find_inside(face, there))])

    def _are_clear(self, faces: Sequence[FaceBox]) -> bool:
        return all(face.score >= self._clear_score and abs(face.roll) <= _MAX_ROLL for face in faces)


class _Window(NamedTuple):
    """A part of a picture, in whole pixels; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    def cut(self, image_rgb: UInt8Array) -> UInt8Array:
        return np.ascontiguousarray(image_rgb[self.top : self.bottom, self.left : self.right])

    @property
    def area(self) -> int:
        return max(0, self.right - self.left) * max(0, self.bottom - self.top)


def _find_inside(face: FaceBox, others: Sequence[FaceBox]) -> FaceBox | None:
    """The best of some boxes whose centre lies in a face's."""
    inside = [
        other
        for other in others
        if face.x <= other.center[0] <= face.x + face.width
        and face.y <= other.center[1] <= face.y + face.height
    ]
    return max(inside, key=lambda other: other.score, default=None)


def _place_window(face: FaceBox, size: tuple[int, int]) -> _Window:
    """A face's box and its margin, widened to whole cells of the grid and cut at the picture's edges."""
    margin = _MARGIN * max(face.width, face.height)
    left, top = (max(0, math.floor((place - margin) / _GRID) * _GRID) for place in (face.x, face.y))
    right, bottom = (
        min(side, math.ceil((place + margin) / _GRID) * _GRID)
        for side, place in zip(size, (face.x + face.width, face.y + face.height), strict=True)
    )
    return _Window(left, top, right, bottom)


def _blank(
    change: npt.NDArray[np.int16], windows: Sequence[_Window], size: tuple[int, int]
) -> npt.NDArray[np.int16]:
    """The change outside the windows."""
    elsewhere = change.copy()
    to_x, to_y = _SMALL[0] / size[0], _SMALL[1] / size[1]
    for left, top, right, bottom in windows:
        rows = slice(math.floor(top * to_y), math.ceil(bottom * to_y))
        elsewhere[rows, math.floor(left * to_x) : math.ceil(right * to_x)] = 0
    return elsewhere


def _shrink(image_rgb: UInt8Array) -> UInt8Array:
    """Some thousand pixels of green, each the mean of nine dots."""
    from fer_core.opencv import cv2

    dots = cv2.resize(image_rgb, (3 * _SMALL[0], 3 * _SMALL[1]), interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.resize(dots, _SMALL, interpolation=cv2.INTER_AREA)[:, :, 1], np.uint8)
