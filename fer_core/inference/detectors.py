"""Face detectors behind one interface. All answer in YuNet's box convention (see `FaceBox`).

How the constants were found (OpenCV 4.14; 13 photos with 72 YuNet faces, and 1,500 random FER2013 pictures
enlarged to 192 px): see each constant.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from fer_core.checkpoint import FramingSpec
from fer_core.errors import ConfigError
from fer_core.inference.crop import Square, compute_box
from fer_core.inference.downloads import YUNET, RemoteFile, is_installed, require_file, weights_path
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


DETECTORS: Final[Registry[DetectorKind]] = Registry("face detector", "fer_workbench.detectors")

MIN_SIDE_PX: Final[int] = 192
"""Smaller pictures are enlarged to this: of 300 FER2013 faces YuNet finds 222 at their 48 px, 290 at 192."""
COARSE_SIDE_PX: Final[int] = 640
"""Longest side at which YuNet sees big faces: it finds 68 of 68 faces of 64 to 430 px, but only 53 at 680 px
and 19 at 850 px, so a large picture is looked at twice."""

_YUNET_LEAST_SIDE_PX: Final[int] = 64
"""On thinner pictures OpenCV 4.14's YuNet reads memory that it never wrote: on a plain grey one of 1000 x 16
px it found faces in 23 of 25 tries of one process."""

FACE_ASPECT: Final[float] = 0.76
"""Width per height of YuNet's boxes (median)."""

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


class YuNetDetector:
    """YuNet (Wu et al., 2023) by OpenCV's `FaceDetectorYN`: small, fast, finds faces from about 20 px on."""

    name = "yunet"

    def __init__(
        self,
        model: bytes,
        *,
        score_threshold: float = 0.7,
        nms_threshold: float = 0.3,
        max_side_px: int = 1280,
    ) -> None:
        """Load the network.

        Args:
            model: content of the ONNX file.
            score_threshold: least score in (0, 1) of a face that is reported. On 13 photos (up to 29 faces)
                0.7 gives 72 boxes, all on faces; 0.6 adds three wrong ones, 0.8 loses three faces, 0.9 eight.
            nms_threshold: overlap (IoU) in (0, 1) above which two boxes are taken for one face.
            max_side_px: longest side that is searched; larger pictures are shrunk to it. 640 takes a quarter
                of the time and finds 70 of those 72; 1920 finds the same 72.

        Raises:
            ConfigError: a setting is out of range.
        """
        import cv2

        _check_share("score_threshold", score_threshold)
        _check_share("nms_threshold", nms_threshold)
        if not 160 <= max_side_px <= 8192:
            raise ConfigError(f"max_side_px is {max_side_px}; expected 160 to 8192")
        self.max_side_px = max_side_px
        self._detector = cv2.FaceDetectorYN.create(
            "onnx",
            np.frombuffer(model, dtype=np.uint8),
            np.empty(0, dtype=np.uint8),
            (MIN_SIDE_PX, MIN_SIDE_PX),
            score_threshold,
            nms_threshold,
            5000,
        )

    def detect(self, image_rgb: UInt8Array) -> list[FaceBox]:
        """Return the faces of an H x W x 3 RGB image, best score first."""
        longest = max(image_rgb.shape[:2])
        fine = min(max(longest, MIN_SIDE_PX), self.max_side_px)
        boxes = self._detect_at(image_rgb, fine)
        if fine > COARSE_SIDE_PX:
            boxes = merge_boxes(boxes + self._detect_at(image_rgb, COARSE_SIDE_PX))
        return boxes

    def _detect_at(self, image_rgb: UInt8Array, longest_px: int) -> list[FaceBox]:
        import cv2

        scale = longest_px / max(image_rgb.shape[:2])
        image_bgr = cv2.cvtColor(_pad_thin(_resize(image_rgb, scale)), cv2.COLOR_RGB2BGR)
        self._detector.setInputSize((image_bgr.shape[1], image_bgr.shape[0]))
        _, faces = self._detector.detect(image_bgr)
        if faces is None:
            return []
        # Columns: x, y, width, height, five landmarks, score.
        boxes = [
            FaceBox(x=x, y=y, width=width, height=height, score=min(score, 1.0)).scaled(1 / scale)
            for x, y, width, height, score in faces[:, [0, 1, 2, 3, 14]].tolist()
            if width > 0 and height > 0
        ]
        return sorted(boxes, key=lambda box: -box.score)


class HaarDetector:
    """Viola and Jones's cascade (2001), which comes inside OpenCV. Upright frontal faces only."""

    name = "haar"

    def __init__(self, *, min_neighbors: int = 3, min_face: float = 0.05, max_side_px: int = 1280) -> None:
        """Load the cascade.

        Args:
            min_neighbors: overlapping raw detections that make a face, >= 1; more means fewer false alarms.
            min_face: least side of a face, as a share in (0, 1) of the picture's shorter side. On the photos
                0.03 finds none more than 0.05 in half as much time again; 0.08 loses twelve.
            max_side_px: longest side that is searched; larger pictures are shrunk to it.

        Raises:
            ConfigError: a setting is out of range.
        """
        import cv2

        _check_share("min_face", min_face)
        if min_neighbors < 1:
            raise ConfigError(f"min_neighbors is {min_neighbors}; expected at least 1")
        if not 160 <= max_side_px <= 8192:
            raise ConfigError(f"max_side_px is {max_side_px}; expected 160 to 8192")
        self.min_neighbors = min_neighbors
        self.min_face = min_face
        self.max_side_px = max_side_px
        self._cascade = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / _HAAR_CASCADE))
        assert not self._cascade.empty(), (
            "OpenCV's wheel lacks its cascades; opencv-python-headless<5 has them"
        )

    def detect(self, image_rgb: UInt8Array) -> list[FaceBox]:
        """Return the faces of an H x W x 3 RGB image, best score first, as YuNet would box them."""
        import cv2

        longest = max(image_rgb.shape[:2])
        scale = min(max(longest, MIN_SIDE_PX), self.max_side_px) / longest
        gray = cv2.cvtColor(_resize(image_rgb, scale), cv2.COLOR_RGB2GRAY)
        least = max(20, round(min(gray.shape) * self.min_face))
        squares, _, weights = self._cascade.detectMultiScale3(
            gray, _HAAR_SCALE_STEP, self.min_neighbors, 0, (least, least), outputRejectLevels=True
        )
        boxes = [
            _box_from_haar(*square, weight=weight).scaled(1 / scale)
            for square, weight in zip(np.asarray(squares).tolist(), np.ravel(weights).tolist(), strict=True)
        ]
        return sorted(boxes, key=lambda box: -box.score)


class WholeImageDetector:
    """Takes the whole picture for one face: for pictures that are cropped already.

    It answers with the box whose crop, under a model's framing, is the largest square in the middle of the
    picture.
    """

    name = "whole-image"

    def __init__(self, *, framing: FramingSpec | None = None) -> None:
        """Make a detector for models of the given framing; None is FER2013's."""
        self.framing = framing or FramingSpec()

    def detect(self, image_rgb: UInt8Array) -> list[FaceBox]:
        """Return one box of score 1 for an H x W x 3 RGB image."""
        height, width = image_rgb.shape[:2]
        side = min(height, width)
        square = Square(x=(width - side) / 2, y=(height - side) / 2, side=side)
        return [compute_box(square, self.framing, aspect=FACE_ASPECT, score=1.0)]


def _build_yunet(request: DetectorRequest) -> FaceDetector:
    return YuNetDetector(require_file(YUNET, request.workspace).read_bytes(), max_side_px=request.max_side_px)


_WHOLE_PICTURE: Final[str] = "If the picture is one face, cropped closely, choose **Whole picture**"
DETECTORS.register("yunet")(
    DetectorKind(
        build=_build_yunet,
        title="YuNet",
        hint="Finds small, turned and partly hidden faces.",
        no_face_hint="Try a picture in which a face is larger and better lit. "
        f"{_WHOLE_PICTURE} as the face detector.",
        file=YUNET,
    )
)
DETECTORS.register("haar")(
    DetectorKind(
        build=lambda request: HaarDetector(max_side_px=request.max_side_px),
        title="Haar",
        hint="Built in; finds upright frontal faces only.",
        no_face_hint="Haar sees only upright faces that look at the camera: get **YuNet** above for the "
        f"others. {_WHOLE_PICTURE}.",
    )
)
DETECTORS.register("whole-image")(
    DetectorKind(
        build=lambda request: WholeImageDetector(framing=request.framing),
        title="Whole picture",
        hint="Takes the whole picture for one face: for faces that are cropped already.",
        no_face_hint="Try another picture.",
    )
)


def build_detector(name: str, workspace: Workspace | None = None, **wishes: Any) -> FaceDetector:
    """Make a detector. Each thread needs one of its own.

    Args:
        name: a name in `DETECTORS`.
        workspace: where downloaded weights are; None is the default one.
        wishes: further fields of `DetectorRequest`.

    Raises:
        ConfigError: unknown name, a wish out of range, or a detector that goes by another name.
        FerError: the detector's file is not installed or damaged.
    """
    kind = DETECTORS[name]
    detector = kind.build(DetectorRequest(workspace=workspace or Workspace.default(), **wishes))
    if detector.name != name:
        raise ConfigError(f"the detector {name!r} calls itself {detector.name!r}; expected that name")
    return detector


def list_usable_detectors(workspace: Workspace) -> list[str]:
    """Names of the detectors that can be built here: those whose files are installed."""
    kinds = {name: DETECTORS[name] for name in DETECTORS}
    return [name for name, kind in kinds.items() if kind.file is None or is_installed(kind.file, workspace)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorChoice:
    """The detector to use when nobody chose one."""

    name: str
    note: str | None
    """What the user should know about it; None if it is the best there is."""


def choose_detector(workspace: Workspace) -> DetectorChoice:
    """Return YuNet if its file is installed, else Haar with a note that says why and how to get better."""
    if is_installed(YUNET, workspace):
        return DetectorChoice(name="yunet", note=None)
    damaged = weights_path(YUNET, workspace).exists()
    reason = "is damaged" if damaged else "is not installed"
    return DetectorChoice(
        name="haar",
        note=f"The face detector YuNet {reason}; `fer fetch yunet` gets it. Haar finds upright frontal faces "
        "only.",
    )


def default_detector(workspace: Workspace) -> str:
    """Name of the detector to use when nobody chose one."""
    return choose_detector(workspace).name


def merge_boxes(boxes: Sequence[FaceBox], *, max_overlap: float = 0.5) -> list[FaceBox]:
    """Keep the best-scored of boxes that show one face, best first.

    Overlap is the shared area over the smaller box's area, so that a part of a face found at one scale does
    not stand beside the whole face found at another.
    """
    kept: list[FaceBox] = []
    for box in sorted(boxes, key=lambda item: -item.score):
        if all(_overlap(box, other) <= max_overlap for other in kept):
            kept.append(box)
    return kept


def _overlap(a: FaceBox, b: FaceBox) -> float:
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    return max(0.0, width) * max(0.0, height) / min(a.width * a.height, b.width * b.height)


def _box_from_haar(x: int, y: int, side: int, _side: int, *, weight: float) -> FaceBox:
    width, height = _HAAR_WIDTH * side, _HAAR_HEIGHT * side
    center_x, center_y = x + side / 2, y + side / 2 + _HAAR_SHIFT_DOWN * side
    score = 1 / (1 + math.exp(-_HAAR_SCORE_SLOPE * (weight - _HAAR_SCORE_MIDDLE)))
    return FaceBox(x=center_x - width / 2, y=center_y - height / 2, width=width, height=height, score=score)


def _resize(image: UInt8Array, scale: float) -> UInt8Array:
    import cv2

    if scale == 1:
        return image
    height, width = image.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    mode = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=mode), dtype=np.uint8)


def _pad_thin(image: UInt8Array) -> UInt8Array:
    """Repeat the last row and column until no side is under `_YUNET_LEAST_SIDE_PX`; positions stay."""
    import cv2

    missing = [max(0, _YUNET_LEAST_SIDE_PX - side) for side in image.shape[:2]]
    if not any(missing):
        return image
    return np.asarray(cv2.copyMakeBorder(image, 0, missing[0], 0, missing[1], cv2.BORDER_REPLICATE), np.uint8)


def _check_share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ConfigError(f"{name} is {value}; expected more than 0 and less than 1")
