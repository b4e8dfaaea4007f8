"""Paired comparisons of conditions: tests over persons, effect sizes, Holm's correction."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from fer_core.errors import DataError
from fer_core.evaluation.paired import adjust_holm
from fer_core.studies.statistics.bootstrap import NUM_RESAMPLES, FloatArray, average_recordings, estimate_mean
from fer_core.studies.statistics.series import Series, group_by_person

if TYPE_CHECKING:
    import pandas as pd

Test = Literal["t", "wilcoxon"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedTest:
    """A paired test of N differences."""

    num_pairs: int
    difference: float
    """Mean of second minus first."""
    p_value: float
    """Two-sided; 1 where no pair differs; NaN where it is not defined."""
    effect: float
    """Cohen's d_z: the mean difference over the standard deviation of the differences."""
    reason: str = ""
    """Why there is no p-value."""


def compare_pairs(first: npt.ArrayLike, second: npt.ArrayLike, test: Test = "t") -> PairedTest:
    """Student's paired t, or Wilcoxon's signed ranks, of second minus first; pairs with NaN are left out.

    Where no pair differs, p is 1 and the effect 0. Where all pairs differ by the same, there is no spread
    to measure the difference by, and neither is defined: the t statistic would be infinite and p 0 with two
    persons.

    Raises:
        DataError: not the same number of values.
    """
    one, other = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if one.shape != other.shape or one.ndim != 1:
        raise DataError(f"can't pair {one.shape} with {other.shape} values; expected one per person in both")
    found = other - one
    found = found[~np.isnan(found)]
    num = len(found)
    if num < 2:
        mean = float(found.mean()) if num else math.nan
        reason = f"{num} persons in both"
        return PairedTest(num_pairs=num, difference=mean, p_value=math.nan, effect=math.nan, reason=reason)
    mean, spread = float(found.mean()), float(found.std(ddof=1))
    if not found.any():
        return PairedTest(num_pairs=num, difference=0.0, p_value=1.0, effect=0.0)
    if spread < 1e-12 * abs(mean):
        reason = "all differences are the same"
        return PairedTest(num_pairs=num, difference=mean, p_value=math.nan, effect=math.nan, reason=reason)
    return PairedTest(num_pairs=num, difference=mean, p_value=_compute_p(found, test), effect=mean / spread)


def _compute_p(differences: FloatArray, test: Test) -> float:
    from scipy import stats

    if test == "t":
        return float(stats.ttest_1samp(differences, 0).pvalue)
    return float(stats.wilcoxon(differences).pvalue)


def compare_conditions(
    series: Sequence[Series], *, test: Test = "t", num_resamples: int = NUM_RESAMPLES
) -> "pd.DataFrame":
    """Every pair of conditions and every column, over the persons that have both.

    Columns `first`, `second`, `column`, `difference` (second minus first) with `low` and `high`,
    `num_persons`, `p`, `p_holm` (Holm's correction for all rows that have a p), `effect` (d_z) and `note`.
    The value of a person is the mean of the means of their recordings.
    """
    import pandas as pd

    conditions = list(dict.fromkeys(item.condition for item in series))
    means = {
        name: {
            person: mean
            for person, recordings in group_by_person(series, name).items()
            if (mean := average_recordings(recordings)) is not None
        }
        for name in conditions
    }
    rows = []
    for first, second in combinations(conditions, 2):
        shared = [name for name in means[first] if name in means[second]]
        for place, column in enumerate(series[0].columns):
            one, other = ([means[name][person][place] for person in shared] for name in (first, second))
            found = compare_pairs(one, other, test)
            spans = {person: [np.array([[b - a]])] for person, a, b in zip(shared, one, other, strict=True)}
            span = estimate_mean(spans, num_values=1, num_resamples=num_resamples)
            ends = span.describe(0, (-math.inf, math.inf))
            rows.append(
                {
                    **{"first": first, "second": second, "column": column, "difference": found.difference},
                    **{name: ends[name] for name in ("low", "high")},
                    **{"num_persons": found.num_pairs, "p": found.p_value, "effect": found.effect},
                    "note": found.reason or ends["note"],
                }
            )
    names = ["first", "second", "column", "difference", "low", "high", "num_persons", "p", "effect", "note"]
    table = pd.DataFrame(rows, columns=names)
    table.insert(8, "p_holm", adjust_holm(table["p"].tolist()))
    return table
