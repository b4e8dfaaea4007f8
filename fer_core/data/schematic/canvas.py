"""A picture that is drawn on in face units, and the curves that faces are made of.

Face units: the middle of the head is (0, 0), the chin is at y = 1, the top of the skull near y = -1, x runs
to the picture's right.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from fer_core.types import UInt8Array

Points: TypeAlias = npt.NDArray[np.float64]
"""N x 2 points in face units."""
Color: TypeAlias = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""


def mix(first: Color, second: Color, weight: float) -> Color:
    """`first` at weight 0, `second` at weight 1."""
    blended = (round(a + weight * (b - a)) for a, b in zip(first, second, strict=True))
    red, green, blue = (min(255, max(0, value)) for value in blended)
    return red, green, blue


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


class Canvas:
    """A picture that is drawn on in face units."""

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

    def _to_pixels(self, points: Points, flat: bool) -> npt.NDArray[np.int32]:
        if not flat:  # the face bulges towards us: its middle moves most when the head turns
            depth = 1 - (points[:, 0] / 0.85) ** 2 - (points[:, 1] / 1.2) ** 2
            points = points + np.sqrt(depth.clip(0))[:, None] * self._parallax
        return np.asarray(np.round((points @ self._turn + self._shift) * 16 - 8), np.int32)

    def fill(self, points: Points, color: Color | int, *, flat: bool = False) -> None:
        """Fill a polygon; `flat` leaves it where it is when the head turns (outlines)."""
        import cv2

        cv2.fillPoly(self.pixels, [self._to_pixels(points, flat)], color, cv2.LINE_AA, shift=4)

    def line(self, points: Points, color: Color | int, width: float, *, closed: bool = False) -> None:
        """Draw a line `width` face units wide, at least one pixel."""
        import cv2

        thickness = max(1, round(width * self.unit))
        cv2.polylines(
            self.pixels, [self._to_pixels(points, False)], closed, color, thickness, cv2.LINE_AA, shift=4
        )


def bow(start: tuple[float, float], end: tuple[float, float], height: float, num: int = 13) -> Points:
    """A parabola from `start` to `end` whose middle lies `height` below the chord (above, if negative)."""
    t = np.linspace(0.0, 1.0, num)
    x = start[0] + t * (end[0] - start[0])
    y = start[1] + t * (end[1] - start[1]) + 4 * t * (1 - t) * height
    return np.stack([x, y], axis=1)


def oval(x: float, y: float, radius_x: float, radius_y: float, num: int = 24) -> Points:
    """An ellipse of `num` points around (x, y)."""
    t = np.linspace(0.0, 2 * np.pi, num, endpoint=False)
    return np.stack([x + radius_x * np.cos(t), y + radius_y * np.sin(t)], axis=1)


def between(upper: Points, lower: Points) -> Points:
    """The area between two curves that run from left to right."""
    return np.concatenate([upper, lower[::-1]])


def clip_between(shape: Points, upper: Points, lower: Points) -> Points:
    """`shape` pressed between two curves that run from left to right."""
    top = np.interp(shape[:, 0], upper[:, 0], upper[:, 1])
    bottom = np.interp(shape[:, 0], lower[:, 0], lower[:, 1])
    x = shape[:, 0].clip(upper[0, 0], upper[-1, 0])
    return np.stack([x, np.clip(shape[:, 1], top, np.maximum(top, bottom))], axis=1)
