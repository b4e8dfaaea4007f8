"""Frames of a video or camera, whose pixels are converted only where, and when, somebody looks at them.

A decoder hands out luma and halved chroma (yuv420p), an encoder takes the same. A grey model's crops come
from the luma, with as much of the chroma as the matrix asks for; the detector's picture is one scaling.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol, cast

import numpy as np
import numpy.typing as npt

from fer_core.checkpoint import InputSpec
from fer_core.framing import compute_square, extract_square
from fer_core.inference.canvas import Canvas
from fer_core.inference.crop import check_boxes, extract_crops
from fer_core.types import FaceBox, UInt8Array

if TYPE_CHECKING:
    import av
    from av.video.plane import VideoPlane

PLANAR: Final[str] = "yuv420p"
_BT601: Final[tuple[float, float]] = (0.299, 0.114)
_LUMA_WEIGHTS: Final[dict[int, tuple[float, float]]] = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}
"""Weights of red and blue in the luma, by the matrix's code point (ITU-T H.273); others are BT.601's."""
_LIMITED_RANGE: Final[int] = 1
_FULL_RANGE: Final[int] = 2
_GREY: Final[str] = "gray"
UNSPECIFIED: Final[int] = 2
"""Code point of what a file does not say (ITU-T H.273)."""
RGB_MATRIX: Final[int] = 6
"""Of what comes as RGB, or without colours: BT.601's."""
_READABLE_MATRICES: Final[frozenset[int]] = frozenset({0, 1, 2, 4, 5, 6, 7, 9})
"""swscale refuses frames of others (YCgCo, BT.2020 with constant luminance): they are read as BT.2020's."""
_BT2020: Final[int] = 9
_SWS_MATRICES: Final[frozenset[int]] = frozenset({1, 4, 7, 9})
_SWS_BT601: Final[int] = 5


class Frame(Protocol):
    """One upright picture with square pixels."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""

    @property
    def luma(self) -> UInt8Array:
        """H x W, how bright each pixel is, on whatever scale: for comparing frames of one video. A view."""

    def rgb(self, max_side_px: int | None = None) -> UInt8Array:
        """The picture as H x W x 3 RGB; it may be made smaller, with no side longer than `max_side_px`."""

    def crops(self, boxes: Sequence[FaceBox], spec: InputSpec) -> UInt8Array:
        """The faces framed and sized for a model, as `crop.extract_crops` gives them."""

    def editable(self, spare: "Frame | None" = None) -> "tuple[Frame, Canvas]":
        """A copy, and what draws into it; made in the memory of `spare`, which is then gone, if it fits."""


@dataclass(frozen=True, slots=True)
class RgbFrame:
    """A frame that came as RGB."""

    image: UInt8Array
    """H x W x 3; not to be changed."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.image.shape[1], self.image.shape[0]

    @property
    def luma(self) -> UInt8Array:
        """The green channel."""
        return self.image[:, :, 1]

    def rgb(self, max_side_px: int | None = None) -> UInt8Array:
        """The picture as it is."""
        return self.image

    def crops(self, boxes: Sequence[FaceBox], spec: InputSpec) -> UInt8Array:
        """See `Frame`."""
        return extract_crops(self.image, boxes, spec)

    def editable(self, spare: Frame | None = None) -> "tuple[RgbFrame, Canvas]":
        """See `Frame`."""
        image = np.array(self.image, order="C")
        return RgbFrame(image), Canvas.of_rgb(image)


class Converter(threading.local):
    """swscale's contexts for the frames of one video: making one costs more than ten conversions.

    Each thread has its own: a context that two use at once crashes the process (FFmpeg 8.1).
    """

    def __init__(self) -> None:
        """Called in each thread that uses it."""
        from av.video.reformatter import VideoReformatter

        self._to_planar = VideoReformatter()
        self._to_rgb = VideoReformatter()

    def to_planar(
        self, frame: "av.VideoFrame", width: int, height: int, matrix: int | None = None
    ) -> "av.VideoFrame":
        """The frame as 8-bit yuv420p of limited range; itself, if that is what it is.

        Args:
            frame: as it was decoded.
            width: of the result, in pixels.
            height: of the result, in pixels.
            matrix: code point of the matrix that the result has where the frame says that it has another
                one; its own if not given.
        """
        is_converted = _is_rgb(frame) or _differ(int(frame.colorspace), matrix)
        _relabel(frame)
        if frame.format.name.startswith(_GREY) and frame.color_range == _LIMITED_RANGE:
            return self._to_planar_grey(frame, width, height)
        is_full = frame.color_range == _FULL_RANGE
        is_sized = (frame.width, frame.height) == (width, height)
        if frame.format.name == PLANAR and is_sized and not (is_full or is_converted):
            return frame
        return self._to_planar.reformat(
            frame,
            width=width,
            height=height,
            format=PLANAR,
            dst_colorspace=swscale_matrix(matrix or RGB_MATRIX) if is_converted else None,
            dst_color_range="MPEG",
            threads=1,
        )

    def _to_planar_grey(self, frame: "av.VideoFrame", width: int, height: int) -> "av.VideoFrame":
        """Keep the luma as it is: swscale takes every grey picture for one of full range."""
        grey = self._to_planar.reformat(frame, width=width, height=height, format=_GREY, threads=1)
        chroma = np.full(((height + 1) // 2, (width + 1) // 2), 128, np.uint8)
        return copy_planes([view_plane(grey.planes[0]), chroma, chroma], frame)

    def to_rgb(self, frame: "av.VideoFrame", width: int, height: int) -> UInt8Array:
        """The frame as H x W x 3 RGB of the given size."""
        is_smaller = (width, height) != (frame.width, frame.height)
        rgb = self._to_rgb.reformat(
            frame,
            width=width,
            height=height,
            format="rgb24",
            interpolation="AREA" if is_smaller else "BILINEAR",
            threads=1,
        )
        return np.asarray(rgb.to_ndarray(), np.uint8)


class YuvFrame:
    """A decoded frame as it is: 8-bit yuv420p of limited range, upright."""

    def __init__(self, frame: "av.VideoFrame", converter: Converter) -> None:
        """Take over what `Converter.to_planar` gave; its pixels are not to be changed."""
        self.video = frame
        self._converter = converter

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.video.width, self.video.height

    @property
    def matrix(self) -> int:
        """Code point of the matrix (ITU-T H.273)."""
        return int(self.video.colorspace)

    @property
    def luma(self) -> UInt8Array:
        """The decoder's first plane."""
        return view_plane(self.video.planes[0])

    @property
    def planes(self) -> list[UInt8Array]:
        """Views of luma (H x W) and chroma (both sides halved, rounded up)."""
        return [view_plane(plane) for plane in self.video.planes]

    def rgb(self, max_side_px: int | None = None) -> UInt8Array:
        """See `Frame`."""
        scale = 1.0 if max_side_px is None else min(1.0, max_side_px / max(self.size))
        width, height = (max(1, round(side * scale)) for side in self.size)
        return self._converter.to_rgb(self.video, width, height)

    def crops(self, boxes: Sequence[FaceBox], spec: InputSpec) -> UInt8Array:
        """See `Frame`."""
        check_boxes(boxes)
        to_rgb = rgb_from_yuv(self.matrix)
        to_model = _BT601_GREY @ to_rgb if spec.color == "gray" else to_rgb
        needs_chroma = bool(np.abs(to_model[:, 1:3]).max() > _NO_CHROMA)
        planes = self.planes if needs_chroma else [self.luma]
        used = to_model if needs_chroma else to_model[:, [0, 3]]
        return np.stack([self._crop(planes, used, box, spec) for box in boxes])

    def editable(self, spare: Frame | None = None) -> "tuple[YuvFrame, Canvas]":
        """See `Frame`."""
        memory = spare.video if isinstance(spare, YuvFrame) and spare.size == self.size else None
        copy = YuvFrame(copy_planes(self.planes, self.video, memory), self._converter)
        return copy, Canvas.of_planes(copy.planes, yuv_from_rgb(self.matrix))

    def _crop(
        self, planes: list[UInt8Array], matrix: npt.NDArray[np.float64], box: FaceBox, spec: InputSpec
    ) -> UInt8Array:
        from fer_core.opencv import cv2

        parts = []
        for plane in planes:
            halving = 1.0 if plane is planes[0] else 0.5
            square = compute_square(box.scaled(halving), spec.framing)
            parts.append(extract_square(plane, square, width=spec.width, height=spec.height))
        values = parts[0] if len(parts) == 1 else np.stack(parts, axis=-1)
        return np.asarray(cv2.transform(values, matrix), np.uint8)


_BT601_GREY: Final = np.array([[0.299, 0.587, 0.114]])
_NO_CHROMA: Final[float] = 1e-6


def has_no_matrix(frame: "av.VideoFrame") -> bool:
    """Whether a decoded frame is RGB, or grey of a format whose colours are RGB."""
    return _is_rgb(frame) or int(frame.colorspace) == 0


def swscale_matrix(matrix: int) -> int:
    """What swscale calls a matrix; one that it doesn't know is BT.601's to it."""
    return matrix if matrix in _SWS_MATRICES else _SWS_BT601


def _relabel(frame: "av.VideoFrame") -> None:
    """Give a frame whose matrix swscale refuses, or that has none, the one with which it is read."""
    own = int(frame.colorspace)
    if own not in _READABLE_MATRICES:
        frame.colorspace = _BT2020
    elif own == 0 and not _is_rgb(frame):
        frame.colorspace = RGB_MATRIX


def _is_rgb(frame: "av.VideoFrame") -> bool:
    return bool(frame.format.is_rgb) or frame.format.name == "pal8"


def _differ(one: int, other: int | None) -> bool:
    """Whether two matrices are known to read the same samples as other colours."""
    is_known = other is not None and UNSPECIFIED not in (one, other)
    return is_known and one != other and _weigh(one) != _weigh(other)


def _weigh(matrix: int | None) -> tuple[float, float]:
    return _BT601 if matrix is None else _LUMA_WEIGHTS.get(matrix, _BT601)


@lru_cache(maxsize=16)
def rgb_from_yuv(matrix: int) -> npt.NDArray[np.float64]:
    """3 x 4: red, green and blue from luma, both chromas (8 bit, limited range) and 1."""
    red, blue = _weigh(matrix)
    green = 1 - red - blue
    # Rows: R, G, B of luma in [0, 1] and chroma in [-0.5, 0.5]
    linear = np.array(
        [
            [1, 0, 2 * (1 - red)],
            [1, -2 * (1 - blue) * blue / green, -2 * (1 - red) * red / green],
            [1, 2 * (1 - blue), 0],
        ]
    )
    scales = 255 / np.array([219, 224, 224])
    return np.column_stack([linear * scales, -(linear * scales) @ np.array([16, 128, 128])])


@lru_cache(maxsize=16)
def yuv_from_rgb(matrix: int) -> npt.NDArray[np.float64]:
    """3 x 4: luma and both chromas (8 bit, limited range) from red, green, blue and 1."""
    to_rgb = rgb_from_yuv(matrix)
    inverse = np.linalg.inv(to_rgb[:, :3])
    return np.column_stack([inverse, np.array([16.0, 128.0, 128.0])])


def as_frame(picture: "UInt8Array | Frame") -> Frame:
    """A picture that may be an H x W x 3 RGB array, as a frame."""
    return RgbFrame(picture) if isinstance(picture, np.ndarray) else picture


def view_plane(plane: "VideoPlane") -> UInt8Array:
    """The samples of one plane, rows x columns, without a copy: what is written to it is in the frame."""
    rows = np.frombuffer(cast(bytes, plane), np.uint8).reshape(plane.height, plane.line_size)
    return np.asarray(rows[:, : plane.width], np.uint8)


def copy_planes(
    planes: Sequence[UInt8Array], like: "av.VideoFrame", memory: "av.VideoFrame | None" = None
) -> "av.VideoFrame":
    """A yuv420p frame of these planes, of the first one's size, with the colour description of `like`.

    Args:
        planes: luma and chroma.
        like: described in the same way.
        memory: a frame of that size to write into; new memory costs more than the copy.
    """
    import av

    height, width = planes[0].shape
    copy = memory or av.VideoFrame(width, height, PLANAR)
    copy.make_writable()  # if an encoder still reads it, it gets memory of its own
    for target, source in zip(copy.planes, planes, strict=True):
        view_plane(target)[:] = source
    copy.colorspace, copy.color_range = like.colorspace, like.color_range
    copy.color_primaries, copy.color_trc = like.color_primaries, like.color_trc
    return copy
