"""What a data set is made of: classes, annotators' agreement, light and sharpness, the face of each class."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from fer_core.types import UInt8Array

Int64Array = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]
ClassCounts = dict[str, Counter[str]]
"""Images by split and class; the class without a name holds those that count as none."""

_PART: Final[int] = 2048
"""Images in memory at once, as floats."""
_LUMA: Final[tuple[float, float, float]] = (0.299, 0.587, 0.114)


def count_classes(splits: npt.NDArray[np.object_], classes: npt.NDArray[np.object_]) -> ClassCounts:
    """Images of each class in each split, in the order in which they occur.

    Args:
        splits: of every image, N.
        classes: of every image, N; empty where it counts as none.
    """
    counts: ClassCounts = {}
    for (split, name), count in Counter(zip(splits, classes, strict=True)).items():
        counts.setdefault(str(split), Counter())[str(name)] = count
    return counts


def compute_agreement(votes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Share of an image's votes that its most frequent answer got, N, 0 to 1; NaN without a vote."""
    total = votes.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        agreement: npt.NDArray[np.float64] = np.where(total > 0, votes.max(axis=1) / total, np.nan)
    return agreement


def compute_image_statistics(images: UInt8Array, on_progress: Progress | None = None) -> pd.DataFrame:
    """Light and sharpness of every image.

    Args:
        images: N x H x W or N x H x W x 3, memory-mapped or not; read in parts.
        on_progress: called with images done and images in all.

    Returns:
        N rows: `brightness`, the mean, and `contrast`, the standard deviation, of grey values in [0, 1];
        `sharpness`, the standard deviation of the Laplacian of those values, low for blurred images.
    """
    result = np.empty((len(images), 3), np.float32)
    for start in range(0, len(images), _PART):
        grey = _to_grey(images[start : start + _PART]) / np.float32(255)
        inner = grey[:, 1:-1, 1:-1]
        edges = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:] - 4 * inner
        for column, values in enumerate(
            (grey.mean(axis=(1, 2)), grey.std(axis=(1, 2)), edges.std(axis=(1, 2)))
        ):
            result[start : start + len(grey), column] = values
        if on_progress is not None:
            on_progress(min(start + _PART, len(images)), len(images))
    return pd.DataFrame(result, columns=["brightness", "contrast", "sharpness"])


def _to_grey(images: UInt8Array) -> npt.NDArray[np.float32]:
    values = images.astype(np.float32)
    return values if values.ndim == 3 else values @ np.asarray(_LUMA, np.float32)


@dataclass(frozen=True, slots=True)
class ClassFace:
    """All images of a class, laid upon each other."""

    name: str
    num_images: int
    mean: UInt8Array
    """H x W or H x W x 3."""
    deviation: UInt8Array
    """Standard deviation of each pixel, H x W or H x W x 3, stretched so that the largest of all is 255."""


def compute_class_faces(
    images: UInt8Array, classes: npt.NDArray[np.object_], names: Sequence[str]
) -> list[ClassFace]:
    """The mean face and its variation, for every class that occurs.

    Args:
        images: N x H x W or N x H x W x 3.
        classes: of every image, N.
        names: classes, in the order wanted.
    """
    found = []
    for name in names:
        rows = np.flatnonzero(classes == name)
        if not len(rows):
            continue
        total = np.zeros(images.shape[1:], np.float64)
        squares = np.zeros_like(total)
        for start in range(0, len(rows), _PART):
            part = images[rows[start : start + _PART]].astype(np.float64)
            total += part.sum(axis=0)
            squares += np.square(part).sum(axis=0)
        mean = total / len(rows)
        deviation = np.sqrt(np.maximum(squares / len(rows) - np.square(mean), 0))
        found.append((name, len(rows), mean, deviation))
    largest = max((float(item[3].max()) for item in found), default=0.0) or 1.0
    return [
        ClassFace(name, count, mean.round().astype(np.uint8), (deviation * 255 / largest).astype(np.uint8))
        for name, count, mean, deviation in found
    ]
