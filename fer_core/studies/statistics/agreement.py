"""Agreement of coders, and of coders with the model: Cohen's kappa, Krippendorff's alpha for names.

Sources: Cohen (1960), Educational and Psychological Measurement 20; Krippendorff, "Computing Krippendorff's
Alpha-Reliability" (2011).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from fer_core.errors import DataError
from fer_core.studies.formats.annotations import MODEL_CODER
from fer_core.studies.statistics.bootstrap import CONFIDENCE, NUM_RESAMPLES
from fer_core.studies.statistics.series import Series
from fer_core.words import count as count_words

if TYPE_CHECKING:
    import pandas as pd

Codes = Sequence[str | None]
MIN_UNITS: Final[int] = 5
"""Recordings, for an interval."""
_ONE_CODE: Final[str] = "only one code was used: chance would agree as well"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far coders agree, beyond chance; NaN where that is not defined."""

    value: float
    num_units: int
    """What at least two coders coded."""
    observed: float
    """Share of pairs of codes of a unit that are the same."""
    reason: str = ""
    """Why there is no value."""


def compute_kappa(first: Codes, second: Codes) -> Agreement:
    """Cohen's kappa of two coders' names for the same units.

    None, NaN and "" are no code: such a unit does not count. Every other value is a code, whether or not
    both use it. Where both use one code only, kappa is 0/0: not defined.

    Raises:
        DataError: not the same number of units.

    Examples:
        >>> round(compute_kappa(["a", "a", "b", None], ["a", "b", "b", "b"]).value, 3)
        0.4
    """
    matrix = count_pairs(first, second)
    return _kappa_of(matrix)


def count_pairs(first: Codes, second: Codes, codes: Sequence[str] | None = None) -> npt.NDArray[np.int64]:
    """How often each pair of codes occurs, C x C in the order of `codes` (sorted, if not given)."""
    if len(first) != len(second):
        raise DataError(f"can't compare {len(first)} with {len(second)} units; expected the same units")
    pairs = [(a, b) for a, b in zip(first, second, strict=True) if _is_code(a) and _is_code(b)]
    names = sorted({str(name) for pair in pairs for name in pair}) if codes is None else codes
    places = {name: place for place, name in enumerate(names)}
    matrix = np.zeros((len(names), len(names)), dtype=np.int64)
    for a, b in pairs:
        matrix[places[str(a)], places[str(b)]] += 1
    return matrix


def _is_code(value: object) -> bool:
    return value is not None and value == value and value != ""  # noqa: PLR0124 - NaN


def _kappa_of(matrix: npt.NDArray[np.int64]) -> Agreement:
    num = int(matrix.sum())
    if num == 0:
        return Agreement(value=math.nan, num_units=0, observed=math.nan, reason="no unit was coded by both")
    observed = float(np.trace(matrix)) / num
    expected = float(matrix.sum(axis=0) @ matrix.sum(axis=1)) / num**2
    if expected == 1:
        return Agreement(value=math.nan, num_units=num, observed=observed, reason=_ONE_CODE)
    return Agreement(value=(observed - expected) / (1 - expected), num_units=num, observed=observed)


def compute_alpha(coders: Sequence[Codes]) -> Agreement:
    """Krippendorff's alpha of any number of coders' names for the same units, with units that not all coded.

    None, NaN and "" are no code. Where one code only was used, nothing can be said: not defined.

    Args:
        coders: a sequence of N units of each.

    Raises:
        DataError: not the same number of units.
    """
    import krippendorff

    if len({len(codes) for codes in coders}) > 1:
        raise DataError("can't compare coders of different numbers of units; expected the same units")
    units = [[str(code) for code in unit if _is_code(code)] for unit in zip(*coders, strict=True)]
    units = [unit for unit in units if len(unit) > 1]
    names = sorted({code for unit in units for code in unit})
    if not units:
        return Agreement(value=math.nan, num_units=0, observed=math.nan, reason="no unit was coded twice")
    counts = np.array([[unit.count(name) for name in names] for unit in units])
    sizes = counts.sum(axis=1)
    same = (counts * (counts - 1)).sum(axis=1) / (sizes * (sizes - 1))
    observed = float((same * sizes).sum() / sizes.sum())
    if len(names) < 2:
        return Agreement(value=math.nan, num_units=len(units), observed=observed, reason=_ONE_CODE)
    value = float(krippendorff.alpha(value_counts=counts, level_of_measurement="nominal"))
    return Agreement(value=value, num_units=len(units), observed=observed)


def compare_coders(
    series: Sequence[Series], events: "pd.DataFrame", num_resamples: int = NUM_RESAMPLES
) -> "pd.DataFrame":
    """Agreement of every two coders, and of each with the model, step by step.

    Only recordings that both coded count, and intervals whose code is a class of the model. A step that
    somebody did not code does not count. Where intervals of a coder overlap, the one that began last
    counts. Columns `first`, `second`, `kappa` with `low` and `high` (recordings resampled, from five on),
    `alpha`, `observed`, `num_steps`, `num_recordings`, `note`.
    """
    import pandas as pd

    classes = series[0].columns if series else ()
    rows = events[events["end_s"].notna() & events["code"].isin(list(classes))]
    coded: dict[str, dict[str, Codes]] = {MODEL_CODER: {}} if len(rows) else {}
    for item in series:
        own = rows[rows["recording"] == item.recording]
        if len(own):
            coded[MODEL_CODER][item.recording] = item.labels
        for coder, part in own.groupby("coder"):
            coded.setdefault(str(coder) or "(no name)", {})[item.recording] = _sample(item, part)
    found = [_compare(pair, coded, classes, num_resamples) for pair in combinations(coded, 2)]
    names = [
        "first",
        "second",
        "kappa",
        "low",
        "high",
        "alpha",
        "observed",
        "num_steps",
        "num_recordings",
        "note",
    ]
    return pd.DataFrame(found, columns=names)


def _sample(item: Series, rows: "pd.DataFrame") -> Codes:
    codes: list[str | None] = [None] * len(item.times_s)
    for row in rows.sort_values("start_s").to_dict("records"):
        inside = (item.times_s >= float(row["start_s"])) & (item.times_s < float(row["end_s"]))
        for place in np.flatnonzero(inside):
            codes[place] = str(row["code"])
    return codes


def _compare(
    pair: tuple[str, str], coded: dict[str, dict[str, Codes]], classes: Sequence[str], num_resamples: int
) -> dict[str, object]:
    first, second = (coded[name] for name in pair)
    shared = [name for name in first if name in second]
    matrices = np.array([count_pairs(first[name], second[name], classes) for name in shared])
    matrices = matrices.reshape(len(shared), len(classes), len(classes))
    kappa = _kappa_of(matrices.sum(axis=0))
    joined = [[code for name in shared for code in codes[name]] for codes in (first, second)]
    low, high, note = _resample(matrices, num_resamples)
    return {
        "first": pair[0],
        "second": pair[1],
        "kappa": kappa.value,
        "low": low,
        "high": high,
        "alpha": compute_alpha(joined).value,
        "observed": kappa.observed,
        "num_steps": kappa.num_units,
        "num_recordings": len(shared),
        "note": kappa.reason or note,
    }


def _resample(matrices: npt.NDArray[np.int64], num_resamples: int) -> tuple[float, float, str]:
    if len(matrices) < MIN_UNITS:
        return math.nan, math.nan, f"no interval: {count_words(len(matrices), 'recording')}"
    generator = np.random.default_rng([0, len(matrices)])
    drawn = generator.integers(0, len(matrices), size=(num_resamples, len(matrices)))
    values = np.array([_kappa_of(matrices[rows].sum(axis=0)).value for rows in drawn])
    values = values[~np.isnan(values)]
    if not len(values):
        return math.nan, math.nan, "no interval: not defined in any resample"
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high), ""
