"""Who is who from frame to frame: faces matched by overlap, ids that survive short gaps. No pixels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Final

import numpy as np
import numpy.typing as npt

from fer_core.errors import ConfigError
from fer_core.types import FaceBox, normalize_roll

_POSITION_GAIN: Final[float] = 0.8
_VELOCITY_GAIN: Final[float] = 0.4
"""Of an alpha-beta filter: how much of a detection's surprise goes into the position, and into the velocity
of the centre. Below 1, the first takes the detector's jitter out of the box."""
_MAX_BLENDED_ROLL: Final[float] = 30.0
"""Degrees that a head may turn between two detections; more is another way up."""
_MAX_EXTRAPOLATION_S: Final[float] = 0.25
"""Nobody's head keeps its speed for longer; after a hiccup of the stream boxes must not have flown off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporalConfig:
    """How frames of a stream are joined in time. Times are seconds, so frame rates do not matter."""

    detect_every: int = 3
    """Look for faces in every so-many-th frame, and at least twice a second; between them boxes move on as
    they moved before."""
    smoothing_s: float = 0.4
    """Time constant of the smoothing of probabilities in seconds; 0 is off."""
    max_gap_s: float = 1.0
    """A face that comes back within this many seconds near where it was lost keeps its id."""
    min_iou: float = 0.2
    """Overlap (intersection over union) from which a detection may be the face of a track, in (0, 1]."""

    def __post_init__(self) -> None:
        if not isinstance(self.detect_every, Integral) or self.detect_every < 1:
            raise ConfigError(f"temporal.detect_every is {self.detect_every}; expected 1 or more frames")
        for name in ("smoothing_s", "max_gap_s"):
            value = getattr(self, name)
            if not (isinstance(value, Real) and math.isfinite(value) and value >= 0):
                raise ConfigError(f"temporal.{name} is {value}; expected 0 or more seconds")
        if not 0 < self.min_iou <= 1:
            raise ConfigError(f"temporal.min_iou is {self.min_iou}; expected more than 0 and at most 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedFace:
    """A face that is in the picture now."""

    track_id: int
    """The same number as long as the face is followed; from 1, never used again."""
    box: FaceBox
    is_current: bool
    """False if the last detection missed the face: its box is where it is expected."""


@dataclass(slots=True)
class _Track:
    track_id: int
    box: FaceBox
    """At `time_s`."""
    time_s: float
    seen_s: float
    """When a detection last agreed."""
    velocity: tuple[float, float] = (0.0, 0.0)
    """Of the centre, in pixels per second."""
    num_missed: int = 0
    """Detections since then that did not."""
    before: tuple[FaceBox, float] | None = None
    """Box and time before the last detection; None if that one began the track."""

    def box_at(self, time_s: float) -> FaceBox:
        """Where the face is expected at `time_s`."""
        elapsed = min(max(0.0, time_s - self.time_s), _MAX_EXTRAPOLATION_S)
        return replace(
            self.box,
            x=self.box.x + self.velocity[0] * elapsed,
            y=self.box.y + self.velocity[1] * elapsed,
        )

    def box_between(self, time_s: float) -> FaceBox | None:
        """Where the face was at a time between the last two detections; None if it was not known then."""
        if self.before is None:
            return None
        box, start_s = self.before
        share = (time_s - start_s) / (self.time_s - start_s) if self.time_s > start_s else 1.0
        return _blend(box, self.box, min(max(share, 0.0), 1.0))

    def correct(self, found: FaceBox, time_s: float) -> None:
        """Take in a detection at `time_s`."""
        expected = self.box_at(time_s)
        elapsed = time_s - self.time_s
        if elapsed > 0:
            gain = _VELOCITY_GAIN / elapsed
            (found_x, found_y), (expected_x, expected_y) = found.center, expected.center
            self.velocity = (
                self.velocity[0] + gain * (found_x - expected_x),
                self.velocity[1] + gain * (found_y - expected_y),
            )
        if self.num_missed:  # it was guessed for too long to say anything about its motion
            self.velocity = (0.0, 0.0)
            self.box = found
        else:
            self.box = _blend(expected, found, _POSITION_GAIN)
        self.time_s = self.seen_s = time_s
        self.num_missed = 0


class FaceTracker:
    """Follows faces through one stream.

    Examples:
        >>> tracker = FaceTracker(TemporalConfig())
        >>> box = FaceBox(x=10, y=10, width=50, height=60, score=0.9)
        >>> tracker.update([box], time_s=0.0)
        >>> [face.track_id for face in tracker.faces(time_s=0.04)]
        [1]
    """

    def __init__(self, config: TemporalConfig) -> None:
        """Start without faces; `config` may be exchanged at any time."""
        self.config = config
        self._tracks: list[_Track] = []
        self._num_ids = 0

    def reset(self) -> None:
        """Forget all faces; ids begin at 1 again."""
        self.forget()
        self._num_ids = 0

    def forget(self) -> None:
        """Forget where faces are: whoever comes next gets an id that nobody had."""
        self._tracks.clear()

    def update(self, boxes: Sequence[FaceBox], time_s: float) -> None:
        """Take in everything that a detection found at `time_s`.

        Detections and tracks are paired so that the sum of overlaps is largest (Hungarian algorithm). What is
        left over begins a track, or lets one age.
        """
        for track in self._tracks:
            # What had been out of sight for longer was not in the picture meanwhile.
            track.before = (track.box, track.time_s) if track.num_missed <= 1 else None
        expected = [track.box_at(time_s) for track in self._tracks]
        pairs = _match(expected, boxes, self.config.min_iou)
        for track_index, box_index in pairs.items():
            self._tracks[track_index].correct(boxes[box_index], time_s)
        for index, track in enumerate(self._tracks):
            if index not in pairs:
                # Wherever it was going when it was lost, near its last place is the best guess.
                track.box, track.time_s, track.velocity = expected[index], time_s, (0.0, 0.0)
                track.num_missed += 1
        self._tracks = [
            track
            for track in self._tracks
            if not track.num_missed or time_s - track.seen_s <= self.config.max_gap_s
        ]
        matched = set(pairs.values())
        for index, box in enumerate(boxes):
            if index not in matched:
                self._num_ids += 1
                self._tracks.append(_Track(self._num_ids, box, time_s, time_s))

    def faces(self, time_s: float) -> list[TrackedFace]:
        """The faces in the picture at `time_s`, oldest first.

        A face that one detection missed is still shown, so that boxes do not blink; after two it is not.
        """
        return [
            TrackedFace(track_id=track.track_id, box=track.box_at(time_s), is_current=track.num_missed == 0)
            for track in self._tracks
            if track.num_missed <= 1 and time_s - track.seen_s <= self.config.max_gap_s
        ]

    def faces_between(self, time_s: float) -> list[TrackedFace]:
        """The faces in the picture at a time between the last two calls of `update`, oldest first.

        Looking back, boxes lie between two detections instead of being foreseen from the past.
        """
        placed = [(track, track.box_between(time_s)) for track in self._tracks if track.num_missed <= 1]
        return [
            TrackedFace(track_id=track.track_id, box=box, is_current=track.num_missed == 0)
            for track, box in placed
            if box is not None
        ]

    @property
    def known_ids(self) -> set[int]:
        """Ids of all faces that are followed, seen or waited for."""
        return {track.track_id for track in self._tracks}


def compute_iou(first: Sequence[FaceBox], second: Sequence[FaceBox]) -> npt.NDArray[np.float64]:
    """Intersection over union in [0, 1] of each of n boxes with each of m others: n x m."""
    a, b = _corners(first)[:, None], _corners(second)[None]
    low, high = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])
    shared = (high - low).clip(0).prod(axis=2)
    area_a, area_b = ((box[..., 2:] - box[..., :2]).prod(axis=2) for box in (a, b))
    iou: npt.NDArray[np.float64] = shared / (area_a + area_b - shared)
    return iou


def _corners(boxes: Sequence[FaceBox]) -> npt.NDArray[np.float64]:
    rows = [(box.x, box.y, box.x + box.width, box.y + box.height) for box in boxes]
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def _match(tracks: Sequence[FaceBox], boxes: Sequence[FaceBox], min_iou: float) -> dict[int, int]:
    """Index of a track -> index of the box that is its face."""
    if not tracks or not boxes:
        return {}
    iou = compute_iou(tracks, boxes)
    # A pair that is too far apart must not be chosen for the sake of the sum.
    iou[iou < min_iou] = 0
    return {row: column for row, column in assign(-iou).items() if iou[row, column] > 0}


def assign(costs: npt.NDArray[np.float64]) -> dict[int, int]:
    """The pairs of rows and columns with the least sum of costs, as many as the shorter side has.

    The Hungarian method with shortest augmenting paths (Jonker, Volgenant 1987).

    Args:
        costs: n x m, finite.
    """
    if costs.shape[0] > costs.shape[1]:
        return {row: column for column, row in assign(costs.T).items()}
    num_rows, num_columns = costs.shape
    row_price, column_price = np.zeros(num_rows), np.zeros(num_columns)
    owner = np.full(num_columns, -1)
    for start in range(num_rows):
        least = np.full(num_columns, np.inf)
        before = np.full(num_columns, -1)
        is_done = np.zeros(num_columns, dtype=bool)
        row, column, reached = start, -1, 0.0
        while True:
            reduced = reached + costs[row] - row_price[row] - column_price
            better = ~is_done & (reduced < least)
            least[better], before[better] = reduced[better], column
            column = int(np.where(is_done, np.inf, least).argmin())
            reached = least[column]
            is_done[column] = True
            if owner[column] < 0:
                break
            row = owner[column]
        for other in np.flatnonzero(is_done):
            slack = reached - least[other]
            column_price[other] -= slack
            if owner[other] >= 0:
                row_price[owner[other]] += slack
        row_price[start] += reached
        while column >= 0:  # every row on the path moves to the column that was found for it
            came_from = before[column]
            owner[column] = owner[came_from] if came_from >= 0 else start
            column = int(came_from)
    return {int(row): column for column, row in enumerate(owner) if row >= 0}


def _blend(old: FaceBox, new: FaceBox, share: float) -> FaceBox:
    """Between two boxes: `share` of the new one; its score. A face that was turned over is turned at once."""

    def mix(before: float, after: float) -> float:
        return before + share * (after - before)

    def mix_known(before: float | None, after: float | None) -> float | None:
        return after if before is None or after is None else mix(before, after)

    change = normalize_roll(new.roll - old.roll)
    return FaceBox(
        x=mix(old.x, new.x),
        y=mix(old.y, new.y),
        width=mix(old.width, new.width),
        height=mix(old.height, new.height),
        score=new.score,
        roll=normalize_roll(
            new.roll - (1 - share) * change if abs(change) <= _MAX_BLENDED_ROLL else new.roll
        ),
        yaw=mix_known(old.yaw, new.yaw),
        pitch=mix_known(old.pitch, new.pitch),
    )
