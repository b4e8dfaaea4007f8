"""A measured figure with its uncertainty, as every report and comparison holds it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer_core.evaluation.metrics import METRICS

FloatArray = npt.NDArray[np.floating[Any]]

CONFIDENCE: Final[float] = 0.95
"""Coverage of every interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A fraction, distance or loss with its bootstrap interval; NaN where it is undefined."""

    value: float
    low: float
    """Lower end of the 95 % percentile interval."""
    high: float
    """Upper end."""
    n: int
    """Images that it rests on."""
    reason: str = ""
    """Why the value is undefined, or what limits its interval; empty where there is nothing to say."""

    @property
    def is_defined(self) -> bool:
        """Whether there is a value at all."""
        return not math.isnan(self.value)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; NaN becomes null when written."""
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n, "reason": self.reason}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> "Figure":
        """Undo `to_dict`, null back to NaN."""
        numbers = {
            key: math.nan if value[key] is None else float(value[key]) for key in ("value", "low", "high")
        }
        return cls(**numbers, n=int(value["n"]), reason=str(value.get("reason", "")))


def summarise_samples(
    value: float, samples: FloatArray, *, n: int, reason: str, is_centred: bool = False
) -> Figure:
    """Make a figure of a point estimate and its bootstrap samples.

    Args:
        value: the estimate on all images, NaN where undefined.
        samples: the same figure of each resample; NaN where that resample leaves it undefined.
        n: images that it rests on.
        reason: why the value is undefined; used only if it is.
        is_centred: move the samples so that their mean is the estimate, and not below 0. For sums of absolute
            gaps, such as a calibration error: the noise of resampling can only raise them.
    """
    if math.isnan(value):
        return Figure(value=math.nan, low=math.nan, high=math.nan, n=n, reason=reason)
    defined = samples[~np.isnan(samples)]
    if len(defined) == 0:
        note = "no interval: undefined in every resample" if len(samples) else "no interval asked for"
        return Figure(value=value, low=math.nan, high=math.nan, n=n, reason=note)
    if is_centred:
        defined = np.maximum(defined - defined.mean() + value, 0)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    missing = 1 - len(defined) / len(samples)
    note = (
        f"interval over the {1 - missing:.0%} of resamples in which it is defined" if missing > 0.01 else ""
    )
    return Figure(value=value, low=float(low), high=float(high), n=n, reason=note)


def describe_figure(name: str, figure: Figure) -> str:
    """Value and interval of the metric `name` in words: `82.7 % [81.4, 84.0]`, or why there is none."""
    if not figure.is_defined:
        return f"undefined: {figure.reason}"
    scale, digits, unit = (100, 1, " %") if METRICS[name].is_percent else (1, 3, "")
    text = f"{scale * figure.value:.{digits}f}{unit}"
    if math.isnan(figure.low):
        return text
    return f"{text} [{scale * figure.low:.{digits}f}, {scale * figure.high:.{digits}f}]"


def format_change(name: str, figure: Figure) -> str:
    """A difference with its interval, in points for per cent: `+1.23 [-0.10, +2.50]`."""
    if not figure.is_defined:
        return "undefined"
    scale, digits = (100, 2) if METRICS[name].is_percent else (1, 4)
    low, high = f"{scale * figure.low:+.{digits}f}", f"{scale * figure.high:+.{digits}f}"
    return f"{scale * figure.value:+.{digits}f} [{low}, {high}]"
