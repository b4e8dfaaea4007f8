"""Drawing into pictures of any layout, RGB or a video's planes; only what is drawn over changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fer_core.types import UInt8Array

Color = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""
ColorMatrix = tuple[tuple[float, ...], ...]
"""For each value of a layer its factors of red, green, blue and 1."""

OPAQUE: Final[int] = 0
"""What a tile keeps of the picture where it covers it wholly; 255 where it leaves it as it is."""
CELLS: Final[int] = 6
"""Of a face that is hidden, a side: too few to know anybody by."""
_RGB: Final[ColorMatrix] = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0))


@dataclass(frozen=True, eq=False, slots=True)
class Tile:
    """Something drawn once, to be laid onto pictures."""

    pixels: UInt8Array
    """H x W x 4: red, green and blue times the share that hides the picture, and 255 times the share kept."""


class Layer(NamedTuple):
    """One array of a picture."""

    pixels: UInt8Array
    """H x W, or H x W x 3; written to."""
    step: int
    """Pixels of the picture that one sample covers in each direction."""
    colors: ColorMatrix


class Canvas:
    """A picture that is drawn into."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        """Draw into these arrays, each of which shows the whole picture."""
        self.layers = tuple(layers)

    @classmethod
    def of_rgb(cls, image: UInt8Array) -> "Canvas":
        """Draw into an H x W x 3 RGB image."""
        return cls([Layer(image, 1, _RGB)])

    @classmethod
    def of_planes(cls, planes: Sequence[UInt8Array], matrix: npt.NDArray[np.float64]) -> "Canvas":
        """Draw into luma and halved chroma.

        Args:
            planes: luma, and two of chroma.
            matrix: 3 x 4, see `frames.yuv_from_rgb`.
        """
        rows = [(tuple(row),) for row in matrix.tolist()]
        return cls([Layer(plane, 1 + bool(at), rows[at]) for at, plane in enumerate(planes)])

    def fill(self, left: int, top: int, right: int, bottom: int, color: Color) -> None:
        """Fill a rectangle; right and bottom are exclusive, and it is cut at the picture's edge."""
        for pixels, step, colors in self.layers:
            x, y = max(0, _half(left, step)), max(0, _half(top, step))
            width = max(_half(right, step), _half(left, step) + 1)
            height = max(_half(bottom, step), _half(top, step) + 1)
            pixels[y : max(0, height), x : max(0, width)] = _convert_color(color, colors)

    def pixelate(self, left: int, top: int, right: int, bottom: int) -> None:
        """Turn a rectangle into at most `CELLS` x `CELLS` cells of one colour; it is cut at the edge."""
        from fer_core.opencv import cv2

        for pixels, step, _ in self.layers:
            x, y = max(0, left // step), max(0, top // step)
            area = pixels[y : max(0, -(-bottom // step)), x : max(0, -(-right // step))]
            height, width = area.shape[:2]
            if height and width:
                cells = (min(CELLS, width), min(CELLS, height))
                small = cv2.resize(area, cells, interpolation=cv2.INTER_AREA)
                area[:] = cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)

    def lay(self, tile: Tile, left: int, top: int) -> None:
        """Lay a tile onto the picture, which it must not leave to the left or the top."""
        from fer_core.opencv import cv2

        for pixels, step, colors in self.layers:
            values, kept = _convert_tile(tile, colors, step, left % step, top % step)
            x, y = left // step, top // step
            area = pixels[y : y + values.shape[0], x : x + values.shape[1]]
            size = area.shape[:2]
            shown = cv2.multiply(area, kept[: size[0], : size[1]], scale=1 / 255)
            area[:] = cv2.add(shown, values[: size[0], : size[1]])


def _half(place: int, step: int) -> int:
    return (place + step // 2) // step


@lru_cache(maxsize=256)
def _convert_color(color: Color, colors: ColorMatrix) -> UInt8Array:
    values = np.array(colors) @ (*color, 1)
    return np.asarray(values.round().clip(0, 255), np.uint8)


@lru_cache(maxsize=256)
def _convert_tile(
    tile: Tile, colors: ColorMatrix, step: int, shift_x: int, shift_y: int
) -> tuple[UInt8Array, UInt8Array]:
    """What a tile adds to a layer, and what it leaves of it, where it begins `shift` pixels into a sample."""
    from fer_core.opencv import cv2

    pixels = tile.pixels if step == 1 else _shrink(tile, step, shift_x, shift_y)
    matrix = np.array(colors)
    # The last column is the value of black, of which a tile adds as much as it hides of the picture.
    weights = np.column_stack([matrix[:, :3], -matrix[:, 3] / 255, matrix[:, 3]])
    kept = pixels[..., 3]
    return (
        np.asarray(cv2.transform(pixels, weights), np.uint8),
        np.ascontiguousarray(kept) if len(colors) == 1 else np.repeat(kept[..., None], len(colors), axis=2),
    )


@lru_cache(maxsize=64)
def _shrink(tile: Tile, step: int, shift_x: int, shift_y: int) -> UInt8Array:
    """The mean over samples of `step` x `step` pixels; outer ones that it fills in part show the picture."""
    from fer_core.opencv import cv2

    height, width = tile.pixels.shape[:2]
    below, beyond = -(height + shift_y) % step, -(width + shift_x) % step
    padded = cv2.copyMakeBorder(
        tile.pixels, shift_y, below, shift_x, beyond, cv2.BORDER_CONSTANT, value=(0, 0, 0, 255)
    )
    size = padded.shape[1] // step, padded.shape[0] // step
    return np.asarray(cv2.resize(padded, size, interpolation=cv2.INTER_AREA), np.uint8)
