"""A picture that is drawn on in face units, and the curves that faces are made of.

Face units: the middle of the head is (0, 0), the chin is at y = 1, the top of the skull near y = -1, x runs
to the picture's right.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from fer_core.types import UInt8Array

Points: TypeAlias = npt.NDArray[np.float64]
"""N x 2 points in face units."""
Color: TypeAlias = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""


@lru_cache(maxsize=4096)
def mix(first: Color, second: Color, weight: float) -> Color:
    """`first` at weight 0, `second` at weight 1."""
    (r, g, b), (red, green, blue) = first, second
    return (
        min(255, max(0, round(r + weight * (red - r)))),
        min(255, max(0, round(g + weight * (green - g)))),
        min(255, max(0, round(b + weight * (blue - b)))),
    )


@lru_cache(maxsize=4096)
def luma(color: Color | int) -> int:
    """The grey that a colour becomes (ITU-R BT.601)."""
    return color if isinstance(color, int) else round(0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2])


def scaled(color: Color, factor: float) -> Color:
    """`color` made darker by `factor`, in [0, 1]."""
    return mix((0, 0, 0), color, factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Where the picture's edges are and how the head is held."""

    side: float = 1.72
    """Height of the picture in face units."""
    center: tuple[float, float] = (0.0, 0.12)
    """The point of the face that is in the middle of the picture, in face units."""
    tilt_deg: float = 0.0
    """Turn in the picture's plane, positive clockwise."""
    yaw_deg: float = 0.0
    """Turn to the picture's right; a few degrees only, this is a drawing."""
    pitch_deg: float = 0.0
    """Nod downwards."""


_Shape: TypeAlias = tuple[Points, bool, Color | int, int, bool]
"""A polygon or line that is still to be drawn: its points, whether it is flat, its colour, its thickness in
pixels (0 fills the polygon), whether it is closed."""


class Canvas:
    """A picture, H x W x 3 RGB or H x W grey, drawn on in face units. What was drawn is on it after `flush`.

    The points of many shapes are turned into pixels at once: one by one, numpy's calls would take most of the
    time.
    """

    def __init__(self, pixels: UInt8Array, view: View) -> None:
        height, width = pixels.shape[:2]
        self.pixels = pixels
        self.unit = height / view.side
        angle = np.deg2rad(view.tilt_deg)
        self._turn = self.unit * np.array(
            [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
        )  # applied from the right to row vectors
        self._shift = np.array([width / 2, height / 2]) - np.asarray(view.center) @ self._turn
        self._parallax = 0.7 * np.sin(np.deg2rad([view.yaw_deg, view.pitch_deg]))
        self._waiting: list[_Shape] = []

    def fill(self, points: Points, color: Color | int, *, flat: bool = False) -> None:
        """Fill a polygon; `flat` leaves it where it is when the head turns (outlines)."""
        self._waiting.append((points, flat, color, 0, True))

    def line(self, points: Points, color: Color | int, width: float, *, closed: bool = False) -> None:
        """Draw a line `width` face units wide, at least one pixel."""
        self._waiting.append((points, False, color, max(1, round(width * self.unit)), closed))

    def flush(self) -> None:
        """Put onto the picture what was drawn since the last time."""
        import cv2

        if not self._waiting:
            return
        ends = list(itertools.accumulate(len(shape[0]) for shape in self._waiting))
        places = self._to_pixels(self._waiting, ends)
        start = 0
        is_grey = self.pixels.ndim == 2
        for end, (_, _, color, thickness, closed) in zip(ends, self._waiting, strict=True):
            shape = [places[start:end]]
            drawn = luma(color) if is_grey else color
            if thickness:
                cv2.polylines(self.pixels, shape, closed, drawn, thickness, cv2.LINE_AA, 4)
            else:
                cv2.fillPoly(self.pixels, shape, drawn, cv2.LINE_AA, 4)
            start = end
        self._waiting.clear()

    def _to_pixels(self, shapes: Sequence[_Shape], ends: Sequence[int]) -> npt.NDArray[np.int32]:
        points = np.concatenate([shape[0] for shape in shapes])
        # The face bulges towards us: its middle moves most when the head turns; what is flat doesn't.
        depth = 1 - (points[:, 0] / 0.85) ** 2 - (points[:, 1] / 1.2) ** 2
        start = 0
        for end, (_, flat, *_) in zip(ends, shapes, strict=True):
            if flat:
                depth[start:end] = 0
            start = end
        points += np.sqrt(np.maximum(depth, 0))[:, None] * self._parallax
        return np.asarray(np.rint((points @ self._turn + self._shift) * 16 - 8), np.int32)


@lru_cache(maxsize=64)
def _bow(num: int) -> tuple[Points, Points]:
    """How far along its chord each point of a parabola is, and how high over it: 0 to 1."""
    t = np.linspace(0.0, 1.0, num)
    return t, 4 * t * (1 - t)


@lru_cache(maxsize=64)
def circle(num: int) -> tuple[Points, Points]:
    """Cosine and sine of `num` angles, evenly round the circle; not to be changed."""
    t = np.linspace(0.0, 2 * np.pi, num, endpoint=False)
    return np.cos(t), np.sin(t)


def join(x: Points, y: Points) -> Points:
    """N x 2 points of their N x and y."""
    points = np.empty((len(x), 2))
    points[:, 0], points[:, 1] = x, y
    return points


def bow(start: tuple[float, float], end: tuple[float, float], height: float, num: int = 13) -> Points:
    """A parabola from `start` to `end` whose middle lies `height` below the chord (above, if negative)."""
    t, rise = _bow(num)
    return join(start[0] + t * (end[0] - start[0]), start[1] + t * (end[1] - start[1]) + rise * height)


def oval(x: float, y: float, radius_x: float, radius_y: float, num: int = 24) -> Points:
    """An ellipse of `num` points around (x, y)."""
    cos, sin = circle(num)
    return join(x + radius_x * cos, y + radius_y * sin)


def between(upper: Points, lower: Points) -> Points:
    """The area between two curves that run from left to right."""
    return np.concatenate([upper, lower[::-1]])


def clip_between(shape: Points, upper: Points, lower: Points) -> Points:
    """`shape` pressed between two curves that run from left to right."""
    top = np.interp(shape[:, 0], upper[:, 0], upper[:, 1])
    bottom = np.interp(shape[:, 0], lower[:, 0], lower[:, 1])
    x = np.minimum(np.maximum(shape[:, 0], upper[0, 0]), upper[-1, 0])
    return join(x, np.minimum(np.maximum(shape[:, 1], top), np.maximum(top, bottom)))
