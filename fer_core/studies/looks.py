"""What tells people apart without knowing faces: colours of hair and clothes, the pattern of the face.

Nothing of it is kept: looks are measured when somebody asks who is who, and are gone with the answer.
`benchmarks/study_persons.py` measures what each of them is worth.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fer_core.framing import Square, extract_square
from fer_core.types import Float32Array, UInt8Array

if TYPE_CHECKING:
    import pandas as pd

WEIGHTS: Final[Mapping[str, float]] = {"hair": 0.3, "clothes": 0.4, "skin": 0.0, "pattern": 0.3}
"""What each counts in a distance. On clips that they were not chosen on, no other setting is better."""
_REGIONS: Final[Mapping[str, tuple[float, float, float, float]]] = {
    "hair": (0.05, -0.45, 0.95, 0.05),
    "clothes": (-0.5, 1.45, 1.5, 2.4),
    "skin": (0.25, 0.3, 0.75, 0.8),
}
"""Left, top, right and bottom in widths and heights of the face, from its top left corner."""
_SAMPLE_PX: Final[int] = 16
_PATTERN_PX: Final[int] = 24
_BINS: Final[tuple[int, int, int]] = (5, 12, 12)
"""Of L, a and b."""
_LEAST_SHARE: Final[float] = 0.4
"""Of a region that has to be in the picture."""
_FRAMES_PER_SEEK: Final[int] = 60
"""Frames that are decoded to come to one that is asked for, about."""
_LOOKS_PER_S: Final[float] = 1.0
_MIN_LOOKS: Final[int] = 3
_MAX_LOOKS: Final[int] = 10


@dataclass(frozen=True, slots=True)
class Look:
    """How a face looked at one moment."""

    time_s: float
    features: Mapping[str, Float32Array]
    """By name, each of length 1; those that were in the picture."""


def choose_moments(rows: "pd.DataFrame") -> "pd.DataFrame":
    """The rows of a face in which it is looked at: spread over its time, each the clearest of its part.

    Args:
        rows: of one face, in the order of time.
    """
    import pandas as pd

    seconds = float(rows["time_s"].iloc[-1] - rows["time_s"].iloc[0])
    number = min(len(rows), max(_MIN_LOOKS, min(_MAX_LOOKS, round(_LOOKS_PER_S * seconds))))
    parts = np.array_split(np.arange(len(rows)), number)
    clearness = rows["score"].to_numpy(float) - rows["yaw"].abs().fillna(0).to_numpy(float) / 90
    return pd.DataFrame([rows.iloc[part[clearness[part].argmax()]] for part in parts])


def take_looks(
    path: Path,
    moments: "Mapping[int, pd.DataFrame]",
    describe: "Callable[[UInt8Array, pd.Series[Any]], Mapping[str, Float32Array]]",
) -> dict[int, list[Look]]:
    """Look at the faces of a recording.

    Args:
        path: of the recording.
        moments: rows of `choose_moments`, by any number of the face.
        describe: measures features.

    Raises:
        MediaError: the recording can't be read.
    """
    wanted: dict[float, list[tuple[int, pd.Series[Any]]]] = {}
    for track, rows in moments.items():
        for _, row in rows.iterrows():
            wanted.setdefault(float(row["time_s"]), []).append((track, row))
    found: dict[int, list[Look]] = {track: [] for track in moments}
    for time_s, image_rgb in iterate_frames(path, sorted(wanted)):
        for track, row in wanted[time_s]:
            found[track].append(Look(time_s, describe(image_rgb, row)))
    return found


def iterate_frames(path: Path, times_s: Sequence[float]) -> Iterator[tuple[float, UInt8Array]]:
    """The pictures of a recording at some times, ascending; in one pass where that is faster.

    Raises:
        MediaError: the recording can't be read.
    """
    from fer_core.inference.video_reader import open_video

    with open_video(path) as reader:
        if len(times_s) * _FRAMES_PER_SEEK < (reader.info.num_frames or 0):
            for time_s in times_s:
                yield time_s, reader.seek(time_s).image_rgb
            return
        waiting = list(times_s)
        for frame in reader.frames():
            while waiting and frame.time_s > waiting[0] - 1e-6:
                yield waiting.pop(0), frame.image_rgb
            if not waiting:
                return


def describe(image_rgb: UInt8Array, face: "pd.Series[Any]") -> dict[str, Float32Array]:
    """The features of a face, each of length 1; those whose region is in the picture.

    Args:
        image_rgb: H x W x 3.
        face: x, y, width, height and roll, of the table of faces.
    """
    import cv2

    x, y, width, height = (float(face[name]) for name in ("x", "y", "width", "height"))
    found = {}
    for name, (left, top, right, bottom) in _REGIONS.items():
        edges = (x + left * width, y + top * height, x + right * width, y + bottom * height)
        region = _cut(image_rgb, edges)
        if region is not None:
            found[name] = _count_colors(region)
    square = Square.around(x + width / 2, y + height / 2, 1.1 * max(width, height), float(face["roll"] or 0))
    crop = extract_square(image_rgb, square, width=_PATTERN_PX, height=_PATTERN_PX)
    gray = cv2.GaussianBlur(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1.0)
    found["pattern"] = _normalise(gray.ravel() - gray.mean())
    return found


def _cut(image_rgb: UInt8Array, edges: tuple[float, float, float, float]) -> UInt8Array | None:
    """A few pixels of a region; None if most of it is outside of the picture."""
    import cv2

    height, width = image_rgb.shape[:2]
    left, top = max(0, math.floor(edges[0])), max(0, math.floor(edges[1]))
    right, bottom = min(width, math.ceil(edges[2])), min(height, math.ceil(edges[3]))
    area = (edges[2] - edges[0]) * (edges[3] - edges[1])
    if right <= left or bottom <= top or (right - left) * (bottom - top) < _LEAST_SHARE * area:
        return None
    region = np.ascontiguousarray(image_rgb[top:bottom, left:right])
    return np.asarray(
        cv2.resize(region, (_SAMPLE_PX, _SAMPLE_PX), interpolation=cv2.INTER_AREA), dtype=np.uint8
    )


def _count_colors(region_rgb: UInt8Array) -> Float32Array:
    """Root of the shares of colours in CIE L*a*b*; their product is Bhattacharyya's coefficient."""
    import cv2

    lab = cv2.cvtColor(region_rgb, cv2.COLOR_RGB2LAB).reshape(-1, 3).astype(np.float64)
    lab[:, 1:] = lab[:, 1:].clip(64, 191)  # stronger colours are rare
    counts, _ = np.histogramdd(lab, bins=_BINS, range=((0, 256), (64, 192), (64, 192)))
    for axis, size in enumerate(_BINS):  # neighbours are alike
        shifted = [np.roll(counts, shift, axis) for shift in (-1, 1)]
        first, last = [slice(None)] * 3, [slice(None)] * 3
        first[axis], last[axis] = slice(size - 1, size), slice(0, 1)
        shifted[0][tuple(first)] = 0
        shifted[1][tuple(last)] = 0
        counts = counts + 0.5 * (shifted[0] + shifted[1])
    return _normalise(np.sqrt(counts.ravel()))


def _normalise(values: "np.typing.NDArray[Any]") -> Float32Array:
    return np.asarray(values / max(float(np.linalg.norm(values)), 1e-6), np.float32)


def average(looks: Iterable[Look]) -> dict[str, Float32Array]:
    """The mean of each feature over looks, of length 1."""
    sums: dict[str, list[Float32Array]] = {}
    for look in looks:
        for name, values in look.features.items():
            sums.setdefault(name, []).append(values)
    return {name: _normalise(np.mean(values, axis=0)) for name, values in sums.items()}


def measure_distance(
    first: Mapping[str, Float32Array],
    second: Mapping[str, Float32Array],
    weights: Mapping[str, float] = WEIGHTS,
) -> float:
    """How different two faces look, 0 to about 1: 1 - cosine of each feature that both have, weighted."""
    shared = [name for name in weights if weights[name] and name in first and name in second]
    if not shared:
        return 1.0
    total = sum(weights[name] * (1.0 - float(first[name] @ second[name])) for name in shared)
    return total / sum(weights[name] for name in shared)
