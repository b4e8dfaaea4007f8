"""Means with intervals that respect repeated measures and autocorrelation.

Every person counts the same, and so does every recording of a person: the mean is that of the persons' means,
and these are of the recordings' means. Persons are resampled, and within a
person blocks of time, since what is measured now is much like what was measured a moment ago. The interval
is studentized: each resample is divided by its own standard error over persons (Davison & Hinkley, 1997,
"Bootstrap Methods and their Application", 2.4 and 3.8), because the plain percentiles of two stages are too
wide where persons are alike and too narrow where they are few. With one person only, its blocks take the
place of persons, and the interval is of that person. Block lengths are those of Politis & White (2004;
corrected 2009) for circular blocks.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]

NUM_RESAMPLES: Final[int] = 2000
CONFIDENCE: Final[float] = 0.95
MIN_PERSONS: Final[int] = 5
"""With two to four persons Student's t on their means is taken: resamples are too often all one person."""
MIN_BLOCKS: Final[int] = 10
"""Of a single person, for an interval at all."""
_MOST_BLOCKS: Final[int] = 64
"""Of a series: more take time and change nothing."""
_BATCHES: Final[int] = 3
"""Blocks of one person are so many times longer: their means must be nearly independent, as persons are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Means of K values with intervals; NaN where there are none."""

    value: FloatArray
    """K means of the persons' means."""
    low: FloatArray
    high: FloatArray
    num_persons: int
    num_points: int
    """Points in time, summed over persons."""
    note: str = ""
    """What limits the intervals, or why there are none."""

    def describe(self, place: int, bounds: tuple[float, float]) -> dict[str, Any]:
        """Value, ends (within the bounds that its meaning sets), counts and note of one of the K values."""
        value, low, high = (float(ends[place]) for ends in (self.value, self.low, self.high))
        note = self.note
        if not note and math.isnan(low):
            note = "no interval: too few persons differ from the others"
        return {
            "value": value,
            "low": low if math.isnan(low) else max(low, bounds[0]),
            "high": high if math.isnan(high) else min(high, bounds[1]),
            "num_persons": self.num_persons,
            "num_values": self.num_points,
            "note": note,
        }


def choose_block_length(values: FloatArray) -> int:
    """Length of circular blocks that minimises the error of the variance of the mean (Politis & White, 2004).

    Args:
        values: a series, T.

    Returns:
        Points, from 1 to T // 3 (at least 1); the longest of what the formula gives.
    """
    num = len(values)
    centred = values - values.mean()
    variance = float(centred @ centred) / num
    if num < 8 or variance <= 0:
        return 1
    longest = math.ceil(math.sqrt(num)) + max(5, math.ceil(math.log10(num)))
    band = 2 * math.sqrt(math.log10(num) / num)
    lags = [float(centred[lag:] @ centred[: num - lag]) / num / variance for lag in range(1, longest + 1)]
    run = max(5, math.ceil(math.sqrt(math.log10(num))))
    quiet = (lag for lag in range(len(lags) - run + 1) if all(abs(r) < band for r in lags[lag : lag + run]))
    cutoff = 2 * max(1, next(quiet, max((i + 1 for i, r in enumerate(lags) if abs(r) > band), default=1)))
    cutoff = min(cutoff, num - 1)
    covariances = np.array([float(centred[lag:] @ centred[: num - lag]) / num for lag in range(cutoff + 1)])
    share = np.arange(cutoff + 1) / cutoff
    weights = np.where(share <= 0.5, 1.0, 2 * (1 - share))
    spectrum = covariances[0] + 2 * float((weights[1:] * covariances[1:]).sum())
    slope = 2 * float((weights[1:] * np.arange(1, cutoff + 1) * covariances[1:]).sum())
    if spectrum <= 0:
        return 1
    length = (2 * slope**2 / (4 / 3 * spectrum**2)) ** (1 / 3) * num ** (1 / 3)
    return int(min(max(1, math.ceil(length)), max(1, num // 3)))


def estimate_mean(
    persons: Mapping[str, Sequence[FloatArray]],
    *,
    num_values: int,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """Mean over persons with its interval, for K values at once.

    Args:
        persons: to each person the recordings it was measured in, T x K each, evenly sampled; each counts the
            same, however long. Rows with NaN are left out, as if the recording were shorter.
        num_values: K.
        num_resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    kept = {name: _join(parts) for name, parts in persons.items() if len(parts)}
    kept = {name: values for name, values in kept.items() if len(values)}
    if not kept:
        empty = np.full(num_values, np.nan)
        return Estimate(value=empty, low=empty, high=empty, num_persons=0, num_points=0, note="no values")
    means = np.stack([values.mean(axis=0) for values in kept.values()])
    num_points = sum(map(len, kept.values()))
    generator = np.random.default_rng([seed, num_points])
    series = list(kept.values())
    if len(series) >= MIN_PERSONS:
        low, high = _resample_persons(series, means, num_resamples, generator)
        note = ""
    elif len(series) > 1:
        low, high = _student(means)
        note = f"{len(series)} persons: Student's t on their means"
    else:
        low, high, note = _resample_blocks(series[0], num_resamples, generator)
    return Estimate(
        value=means.mean(axis=0),
        low=low,
        high=high,
        num_persons=len(series),
        num_points=num_points,
        note=note,
    )


def average_recordings(recordings: Sequence[FloatArray]) -> FloatArray | None:
    """A person's mean: that of the means of the recordings, so a long one counts no more than a short one.

    Args:
        recordings: T x K each; rows with NaN are left out.

    Returns:
        K; None if there are no values.

    Examples:
        >>> short, long = np.array([[0.5], [np.nan]]), np.array([[0.25], [0.25], [0.25]])
        >>> average_recordings([short, long]).tolist()
        [0.375]
    """
    kept = _drop_missing(recordings)
    if not kept:
        return None
    mean: FloatArray = np.stack([values.mean(axis=0) for values in kept]).mean(axis=0)
    return mean


def _drop_missing(recordings: Sequence[FloatArray]) -> list[FloatArray]:
    kept = (values[~np.isnan(values).any(axis=1)] for values in recordings)
    return [values for values in kept if len(values)]


def _join(recordings: Sequence[FloatArray]) -> FloatArray:
    """A person's recordings in a row, so that the plain mean of the row is `average_recordings`.

    Where recordings are not of one length, deviations from that mean are stretched by what a point of each
    recording weighs. So blocks of the row spread as the mean of the recordings does.
    """
    kept = _drop_missing(recordings)
    mean = average_recordings(kept)
    if mean is None:
        return np.concatenate(recordings)[:0]
    lengths = [len(values) for values in kept]
    if len(set(lengths)) == 1:
        return np.concatenate(kept)
    usual = sum(lengths) / len(kept)
    return np.concatenate([mean + usual / len(values) * (values - mean) for values in kept])


def _draw_means(values: FloatArray, num: int, generator: np.random.Generator) -> FloatArray:
    """Means of `num` resamples of a series by circular blocks, num x K."""
    total = len(values)
    length = max(math.ceil(total / _MOST_BLOCKS), *(choose_block_length(column) for column in values.T))
    num_blocks = math.ceil(total / length)
    sums = np.cumsum(np.concatenate([np.zeros((1, values.shape[1])), values, values[:length]]), axis=0)
    block_means = (sums[length : length + total] - sums[:total]) / length
    starts = generator.integers(0, total, size=(num, num_blocks))
    drawn: FloatArray = block_means[starts].mean(axis=1)
    return drawn


def _resample_persons(
    series: Sequence[FloatArray], means: FloatArray, num: int, generator: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    drawn = np.stack([_draw_means(values, num, generator) for values in series])
    size = (num, len(series))
    chosen = drawn[generator.integers(0, len(series), size), generator.integers(0, num, size)]
    return _studentize(chosen, means)


def _resample_blocks(
    values: FloatArray, num: int, generator: np.random.Generator
) -> tuple[FloatArray, FloatArray, str]:
    length = _BATCHES * max(choose_block_length(column) for column in values.T)
    length = max(length, math.ceil(len(values) / _MOST_BLOCKS))
    num_blocks = len(values) // length
    if num_blocks < MIN_BLOCKS:
        empty = np.full(values.shape[1], np.nan)
        return empty, empty, "no interval: one person, and too short for its autocorrelation"
    blocks = values[: num_blocks * length].reshape(num_blocks, length, -1).mean(axis=1)
    chosen = blocks[generator.integers(0, num_blocks, size=(num, num_blocks))]
    low, high = _studentize(chosen, blocks)
    return low, high, "one person: the interval is of this person, over time"


def _studentize(chosen: FloatArray, means: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Ends of the interval of the mean of N x K means, from R x N x K resampled ones."""
    num = len(means)
    error = means.std(axis=0, ddof=1) / math.sqrt(num)
    errors = chosen.std(axis=1, ddof=1) / math.sqrt(num)
    shifts = chosen.mean(axis=1) - chosen.mean(axis=(0, 1))
    tiny = 1e-12 * np.abs(chosen).max(axis=(0, 1))
    # A resample without spread is infinitely many of its errors away: too many of them, and there is no end.
    ratios = np.where(np.abs(shifts) > tiny, np.copysign(np.inf, shifts), 0.0)
    np.divide(shifts, errors, out=ratios, where=errors > tiny)
    tail = (1 - CONFIDENCE) / 2
    upper, lower = np.quantile(ratios, [1 - tail, tail], axis=0, method="inverted_cdf")
    center = means.mean(axis=0)
    is_flat = error <= 1e-12 * np.abs(means).max(axis=0)
    shift_low, shift_high = (np.where(is_flat, 0.0, ratio) * error for ratio in (upper, lower))
    is_bounded = np.isfinite(shift_low) & np.isfinite(shift_high)
    low, high = (np.where(is_bounded, center - shift, np.nan) for shift in (shift_low, shift_high))
    return low, high


def _student(means: FloatArray) -> tuple[FloatArray, FloatArray]:
    from scipy.stats import t

    num = len(means)
    half = t.ppf((1 + CONFIDENCE) / 2, num - 1) * means.std(axis=0, ddof=1) / math.sqrt(num)
    center = means.mean(axis=0)
    return center - half, center + half
