"""YuNet (Wu et al., 2023). How the constants were found: OpenCV 4.14 on 13 photos with 72 faces."""

import math
from typing import Final

from fer_core.errors import ConfigError
from fer_core.inference.detectors.base import (
    DETECTORS,
    MIN_SIDE_PX,
    WHOLE_PICTURE,
    DetectorKind,
    DetectorRequest,
    check_share,
    merge_boxes,
    resize,
)
from fer_core.inference.detectors.pose import estimate_pose
from fer_core.inference.detectors.turned import TurnedFaceDetector
from fer_core.inference.detectors.yunet_network import LARGE_PX, YuNetNetwork
from fer_core.inference.downloads import YUNET, require_file
from fer_core.types import FaceBox, UInt8Array

COARSE_SIDE_PX: Final[int] = 640
"""Longest side at which YuNet sees big faces: it finds 68 of 68 faces of 64 to 430 px, but only 53 at 680 px
and 19 at 850 px, so a large picture is looked at twice."""

_TILT_FROM: Final[float] = 8.0
_TILT_FULL: Final[float] = 16.0
"""Degrees off level of the eyes from which, and at which wholly, a face is taken for tilted: below, the eyes'
places are too rough to gain anything."""


class YuNetDetector(TurnedFaceDetector):
    """YuNet (Wu et al., 2023): small, fast, finds faces from about 20 px on."""

    name = "yunet"
    clear_score = sure_score = 0.9
    large_px = LARGE_PX

    def __init__(
        self,
        model: bytes,
        *,
        score_threshold: float = 0.7,
        nms_threshold: float = 0.3,
        max_side_px: int = 1280,
        is_stream: bool = False,
    ) -> None:
        """Load the network.

        Args:
            model: content of the ONNX file.
            score_threshold: least score in (0, 1) of a face that is reported. On 13 photos (up to 29 faces)
                0.7 gives 72 boxes, all on faces; 0.6 adds three wrong ones, 0.8 loses three faces, 0.9 eight.
            nms_threshold: overlap (IoU) in (0, 1) above which two boxes are taken for one face.
            max_side_px: longest side that is searched; larger pictures are shrunk to it. 640 takes a quarter
                of the time and finds 70 of those 72; 1920 finds the same 72.
            is_stream: see `TurnedFaceDetector`.

        Raises:
            ConfigError: a setting is out of range.
        """
        check_share("score_threshold", score_threshold)
        check_share("nms_threshold", nms_threshold)
        if not 160 <= max_side_px <= 8192:
            raise ConfigError(f"max_side_px is {max_side_px}; expected 160 to 8192")
        super().__init__(is_stream=is_stream)
        self.max_side_px = max_side_px
        self._network = YuNetNetwork(model)
        self._score_threshold, self._nms_threshold = score_threshold, nms_threshold

    def _find_upright(self, image_rgb: UInt8Array) -> list[FaceBox]:
        longest = max(image_rgb.shape[:2])
        fine = min(max(longest, MIN_SIDE_PX), self.max_side_px)
        boxes = self._detect_at(image_rgb, fine)
        if fine > COARSE_SIDE_PX:
            boxes = merge_boxes(boxes + self._detect_at(image_rgb, COARSE_SIDE_PX))
        return boxes

    def _find_again(self, patch_rgb: UInt8Array, *, only_large: bool) -> list[FaceBox]:
        return self._detect_at(patch_rgb, max(patch_rgb.shape[:2]), only_large=only_large)

    def _detect_at(
        self, image_rgb: UInt8Array, longest_px: int, *, only_large: bool = False
    ) -> list[FaceBox]:
        scale = longest_px / max(image_rgb.shape[:2])
        faces = self._network.find(
            resize(image_rgb, scale),
            score_threshold=self._score_threshold,
            nms_threshold=self._nms_threshold,
            only_large=only_large,
        )
        boxes = [_read_face(*row).scaled(1 / scale) for row in faces.tolist()]
        return [box for box in boxes if box.width > 0 and box.height > 0]


def _read_face(x: float, y: float, width: float, height: float, *points_and_score: float) -> FaceBox:
    """A row of the network's answer: box, five points (left eye of the picture, right eye ...), score."""
    *points, score = points_and_score
    left_x, left_y, right_x, right_y = points[:4]
    tilt = math.degrees(math.atan2(right_y - left_y, right_x - left_x))
    share = (abs(tilt) - _TILT_FROM) / (_TILT_FULL - _TILT_FROM)
    roll = tilt * min(max(share, 0.0), 1.0)
    yaw, pitch = estimate_pose(points, tilt) or (None, None)
    return FaceBox(
        x=x, y=y, width=width, height=height, score=min(score, 1.0), roll=roll, yaw=yaw, pitch=pitch
    )


def _build_yunet(request: DetectorRequest) -> YuNetDetector:
    model = require_file(YUNET, request.workspace).read_bytes()
    return YuNetDetector(model, max_side_px=request.max_side_px, is_stream=request.is_stream)


DETECTORS.register("yunet")(
    DetectorKind(
        build=_build_yunet,
        title="YuNet",
        hint="Finds small, turned and partly hidden faces.",
        no_face_hint="Try a picture in which a face is larger and better lit. "
        f"{WHOLE_PICTURE} as the face detector.",
        file=YUNET,
    )
)
