"""Reading the faces of a stretch of video: fewer frames are classified where a face stays as it is.

A face's crop is cut in every frame, which costs a tenth of classifying it. Where neither the crops nor the
probabilities at both ends of a gap differ much, what lies between them is interpolated; otherwise the middle
is classified, too, and both halves are looked at in the same way.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from fer_core.inference.face_quality import measure_quality, settle
from fer_core.inference.frames import Frame
from fer_core.inference.interfaces import Predictor
from fer_core.types import FaceBox, FaceQuality, Float32Array, Prediction, UInt8Array

_MAX_GAP_S: Final[float] = 0.34
"""Longest time between two classified frames. All three were chosen so that the smoothed probabilities of
99 % of frames stay within 0.02 of those of classifying every frame, wherever the gaps begin; on two clips, of
a talking and of a calm face, 75 % and 38 % of the frames are classified."""
_MAX_CHANGE: Final[float] = 0.07
"""Of any probability across a gap."""
_MAX_DEVIATION: Final[float] = 15.0
"""Grey levels by which a part of the face may differ from what lies between the ends of a gap."""
_LEAST_SMOOTHING_S: Final[float] = 0.3
"""With less smoothing single frames show, so all are classified."""
_SKETCH_PX: Final[int] = 24


class Sighting(NamedTuple):
    """One face on one frame, which is to be read."""

    track_id: int
    box: FaceBox
    frame: Frame
    time_s: float


@dataclass(slots=True)
class _Look:
    """What is known of one sighting."""

    time_s: float
    sketch: Float32Array
    """The crop, small, without its mean."""
    index: int
    """Place of its crop in the batch; -1 is of a batch before."""
    row: Float32Array | None = None
    """Probabilities, as soon as they are known."""


class FaceReader:
    """Reads the faces of a stream; what lies between two alike looks at a face is interpolated."""

    def __init__(self) -> None:
        """Nothing has been read yet."""
        self._last: dict[int, _Look] = {}

    def reset(self) -> None:
        """Forget all faces: for another model, or another video."""
        self._last.clear()

    def read(
        self, predictor: Predictor, sightings: Sequence[Sighting], smoothing_s: float
    ) -> list[tuple[Prediction, FaceQuality]]:
        """Classify faces, as `face_quality.read_faces` does; their quality is measured on every frame.

        Args:
            predictor: the model.
            sightings: of consecutive frames, in the order of time.
            smoothing_s: time constant with which the predictions will be smoothed.

        Raises:
            MediaError: a box is not finite.
            CheckpointError: the model answers with something else than finite probabilities.
        """
        if not sightings:
            return []
        crops = np.concatenate([item.frame.crops([item.box], predictor.info.input) for item in sightings])
        looks = [
            _Look(item.time_s, _sketch(crop), index)
            for index, (item, crop) in enumerate(zip(sightings, crops, strict=True))
        ]
        self._classify(predictor, crops, sightings, looks, smoothing_s)
        self._last = {item.track_id: look for item, look in zip(sightings, looks, strict=True)}
        for look in self._last.values():
            look.index = -1
        rows = np.stack([look.row for look in looks if look.row is not None])
        return settle(predictor.info.classes, rows, measure_quality(crops, [item.box for item in sightings]))

    def _classify(
        self,
        predictor: Predictor,
        crops: UInt8Array,
        sightings: Sequence[Sighting],
        looks: Sequence[_Look],
        smoothing_s: float,
    ) -> None:
        """Give every look its probabilities."""
        longest_s = _MAX_GAP_S if smoothing_s >= _LEAST_SMOOTHING_S else 0.0
        gaps = [gap for track in self._tracks(sightings, looks) for gap in _split(track, longest_s)]
        while gaps:
            wanted = [gap[-1] for gap in gaps if gap[-1].row is None]
            if wanted:
                found = predictor.predict_crops(crops[[look.index for look in wanted]])
                for look, row in zip(wanted, found, strict=True):
                    look.row = row
            lively = [gap for gap in gaps if not _fill(gap)]
            gaps = [half for gap in lively for half in _halve(gap)]

    def _tracks(self, sightings: Sequence[Sighting], looks: Sequence[_Look]) -> list[list[_Look]]:
        """The looks of each face, with its last one of the batch before."""
        tracks: dict[int, list[_Look]] = {}
        for item, look in zip(sightings, looks, strict=True):
            last = self._last.get(item.track_id)
            tracks.setdefault(item.track_id, [] if last is None else [last]).append(look)
        return list(tracks.values())


def _sketch(crop: UInt8Array) -> Float32Array:
    from fer_core.opencv import cv2

    small = cv2.resize(crop, (_SKETCH_PX, _SKETCH_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(small - small.mean(), np.float32)


def _split(track: Sequence[_Look], longest_s: float) -> Iterator[Sequence[_Look]]:
    """Cut a track into gaps, each of which begins with the last look of the one before."""
    start = 0
    if track[0].row is None:
        yield track[:1]
    while start < len(track) - 1:
        end = start + 1
        while end < len(track) - 1 and track[end + 1].time_s - track[start].time_s <= longest_s:
            end += 1
        yield track[start : end + 1]
        start = end


def _halve(gap: Sequence[_Look]) -> tuple[Sequence[_Look], Sequence[_Look]]:
    middle = len(gap) // 2
    return gap[: middle + 1], gap[middle:]


def _fill(gap: Sequence[_Look]) -> bool:
    """Interpolate inside a gap whose ends are known, if nothing happened in it; say whether that is so."""
    first, last, inside = gap[0], gap[-1], gap[1:-1]
    if not inside:
        return True
    if first.row is None or last.row is None or np.abs(last.row - first.row).max() > _MAX_CHANGE:
        return False
    passed = np.array([look.time_s - first.time_s for look in inside])
    shares = np.clip(passed / max(last.time_s - first.time_s, 1e-9), 0.0, 1.0).astype(np.float32)
    sketches = np.stack([look.sketch for look in inside]).reshape(len(inside), -1)
    start, end = first.sketch.ravel(), last.sketch.ravel()
    if np.abs(sketches - (start + shares[:, None] * (end - start))).max() > _MAX_DEVIATION:
        return False
    for look, share in zip(inside, shares, strict=True):
        look.row = first.row + share * (last.row - first.row)
    return True
