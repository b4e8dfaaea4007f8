"""The Haar cascade that comes with OpenCV; its boxes become YuNet's.

How the constants were found: OpenCV 4.14 on 13 photos with 72 YuNet faces, and 1,500 random FER2013 images
enlarged to 192 px.
"""

import math
from pathlib import Path
from typing import Final

import numpy as np

from fer_core.errors import ConfigError
from fer_core.inference.detectors.base import (
    DETECTORS,
    MIN_SIDE_PX,
    WHOLE_PICTURE,
    DetectorKind,
    check_share,
    resize,
)
from fer_core.inference.detectors.turned import TurnedFaceDetector
from fer_core.types import FaceBox, UInt8Array

_HAAR_CASCADE: Final[str] = "haarcascade_frontalface_alt.xml"
"""Of 72 faces on the photos it finds 61 with 1 false alarm; `default` 58 with 18, `alt2` 60 with 5."""
_HAAR_SCALE_STEP: Final[float] = 1.2
"""Ratio of the sizes that are searched. 1.1 finds the same 61 faces with 5 false alarms in twice the time."""
_HAAR_WIDTH: Final[float] = 0.815
_HAAR_HEIGHT: Final[float] = 1.06
_HAAR_SHIFT_DOWN: Final[float] = 0.014
"""YuNet's box relative to the side of Haar's square: halfway between the medians of 61 pairs on photos (width
0.80, height 1.02, centre 0.007 down) and of 976 on FER2013 (0.83, 1.10, 0.021), where chins are cut off.
10th to 90th percentile of all: width 0.75 to 0.94, height 0.98 to 1.26, centre down -0.03 to 0.08, centre to
the right -0.06 to 0.08 (medians 0.012 and -0.003, taken as 0)."""
_HAAR_SCORE_SLOPE: Final[float] = 2.4
_HAAR_SCORE_MIDDLE: Final[float] = 105.9
"""Logistic fit of "YuNet agrees" to the cascade's last stage sum (1,051 detections, AUC 0.84)."""


class HaarDetector(TurnedFaceDetector):
    """Viola and Jones's cascade (2001), which comes inside OpenCV. Frontal faces only."""

    name = "haar"
    sure_score = 0.99  # upright ones have 0.96 and more; eyes on their head look like a face of up to 0.98
    turns = (0, 90, 180, 270)

    def __init__(
        self,
        *,
        min_neighbors: int = 3,
        min_face: float = 0.05,
        max_side_px: int = 1280,
        is_stream: bool = False,
    ) -> None:
        """Load the cascade.

        Args:
            min_neighbors: overlapping raw detections that make a face, >= 1; more means fewer false alarms.
            min_face: least side of a face, as a share in (0, 1) of the picture's shorter side. On the photos
                0.03 finds none more than 0.05 in half as much time again; 0.08 loses twelve.
            max_side_px: longest side that is searched; larger pictures are shrunk to it.
            is_stream: see `TurnedFaceDetector`.

        Raises:
            ConfigError: a setting is out of range.
        """
        import cv2

        check_share("min_face", min_face)
        if min_neighbors < 1:
            raise ConfigError(f"min_neighbors is {min_neighbors}; expected at least 1")
        if not 160 <= max_side_px <= 8192:
            raise ConfigError(f"max_side_px is {max_side_px}; expected 160 to 8192")
        super().__init__(is_stream=is_stream)
        self.min_neighbors = min_neighbors
        self.min_face = min_face
        self.max_side_px = max_side_px
        self._cascade = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / _HAAR_CASCADE))
        assert not self._cascade.empty(), (
            "OpenCV's wheel lacks its cascades; opencv-python-headless<5 has them"
        )

    def _find_upright(self, image_rgb: UInt8Array) -> list[FaceBox]:
        """As YuNet would box them."""
        import cv2

        longest = max(image_rgb.shape[:2])
        scale = min(max(longest, MIN_SIDE_PX), self.max_side_px) / longest
        gray = cv2.cvtColor(resize(image_rgb, scale), cv2.COLOR_RGB2GRAY)
        least = max(20, round(min(gray.shape) * self.min_face))
        squares, _, weights = self._cascade.detectMultiScale3(
            gray, _HAAR_SCALE_STEP, self.min_neighbors, 0, (least, least), outputRejectLevels=True
        )
        return [
            _box_from_haar(*square, weight=weight).scaled(1 / scale)
            for square, weight in zip(np.asarray(squares).tolist(), np.ravel(weights).tolist(), strict=True)
        ]


def _box_from_haar(x: int, y: int, side: int, _side: int, *, weight: float) -> FaceBox:
    width, height = _HAAR_WIDTH * side, _HAAR_HEIGHT * side
    center_x, center_y = x + side / 2, y + side / 2 + _HAAR_SHIFT_DOWN * side
    score = 1 / (1 + math.exp(-_HAAR_SCORE_SLOPE * (weight - _HAAR_SCORE_MIDDLE)))
    return FaceBox(x=center_x - width / 2, y=center_y - height / 2, width=width, height=height, score=score)


DETECTORS.register("haar")(
    DetectorKind(
        build=lambda request: HaarDetector(max_side_px=request.max_side_px, is_stream=request.is_stream),
        title="Haar",
        module="cv2",
        hint="Built in; finds upright frontal faces only.",
        no_face_hint="Haar sees only upright faces that look at the camera: get **YuNet** above for the "
        f"others. {WHOLE_PICTURE}.",
    )
)
