"""Finding images in a data set, and showing many of them as one picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from fer_core.data.perceptual_hash import shrink
from fer_core.data.store import Dataset
from fer_core.palette import emotion_color, hex_to_rgb
from fer_core.types import UInt8Array

Int64Array = npt.NDArray[np.int64]
Order = Literal["file", "least agreed", "most agreed", "shuffled"]
ORDERS: Final[tuple[Order, ...]] = ("file", "least agreed", "most agreed", "shuffled")

_DESCRIPTOR_SIDE: Final[int] = 12
_GAP_PX: Final[int] = 4
_STRIP_PX: Final[int] = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFilter:
    """Which images are wanted; empty selections want all."""

    splits: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    agreement: tuple[float, float] = (0.0, 1.0)
    """Smallest and largest share of the votes for the most frequent answer."""
    text: str = ""
    """Must occur in the image's name or source; case is ignored."""
    order: Order = "file"


def find_images(
    dataset: Dataset,
    classes: npt.NDArray[np.object_],
    agreement: npt.NDArray[np.float64] | None,
    wanted: ImageFilter,
) -> Int64Array:
    """Row numbers of the images that a filter lets through, in its order.

    Args:
        dataset: the data set.
        classes: of every image, N; empty where it counts as none.
        agreement: as from `compute_agreement`, N; None for data without votes, where it is not asked about.
        wanted: the filter.
    """
    samples = dataset.samples
    kept = np.ones(len(samples), bool)
    if wanted.splits:
        kept &= samples["split"].isin(wanted.splits).to_numpy()
    if wanted.classes:
        kept &= np.isin(classes.astype(str), wanted.classes)
    if agreement is not None and wanted.agreement != (0.0, 1.0):
        low, high = wanted.agreement
        kept &= (agreement >= low) & (agreement <= high)
    if text := wanted.text.strip():
        columns = [samples[name].astype(str).str.contains(text, case=False, regex=False) for name in _TEXTS]
        kept &= np.logical_or.reduce([column.to_numpy() for column in columns])
    rows = np.flatnonzero(kept)
    if wanted.order == "shuffled":
        return np.random.default_rng(0).permutation(rows)
    if wanted.order == "file" or agreement is None:
        return rows
    sign = 1 if wanted.order == "least agreed" else -1
    return rows[np.argsort(sign * np.nan_to_num(agreement[rows], nan=sign * 2), kind="stable")]


_TEXTS: Final[tuple[str, ...]] = ("image_name", "source")


@dataclass(frozen=True, slots=True)
class Sheet:
    """Many images as one picture."""

    picture: UInt8Array
    """H x W x 4, RGB and opacity; clear between the tiles."""
    centers: tuple[tuple[float, float], ...]
    """Middle of each tile, (x, y) in pixels of the picture."""
    tile_px: int


def build_sheet(images: UInt8Array, names: Sequence[str], *, num_columns: int, tile_px: int = 96) -> Sheet:
    """Lay images out in rows, each over a strip in the colour of its class.

    Args:
        images: N x H x W or N x H x W x 3; N at least 1.
        names: class of each, N.
        num_columns: images side by side.
        tile_px: side of the square that an image is fitted into.
    """
    import cv2

    num_rows = -(-len(images) // num_columns)
    step_x, step_y = tile_px + _GAP_PX, tile_px + _STRIP_PX + _GAP_PX
    picture = np.zeros((num_rows * step_y, num_columns * step_x, 4), np.uint8)
    centers = []
    scale = tile_px / max(images.shape[1:3])
    height, width = round(images.shape[1] * scale), round(images.shape[2] * scale)
    mode = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    for index, (image, name) in enumerate(zip(images, names, strict=True)):
        left, top = index % num_columns * step_x, index // num_columns * step_y
        tile = cv2.resize(np.ascontiguousarray(image), (width, height), interpolation=mode)
        rgb = tile if tile.ndim == 3 else np.repeat(tile[..., None], 3, axis=2)
        x, y = left + (tile_px - width) // 2, top + (tile_px - height) // 2
        picture[y : y + height, x : x + width, :3] = rgb
        picture[y : y + height, x : x + width, 3] = 255
        strip = picture[top + tile_px : top + tile_px + _STRIP_PX, left : left + tile_px]
        strip[:] = (*hex_to_rgb(emotion_color(name)), 255)
        centers.append((left + tile_px / 2, top + tile_px / 2))
    return Sheet(picture, tuple(centers), tile_px)


def compute_descriptors(images: UInt8Array) -> npt.NDArray[np.float32]:
    """Low-resolution descriptors, N x 144, each of length 1, independent of light and contrast."""
    small = shrink(images, _DESCRIPTOR_SIDE).reshape(len(images), -1)
    small -= small.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(small, axis=1, keepdims=True)
    descriptors: npt.NDArray[np.float32] = small / np.maximum(norm, 1e-6)
    return descriptors


def find_similar(
    descriptors: npt.NDArray[np.float32], row: int, count: int
) -> tuple[Int64Array, npt.NDArray[np.float32]]:
    """The images most similar to one, best first, without itself, and their correlation with it."""
    similarity = descriptors @ descriptors[row]
    similarity[row] = -np.inf
    count = min(count, len(descriptors) - 1)
    best = np.argpartition(-similarity, count - 1)[:count] if count else np.empty(0, np.int64)
    best = best[np.argsort(-similarity[best], kind="stable")]
    return best.astype(np.int64), similarity[best]
