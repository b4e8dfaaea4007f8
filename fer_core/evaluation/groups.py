"""How well a model reads one group of images and another: by a column of the data set, or by agreement.

A group is what images have in common: an age group, a source, a camera, whatever a column of
`samples.parquet` says. Groups of few images say little, and a difference between groups can come from other
expressions being shown in them: `balanced_accuracy` weighs every expression equally.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from fer_core.data.store import VOTE_COLUMNS, Dataset
from fer_core.errors import DataError
from fer_core.evaluation.bootstrap import PreparedMetrics
from fer_core.evaluation.figures import CONFIDENCE, Figure
from fer_core.evaluation.metrics.base import AGREEMENT_BANDS
from fer_core.evaluation.paired import ALPHA, format_p
from fer_core.evaluation.predictions import Predictions
from fer_core.evaluation.report import compute_intervals

AGREEMENT: Final[str] = "agreement"
"""A grouping that needs no data set: how many annotators chose the most chosen answer."""
GROUP_FIGURES: Final[tuple[str, ...]] = ("accuracy", "balanced_accuracy", "macro_f1", "ece")
SMALL_GROUP: Final[int] = 100
"""Images below which a group says little: with 100, an accuracy of 80 % is known to within 8 points."""
MAX_GROUPS: Final[int] = 30
NOT_STATED: Final[str] = "not stated"
_NUM_BANDS: Final[int] = 4
_NUM_RESAMPLES: Final[int] = 1000
_NEVER: Final[frozenset[str]] = frozenset({"split", "image_name", *VOTE_COLUMNS})

Names = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One group of images, and how well they are read."""

    name: str
    n: int
    """Images."""
    num_classes: int
    """Classes that occur among them; the mean over classes is over these only."""
    figures: Mapping[str, Figure]
    """Of `GROUP_FIGURES`, with 95 % intervals: Wilson's for accuracy, the bootstrap's for the others."""

    @property
    def is_small(self) -> bool:
        """Whether it has too few images to say much."""
        return self.n < SMALL_GROUP


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupReport:
    """A model on every group of a column."""

    key: str
    """The model."""
    column: str
    groups: tuple[Group, ...]
    """In the column's order."""
    p_value: float
    """Chance of accuracies at least as unequal if all were equal; NaN with a single group."""
    protocol: str = ""
    """Data set, split and rule, and over which classes, in words."""

    @property
    def small_groups(self) -> tuple[Group, ...]:
        """Those with too few images to say much."""
        return tuple(group for group in self.groups if group.is_small)

    def describe_small(self) -> str:
        """A warning of groups that say little; empty if there are none."""
        if not self.small_groups:
            return ""
        names = ", ".join(f"{group.name} ({group.n:,})" for group in self.small_groups)
        return (
            f"Fewer than {SMALL_GROUP} images: {names}. Their intervals are wide, and their calibration "
            "errors too high; collect more before drawing conclusions."
        )

    def describe(self) -> str:
        """The finding in words."""
        large = [group for group in self.groups if not group.is_small]
        if len(large) < 2:
            return (
                f"{self.key}: fewer than two groups of {self.column} have {SMALL_GROUP} images or more; "
                "collect more before saying anything."
            )
        order = sorted(large, key=lambda group: group.figures["accuracy"].value)
        worst, best = order[0], order[-1]
        gap = best.figures["accuracy"].value - worst.figures["accuracy"].value
        evidence = (
            f"{100 * worst.figures['accuracy'].value:.1f} % on “{worst.name}” and "
            f"{100 * best.figures['accuracy'].value:.1f} % on “{best.name}”, {100 * gap:.1f} points apart "
            f"(p {format_p(self.p_value)} over all groups)"
        )
        if self.p_value < ALPHA:
            return (
                f"{self.key} is not equally accurate on all groups of {self.column}: accuracy is {evidence}."
            )
        return (
            f"{self.key}: that groups of {self.column} differ may be chance: accuracy is {evidence}. That is "
            "no proof that accuracy is equal."
        )


def list_group_columns(samples: pd.DataFrame, rows: npt.NDArray[np.int64]) -> list[str]:
    """Columns that divide images into groups: at least two and not too many.

    Args:
        samples: of the data set.
        rows: the images that were scored.
    """
    names = [str(name) for name in samples.columns if name not in _NEVER]
    found = []
    for name in names:
        try:
            groups = assign_groups(samples[name].iloc[rows], name)
        except DataError:
            continue
        if 2 * len(set(groups)) <= len(rows):  # else nearly every image has a name of its own
            found.append(name)
    return found


def assign_groups(values: "pd.Series[Any]", column: str) -> Names:
    """Name of the group of each image.

    Words are taken as they are, `name:row` of a source as its name, nothing as `not stated`, and many
    different numbers are cut into four bands with about as many images each.

    Args:
        values: of N images.
        column: what it is called, for messages and for `source`.

    Raises:
        DataError: a single group, or more than `MAX_GROUPS`.
    """
    words = values.astype("string").fillna("").str.strip()
    if column == "source":
        words = words.str.partition(":")[0]
    stated = words != ""
    numbers = pd.to_numeric(words.where(stated), errors="coerce")
    if words[stated].nunique() > MAX_GROUPS and bool(numbers[stated].notna().all()):
        words = words.mask(stated, _cut(numbers))
    names: Names = words.mask(~stated, NOT_STATED).to_numpy(dtype=object)
    count = len(set(names))
    if count < 2:
        raise DataError(
            f"column {column!r} says the same of all {len(names):,} images: there are no groups to compare"
        )
    if count > MAX_GROUPS:
        raise DataError(
            f"column {column!r} divides {len(names):,} images into {count:,} groups; expected at most "
            f"{MAX_GROUPS}. Choose a coarser column"
        )
    return names


def _cut(numbers: "pd.Series[float]") -> "pd.Series[str]":
    """Bands with about as many numbers each, named by the least and the greatest in them: `18 to 29`."""
    bands = pd.qcut(numbers, _NUM_BANDS, labels=False, duplicates="drop")
    ends = numbers.groupby(bands).agg(["min", "max"])
    titles = {band: f"{row['min']:g} to {row['max']:g}" for band, row in ends.iterrows()}
    return bands.map(titles).astype("string").fillna("")


def read_groups(predictions: Predictions, dataset: Dataset | None, column: str) -> Names:
    """Group of each scored image.

    Args:
        predictions: of the images.
        dataset: the data set that was scored; not needed for `agreement`.
        column: `agreement`, or a column of its samples.

    Raises:
        DataError: there is no such column, it divides into too few or too many groups, or no votes are known.
    """
    if column == AGREEMENT:
        return _band_agreement(predictions)
    if dataset is None or column not in dataset.samples or column in _NEVER:
        known = [] if dataset is None else list_group_columns(dataset.samples, predictions.rows)
        raise DataError(
            f"images can't be grouped by {column!r}; the data set offers {', '.join([AGREEMENT, *known])}"
        )
    return assign_groups(dataset.samples[column].iloc[predictions.rows], column)


def _band_agreement(predictions: Predictions) -> Names:
    agreement = predictions.agreement
    if agreement is None or np.isnan(agreement).all():
        raise DataError("no annotators' votes are known here; group them by a column instead")
    names = np.full(len(agreement), NOT_STATED, dtype=object)
    for name, low, high in AGREEMENT_BANDS:
        names[(agreement > low) & (agreement <= high)] = name
    return names


def compute_groups(
    predictions: Predictions,
    names: Sequence[str] | Names,
    *,
    key: str,
    column: str,
    num_resamples: int = _NUM_RESAMPLES,
    seed: int = 0,
) -> GroupReport:
    """Score every group separately, with intervals, and test whether accuracy is equal in all.

    Args:
        predictions: of N images.
        names: N names of groups.
        key: the model.
        column: what the groups are.
        num_resamples: of the bootstrap within each group, and of the permutation test.
        seed: of both.
    """
    labels = np.asarray(names, dtype=object)
    groups = tuple(
        _score(predictions.take(np.flatnonzero(labels == name)), name, num_resamples, seed)
        for name in _order(labels, column)
    )
    places = pd.factorize(labels)[0].astype(np.int64)
    return GroupReport(
        key=key,
        column=column,
        groups=groups,
        p_value=compute_homogeneity(predictions.is_right, places, num_resamples=num_resamples, seed=seed),
    )


def _order(labels: Names, column: str) -> list[str]:
    present = set(labels)
    if column == AGREEMENT:
        order = [name for name, _, _ in AGREEMENT_BANDS]
    else:
        order = sorted(present - {NOT_STATED}, key=_sort_key)
    return [name for name in (*order, NOT_STATED) if name in present]


def _sort_key(name: str) -> tuple[float, str]:
    """Numbers and ranges by their first number, words by the alphabet after them."""
    first = name.partition(" to ")[0].partition("-")[0].strip()
    try:
        return (float(first), name)
    except ValueError:
        return (float("inf"), name)


def _score(predictions: Predictions, name: str, num_resamples: int, seed: int) -> Group:
    prepared = PreparedMetrics(predictions, GROUP_FIGURES)
    figures = compute_intervals(prepared, num_resamples=num_resamples, seed=seed)
    # Small groups are often all right, and every resample of them too: that interval would have no width.
    figures["accuracy"] = measure_accuracy(predictions)
    return Group(
        name=name,
        n=len(predictions),
        num_classes=len(np.unique(predictions.labels)),
        figures=figures,
    )


def measure_accuracy(predictions: Predictions) -> Figure:
    """With the score interval of Wilson (1927), which has a width at 0 and at 100 % too."""
    from scipy.stats import binomtest

    count, total = int(predictions.is_right.sum()), len(predictions)
    low, high = binomtest(count, total).proportion_ci(CONFIDENCE, method="wilson")
    return Figure(value=count / total, low=float(low), high=float(high), n=total)


def compute_homogeneity(
    is_right: npt.ArrayLike, places: npt.ArrayLike, *, num_resamples: int = _NUM_RESAMPLES, seed: int = 0
) -> float:
    """Permutation test of whether all groups have the same accuracy; valid for small groups too.

    The statistic is that of the chi-squared test; what is shuffled is which image is in which group.

    Args:
        is_right: N, whether each image is read rightly.
        places: N, number of its group from 0.
        num_resamples: shuffles.
        seed: of the shuffles.

    Returns:
        The p-value, at least 1 / (num_resamples + 1); NaN with a single group.
    """
    right = np.asarray(is_right, dtype=np.float64)
    group = np.asarray(places, dtype=np.int64)
    sizes = np.bincount(group)
    if len(sizes) < 2:
        return float("nan")
    expected = sizes * right.mean()

    def measure(shuffled: npt.NDArray[np.int64]) -> float:
        counts = np.bincount(shuffled, weights=right, minlength=len(sizes))
        return float(((counts - expected) ** 2 / sizes).sum())  # chi-squared but for a constant factor

    generator = np.random.default_rng(seed)
    seen = measure(group)
    hits = sum(measure(generator.permutation(group)) >= seen - 1e-9 for _ in range(num_resamples))
    return (hits + 1) / (num_resamples + 1)
