"""Small grey copies of images, their perceptual hashes, and which show nothing."""

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from fer_core.types import UInt8Array

Float64Array = npt.NDArray[np.float64]

BLANK_STD: Final[float] = 2.5
"""Grey levels (of 255) of detail in a 32 x 32 copy, below which an image shows nothing. On the 32,298
images of FER2013, before the plane is taken out: blank ones 0 to 1.6, the next 3.3 and 6.9; one in a thousand
has less than 10.4, half over 32."""
_SMOOTH_ORDER: Final[int] = 4
"""DCT coefficients up to this sum of orders are shading, not detail."""
HASH_SIDE: Final[int] = 32


def shrink(images: UInt8Array, side: int = HASH_SIDE) -> npt.NDArray[np.float32]:
    """Grey copies of N images, N x side x side."""
    import cv2

    result = np.empty((len(images), side, side), np.float32)
    for row in range(len(images)):
        image = np.asarray(images[row])
        grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        result[row] = cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA)
    return result


@lru_cache(maxsize=4)
def _dct_rows(num: int, side: int) -> npt.NDArray[np.float64]:
    """The lowest orders of the orthonormal DCT, num x side."""
    order, place = np.arange(num)[:, None], np.arange(side) + 0.5
    rows: npt.NDArray[np.float64] = np.sqrt(2 / side) * np.cos(np.pi / side * order * place)
    rows[0] /= np.sqrt(2)
    return rows


def _low_dct(small: npt.NDArray[np.float32], num: int) -> Float64Array:
    """N x num x num: the lowest coefficients of N x S x S images. All S x S would take ten times as long."""
    rows = _dct_rows(num, small.shape[1])
    low: Float64Array = rows @ (small.astype(np.float64) @ rows.T)
    return low


def compute_hashes(small: npt.NDArray[np.float32]) -> npt.NDArray[np.uint64]:
    """64-bit perceptual hashes: signs of the lowest 8 x 8 DCT coefficients against their median."""
    low = _low_dct(small, 8).reshape(len(small), 64)
    bits = low > np.median(low[:, 1:], axis=1, keepdims=True)
    packed: npt.NDArray[np.uint64] = np.packbits(bits, axis=1).view(np.uint64).reshape(-1)
    return packed


def find_blank(small: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Which of N x S x S grey images show nothing but smooth shading (constant ones included)."""
    side = small.shape[1]
    grid = np.linspace(-1, 1, side, dtype=np.float32)
    # A steep even ramp has a long tail of coefficients, so the best plane is taken out first.
    slopes = [
        np.einsum(axes, small, grid) / (side * np.square(grid).sum()) for axes in ("nij,i->n", "nij,j->n")
    ]
    flat = small - slopes[0][:, None, None] * grid[:, None] - slopes[1][:, None, None] * grid
    low = _low_dct(flat, _SMOOTH_ORDER + 1)
    is_shading = np.add.outer(np.arange(_SMOOTH_ORDER + 1), np.arange(_SMOOTH_ORDER + 1)) <= _SMOOTH_ORDER
    # The transform keeps the sum of squares: what isn't shading is detail.
    everything = np.einsum("nij,nij->n", flat, flat, dtype=np.float64)
    detail = everything - np.square(low * is_shading).sum(axis=(1, 2))
    blank: npt.NDArray[np.bool_] = np.sqrt(detail.clip(0)) / side < BLANK_STD
    return blank
