"""Which way a face looks, from five points: a generic face in weak perspective (DeMenthon, Davis 1995)."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

_FACE: Final = np.array(
    [(-0.5, 0.0, 0.0), (0.5, 0.0, 0.0), (0.0, 0.58, 0.5), (-0.415, 1.02, -0.1), (0.415, 1.02, -0.1)]
)
"""Eyes, tip of the nose, corners of the mouth, in distances of the eyes: x to the picture's right, y down, z
towards the viewer. x and y are medians of frontal faces; depths are those that make YuNet's points of 1,034
press photos and 3,287 FER2013 faces most like turns of one rigid face."""
_LEAST_PX: Final[float] = 1e-6
_TO_AXES: Final = np.linalg.pinv(_FACE - _FACE.mean(axis=0))


def estimate_pose(points: Sequence[float], tilt: float) -> tuple[float, float] | None:
    """Yaw and pitch of a face.

    Args:
        points: x and y of five points in pixels: left eye of the picture, right eye, tip of the nose, left
            corner of the mouth, right corner.
        tilt: degrees by which the eyes are off level, clockwise.

    Returns:
        (yaw, pitch) in degrees, to the picture's right and up, each in [-90, 90]; None where all points are
        one. The points don't show a face upside down: to them it looks upright.
    """
    angle = math.radians(tilt)
    cos, sin = math.cos(angle), math.sin(angle)
    across, down = (_TO_AXES @ np.asarray(points, dtype=np.float64).reshape(5, 2)).T.tolist()
    # The axes of the face as the picture shows them, turned until the eyes are level.
    level_x = [cos * x + sin * y for x, y in zip(across, down, strict=True)]
    level_y = [cos * y - sin * x for x, y in zip(across, down, strict=True)]
    scale = (math.hypot(*level_x) + math.hypot(*level_y)) / 2
    if not scale > _LEAST_PX:
        return None
    yaw, pitch = (math.degrees(math.asin(max(-1.0, min(1.0, z / scale)))) for z in (level_x[2], -level_y[2]))
    return yaw, pitch
