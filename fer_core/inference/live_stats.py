"""What a live stream tells of itself: counts, pace, time per stage, errors, the last seconds' probabilities.

Nothing here is locked; the owner does that.
"""

import math
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from fer_core.types import Float32Array, Prediction


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCount:
    """One kind of exception, and how often a frame ended in it."""

    kind: str
    """Name of the exception's class."""
    count: int
    message: str
    """What the latest one said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTime:
    """How long one stage takes, in milliseconds; frames without it don't count."""

    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveReport:
    """A stream at one moment. Rates and latencies cover the last few seconds, counts the whole stream."""

    num_received: int
    """Frames that came from the camera: processed, failed and dropped ones."""
    num_processed: int
    """Frames that were analyzed and drawn on."""
    num_failed: int
    """Frames whose analysis raised; they went on as they came."""
    num_dropped: int
    """Frames left out because a newer one was there already."""
    received_fps: float
    processed_fps: float
    dropped_share: float
    """Dropped over received, in [0, 1]."""
    latency_p50_ms: float
    """Time from taking a frame up to having it drawn; NaN if there was none."""
    latency_p95_ms: float
    stages: Mapping[str, StageTime]
    """Time of each stage, by its name."""
    errors: tuple[ErrorCount, ...]
    """Most frequent first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    time_s: float
    num_received: int
    num_dropped: int
    latency_ms: float | None = None
    stages_ms: Mapping[str, float] = field(default_factory=dict)


class LiveStats:
    """Collects what a `LiveReport` says."""

    def __init__(self, *, window_s: float = 5.0) -> None:
        """Rates and latencies will cover the last `window_s` seconds."""
        self._window_s = window_s
        self._entries: deque[_Entry] = deque()
        self._forgotten_s: float | None = None
        self._counts: Counter[str] = Counter()
        self._errors: dict[str, ErrorCount] = {}

    def add_processed(
        self, time_s: float, num_received: int, latency_ms: float, stages_ms: Mapping[str, float]
    ) -> None:
        """Count a processed frame, and as dropped the `num_received - 1` older ones it came with."""
        dropped = num_received - 1
        self._counts.update(received=num_received, processed=1, dropped=dropped)
        self._append(
            _Entry(
                time_s=time_s,
                num_received=num_received,
                num_dropped=dropped,
                latency_ms=latency_ms,
                stages_ms=stages_ms,
            )
        )

    def add_failed(self, time_s: float, num_received: int, error: Exception) -> bool:
        """Count a frame whose processing raised, and as dropped the older ones it came with.

        Returns:
            Whether it is the first error of its class.
        """
        dropped = num_received - 1
        self._counts.update(received=num_received, failed=1, dropped=dropped)
        self._append(_Entry(time_s=time_s, num_received=num_received, num_dropped=dropped))
        return self._add_error(error)

    def add_dropped(self, time_s: float, num_received: int) -> None:
        """Count frames that nothing was done with."""
        self._counts.update(received=num_received, dropped=num_received)
        self._append(_Entry(time_s=time_s, num_received=num_received, num_dropped=num_received))

    def _add_error(self, error: Exception) -> bool:
        kind = type(error).__name__
        count = self._errors[kind].count + 1 if kind in self._errors else 1
        self._errors[kind] = ErrorCount(kind=kind, count=count, message=str(error))
        return count == 1

    def _append(self, entry: _Entry) -> None:
        self._entries.append(entry)
        self._forget_before(entry.time_s - self._window_s)

    def _forget_before(self, time_s: float) -> None:
        while self._entries and self._entries[0].time_s < time_s:
            self._forgotten_s = self._entries.popleft().time_s

    def report(self, now_s: float) -> LiveReport:
        """Sum up, as of `now_s` on the clock that the frames' times are from."""
        self._forget_before(now_s - self._window_s)
        entries = list(self._entries)
        done = [entry for entry in entries if entry.latency_ms is not None]
        received = sum(entry.num_received for entry in entries)
        span_s = self._span_s(now_s)
        latencies = [entry.latency_ms for entry in entries if entry.latency_ms is not None]
        return LiveReport(
            num_received=self._counts["received"],
            num_processed=self._counts["processed"],
            num_failed=self._counts["failed"],
            num_dropped=self._counts["dropped"],
            received_fps=received / span_s,
            processed_fps=len(done) / span_s,
            dropped_share=sum(entry.num_dropped for entry in entries) / received if received else 0.0,
            latency_p50_ms=float(np.percentile(latencies, 50)) if done else math.nan,
            latency_p95_ms=float(np.percentile(latencies, 95)) if done else math.nan,
            stages=_sum_up_stages(done),
            errors=tuple(sorted(self._errors.values(), key=lambda error: -error.count)),
        )

    def _span_s(self, now_s: float) -> float:
        """Seconds in which the frames of the window came."""
        # The first entry speaks of all frames since the one before it, which is just outside of the window.
        start_s = self._forgotten_s
        if start_s is None or now_s - start_s > 2 * self._window_s:
            start_s = self._entries[0].time_s if self._entries else now_s - self._window_s
        return max(1.0, now_s - start_s)


def _sum_up_stages(entries: Sequence[_Entry]) -> dict[str, StageTime]:
    names = dict.fromkeys(name for entry in entries for name in entry.stages_ms)
    stages = {}
    for name in names:
        values = [entry.stages_ms[name] for entry in entries if name in entry.stages_ms]
        p50, p95 = np.percentile(values, [50, 95])
        stages[name] = StageTime(p50_ms=float(p50), p95_ms=float(p95))
    return stages


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryCurve:
    """Probabilities of one face over time, for a chart."""

    classes: tuple[str, ...]
    times_s: Float32Array
    """N times, in seconds before now: from -history to 0."""
    probabilities: Float32Array
    """N x K in [0, 1]; a row of NaN where there was no face, so that a chart shows a gap."""


class ProbabilityHistory:
    """The last seconds' probabilities of one face, at a pace that a chart can show."""

    def __init__(self, classes: Sequence[str], *, length_s: float = 30.0, step_s: float = 0.1) -> None:
        """Keep `length_s` seconds, at most one point each `step_s`."""
        self._classes = tuple(classes)
        self._length_s = length_s
        self._step_s = step_s
        self._points: deque[tuple[float, tuple[float, ...] | None]] = deque()

    def add(self, time_s: float, prediction: Prediction | None) -> None:
        """Note what the face looked like at `time_s`; None says that there was no face."""
        # Half a millisecond of slack, or ten frames a second would now and then count as faster than that.
        if self._points and time_s - self._points[-1][0] < self._step_s - 5e-4:
            return
        self._points.append((time_s, prediction.probabilities if prediction else None))
        while self._points[0][0] < time_s - self._length_s:
            self._points.popleft()

    def curve(self, now_s: float) -> HistoryCurve:
        """Return what is kept of the last seconds before `now_s`."""
        points = [(time_s, values) for time_s, values in self._points if time_s >= now_s - self._length_s]
        missing = (math.nan,) * len(self._classes)
        rows = [missing if values is None else values for _, values in points]
        return HistoryCurve(
            classes=self._classes,
            times_s=np.asarray([time_s - now_s for time_s, _ in points], dtype=np.float32),
            probabilities=np.asarray(rows, dtype=np.float32).reshape(len(rows), len(self._classes)),
        )
