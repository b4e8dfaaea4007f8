"""ROC and precision-recall: curves, and areas under them for many weightings of the same images at once."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]


class Areas(NamedTuple):
    """Areas under both curves, one per weighting; NaN where a weighting has no positive (or no negative)."""

    roc_auc: FloatArray
    average_precision: FloatArray


def compute_areas(scores: FloatArray, positive: BoolArray, weights: FloatArray) -> Areas:
    """ROC AUC (ties count half) and average precision, as scikit-learn defines them with sample weights.

    Args:
        scores: N, higher means more likely positive.
        positive: N.
        weights: N x R, one column a weighting, for example how often a resample drew each image.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, is_positive = scores[order], positive[order]
    positions = np.flatnonzero(is_positive)
    last = np.r_[ranked[1:] != ranked[:-1], True]
    group = np.cumsum(np.r_[0, last[:-1]])[positions]
    group_ends = np.flatnonzero(last)
    starts, ends = np.r_[0, group_ends[:-1] + 1][group], group_ends[group]

    sorted_weights = weights[order]
    own = sorted_weights[positions]
    # Cumulative weights at the rows that matter; a zero row in front makes "before the first" an index.
    cumulative = np.zeros((len(scores) + 1, weights.shape[1]), dtype=weights.dtype)
    np.cumsum(sorted_weights, axis=0, out=cumulative[1:])
    own_cumulative = np.zeros((len(positions) + 1, weights.shape[1]), dtype=weights.dtype)
    np.cumsum(own, axis=0, out=own_cumulative[1:])
    before = own_cumulative[np.searchsorted(positions, starts)]
    through = own_cumulative[np.searchsorted(positions, ends, side="right")]
    total_positive = own_cumulative[-1]
    total_negative = cumulative[-1] - total_positive

    all_through = cumulative[ends + 1]
    negatives_through = all_through - through
    negatives_before = cumulative[starts] - before
    outranked = total_negative - (negatives_through + negatives_before) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        roc_auc = _dot(own, outranked) / (total_positive * total_negative)
        precision = np.where(all_through > 0, through / all_through, 0)
        average_precision = _dot(own, precision) / total_positive
    return Areas(np.where(total_negative > 0, roc_auc, np.nan), average_precision)


def _dot(left: FloatArray, right: FloatArray) -> FloatArray:
    product: FloatArray = np.einsum("nr,nr->r", left, right)
    return product


class Curve(NamedTuple):
    """Points of a curve; thinned for drawing."""

    x: list[float]
    y: list[float]


def _count(scores: FloatArray, positive: BoolArray) -> tuple[FloatArray, FloatArray]:
    """True and false positives from the strictest threshold to the loosest, one a distinct score."""
    order = np.argsort(-scores, kind="stable")
    ranked, is_positive = scores[order], positive[order]
    ends = np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], True])
    true_positives = np.cumsum(is_positive)[ends].astype(np.float64)
    return true_positives, ends + 1 - true_positives


def compute_roc_curve(scores: FloatArray, positive: BoolArray, *, max_points: int = 200) -> Curve:
    """False-positive rate against true-positive rate, from (0, 0) to (1, 1); empty where undefined."""
    true_positives, false_positives = _count(scores, positive)
    if true_positives[-1] == 0 or false_positives[-1] == 0:
        return Curve([], [])
    x = np.r_[0, false_positives / false_positives[-1]]
    y = np.r_[0, true_positives / true_positives[-1]]
    return _thin(x, y, max_points)


def compute_pr_curve(scores: FloatArray, positive: BoolArray, *, max_points: int = 200) -> Curve:
    """Recall against precision, recall ascending, from (0, 1); empty where undefined."""
    true_positives, false_positives = _count(scores, positive)
    if true_positives[-1] == 0:
        return Curve([], [])
    x = np.r_[0, true_positives / true_positives[-1]]
    y = np.r_[1, true_positives / (true_positives + false_positives)]
    return _thin(x, y, max_points)


def _thin(x: FloatArray, y: FloatArray, max_points: int) -> Curve:
    """Keep about `max_points`, evenly along the drawn line, both ends always."""
    if len(x) > max_points:
        length = np.r_[0, np.cumsum(np.hypot(np.diff(x), np.diff(y)))]
        kept = np.unique(np.searchsorted(length, np.linspace(0, length[-1], max_points)))
        kept = np.unique(np.r_[0, kept.clip(0, len(x) - 1), len(x) - 1])
        x, y = x[kept], y[kept]
    return Curve([round(float(value), 5) for value in x], [round(float(value), 5) for value in y])
