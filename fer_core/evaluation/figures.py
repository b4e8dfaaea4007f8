"""A measured figure with its uncertainty, as every report and comparison holds it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

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


TITLES: Final[Mapping[str, str]] = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro-F1",
    "weighted_f1": "weighted F1",
    "top2_accuracy": "top-2 accuracy",
    "kappa": "Cohen's kappa",
    "mcc": "MCC",
    "roc_auc": "ROC AUC (mean of the classes)",
    "average_precision": "average precision (mean of the classes)",
    "log_loss": "log loss",
    "ece": "calibration error (ECE)",
    "ece_uncalibrated": "ECE at temperature 1",
    "ece_cross_fitted": "ECE, temperature fitted on the other half",
    "kl_divergence": "KL divergence from the annotators",
    "js_distance": "Jensen-Shannon distance to the annotators",
}
"""Figures of a whole report, in the order of its tables, as people read them."""
LOWER_IS_BETTER: Final[frozenset[str]] = frozenset(
    {"log_loss", "ece", "ece_uncalibrated", "ece_cross_fitted", "kl_divergence", "js_distance"}
)
CALIBRATION_FIGURES: Final[frozenset[str]] = frozenset({"ece", "ece_uncalibrated", "ece_cross_fitted"})
"""Sums of absolute gaps."""
PERCENT_FIGURES: Final[frozenset[str]] = frozenset({"accuracy", "balanced_accuracy", "top2_accuracy"})
"""Shown in per cent; stored as fractions like all."""
CLASS_TITLES: Final[Mapping[str, str]] = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
}
"""Figures of one class; their name in a report is `<figure>.<class>`."""


def describe_figure(name: str, figure: Figure) -> str:
    """Value and interval in words: `82.7 % [81.4, 84.0]`, or why there is none."""
    if not figure.is_defined:
        return f"undefined: {figure.reason}"
    scale, digits, unit = (100, 1, " %") if name in PERCENT_FIGURES else (1, 3, "")
    text = f"{scale * figure.value:.{digits}f}{unit}"
    if math.isnan(figure.low):
        return text
    return f"{text} [{scale * figure.low:.{digits}f}, {scale * figure.high:.{digits}f}]"
