"""The few functions of OpenCV that reading faces needs, by NumPy and Pillow, under OpenCV's names.

They stand in where OpenCV is not installed (`fer_core.opencv`), which has 162 MB. They are slower, and the
same to one or two grey levels: resampling rounds otherwise.
"""

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from fer_core.types import Float32Array, UInt8Array

INTER_NEAREST, INTER_LINEAR, INTER_CUBIC, INTER_AREA = 0, 1, 2, 3
WARP_INVERSE_MAP = 16
BORDER_CONSTANT, BORDER_REPLICATE = 0, 1
COLOR_RGB2GRAY = 7

_FILTERS: Final = {
    INTER_LINEAR: Image.Resampling.BILINEAR,
    INTER_CUBIC: Image.Resampling.BICUBIC,
    INTER_AREA: Image.Resampling.BOX,
}
_MODES: Final = {3: "RGB", 4: "CMYK"}  # of four channels the only one whose last does not weigh the others
_GREY_WEIGHTS: Final = (9798, 19235, 3735)
"""Rec. 601 in 32768ths, as OpenCV has them."""


def setNumThreads(_number: int) -> None:  # noqa: N802
    """Nothing here has threads."""


def resize(src: npt.NDArray[Any], dsize: tuple[int, int], *, interpolation: int) -> UInt8Array:
    """An H x W or H x W x C image in another size (width, height)."""
    (height, width), (columns, rows) = src.shape[:2], dsize
    if interpolation == INTER_NEAREST:
        return np.asarray(src[np.arange(rows) * height // rows][:, np.arange(columns) * width // columns])
    image = Image.fromarray(src) if src.ndim == 2 else _as_picture(src)
    if interpolation == INTER_AREA and width % columns == 0 and height % rows == 0:
        return np.array(image.reduce((width // columns, height // rows)))
    return np.array(image.resize(dsize, _FILTERS[interpolation]))


def _as_picture(src: UInt8Array) -> Image.Image:
    size, mode = (src.shape[1], src.shape[0]), _MODES[src.shape[2]]
    return Image.frombuffer(mode, size, np.ascontiguousarray(src), "raw", mode, 0, 1)


def warpAffine(  # noqa: N802
    src: npt.NDArray[Any],
    m: npt.NDArray[np.floating[Any]],
    dsize: tuple[int, int],
    *,
    flags: int,
    borderMode: int,  # noqa: N803
) -> npt.NDArray[Any]:
    """Sample an image at m (2 x 3) times (column, row, 1), bilinearly; outside of it its edge is repeated."""
    if flags != INTER_LINEAR | WARP_INVERSE_MAP or borderMode != BORDER_REPLICATE:
        raise ValueError(f"flags {flags}, border {borderMode}: only bilinear, inverse and repeated is known")
    columns, rows = (np.arange(side, dtype=np.float32) for side in dsize)
    m = m.astype(np.float32)
    if m[0, 1] == m[1, 0] == 0:  # upright: rows, then columns
        (top, bottom, down), (left, right, along) = (
            _split_places(places, side)
            for places, side in (
                (m[1, 1] * rows + m[1, 2], src.shape[0]),
                (m[0, 0] * columns + m[0, 2], src.shape[1]),
            )
        )
        first, last = int(left.min()), int(right.max()) + 1
        part = _mix(src[top, first:last], src[bottom, first:last], _spread(down, src.ndim, 0))
        mixed = _mix(part[:, left - first], part[:, right - first], _spread(along, src.ndim, 1))
    else:
        x = m[0, 0] * columns + (m[0, 1] * rows + m[0, 2])[:, None]
        y = m[1, 0] * columns + (m[1, 1] * rows + m[1, 2])[:, None]
        (top, bottom, down), (left, right, along) = (
            _split_places(y, src.shape[0]),
            _split_places(x, src.shape[1]),
        )
        pixels = src.reshape(src.shape[0] * src.shape[1], -1)
        down, along = down[..., None], along[..., None]
        upper, lower = (
            _mix(pixels.take(start + left, axis=0), pixels.take(start + right, axis=0), along)
            for start in (top * src.shape[1], bottom * src.shape[1])
        )
        mixed = _mix(upper, lower, down).reshape(*dsize[::-1], *src.shape[2:])
    return _round(mixed)


def _split_places(
    places: npt.NDArray[np.floating[Any]], side: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], Float32Array]:
    """The pixels before and after each place, inside the image, and the share of the second."""
    whole = np.floor(places)
    before = whole.astype(np.int32)
    return before.clip(0, side - 1), (before + 1).clip(0, side - 1), (places - whole).astype(np.float32)


def _spread(shares: Float32Array, ndim: int, axis: int) -> Float32Array:
    return shares.reshape([-1 if at == axis else 1 for at in range(ndim)])


def _mix(first: npt.NDArray[Any], second: npt.NDArray[Any], share: Float32Array) -> Float32Array:
    start, mixed = first.astype(np.float32), second.astype(np.float32)
    mixed -= start
    mixed *= share
    mixed += start
    return mixed


def _round(values: npt.NDArray[np.floating[Any]]) -> UInt8Array:
    return np.asarray(np.rint(values).clip(0, 255), np.uint8)


def cvtColor(src: UInt8Array, code: int) -> UInt8Array:  # noqa: N802
    """Grey of an H x W x 3 RGB image."""
    if code != COLOR_RGB2GRAY:
        raise ValueError(f"code {code}: only RGB to grey is known")
    red, green, blue = (src[..., at].astype(np.uint32) * weight for at, weight in enumerate(_GREY_WEIGHTS))
    return np.asarray((red + green + blue + 16384) >> 15, np.uint8)


def transform(src: UInt8Array, m: npt.NDArray[np.floating[Any]]) -> UInt8Array:
    """Each pixel's channels times m; a column more than there are channels is added."""
    pixels = (src[..., None] if src.ndim == 2 else src).astype(np.float32)
    channels = pixels.shape[-1]
    values = pixels @ m[:, :channels].T.astype(np.float32)
    if m.shape[1] > channels:
        values += m[:, channels].astype(np.float32)
    return _round(values[..., 0] if len(m) == 1 else values)


def multiply(first: UInt8Array, second: UInt8Array, *, scale: float) -> UInt8Array:
    """The product by elements, times a factor."""
    return _round(first.astype(np.float32) * second * np.float32(scale))


def add(first: UInt8Array, second: UInt8Array) -> UInt8Array:
    """The sum by elements, at most 255."""
    return np.asarray(np.minimum(first.astype(np.uint16) + second, 255), np.uint8)


def copyMakeBorder(  # noqa: N802
    src: UInt8Array, top: int, bottom: int, left: int, right: int, _kind: int, *, value: tuple[int, ...]
) -> UInt8Array:
    """The image with a border of one colour."""
    height, width = src.shape[:2]
    whole = np.empty((top + height + bottom, left + width + right, src.shape[2]), np.uint8)
    whole[:] = value
    whole[top : top + height, left : left + width] = src
    return whole


def split(src: UInt8Array) -> tuple[UInt8Array, ...]:
    """The channels of an image."""
    return tuple(src[..., at] for at in range(src.shape[2]))


class dnn:  # noqa: N801
    """The part of cv2.dnn that is used."""

    @staticmethod
    def NMSBoxes(  # noqa: N802
        bboxes: list[list[int]],
        scores: list[float],
        score_threshold: float,
        nms_threshold: float,
        *,
        top_k: int,
    ) -> list[int]:
        """Indices of the boxes (x, y, width, height) that overlap none with a better score, best first."""
        order = [
            at
            for at in sorted(range(len(scores)), key=lambda at: -scores[at])
            if scores[at] > score_threshold
        ]
        kept: list[int] = []
        for at in order[:top_k]:
            if all(_overlap(bboxes[at], bboxes[other]) <= nms_threshold for other in kept):
                kept.append(at)
        return kept


def _overlap(first: list[int], second: list[int]) -> float:
    """Intersection over union."""
    sides = [
        min(first[at] + first[at + 2], second[at] + second[at + 2]) - max(first[at], second[at])
        for at in (0, 1)
    ]
    shared = math.prod(max(0, side) for side in sides)
    union = first[2] * first[3] + second[2] * second[3] - shared
    return shared / union if union > 0 else 0.0
