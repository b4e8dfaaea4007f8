"""Answering only the surest faces: how accuracy rises as coverage falls (Geifman and El-Yaniv, 2017)."""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer_core.errors import DataError

COVERAGES: Final[tuple[float, ...]] = (1.0, 0.8, 0.5)
"""Shares of the images at which accuracy is told."""
_NUM_POINTS: Final[int] = 100


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """Accuracy of the surest images, by their share."""

    coverage: tuple[float, ...]
    """Shares of all images, ascending to 1; at most 100."""
    accuracy: tuple[float, ...]
    """Share of these whose label is right, in [0, 1]."""
    aurc: float
    """Mean share of wrong labels over all coverages: the area under the risk-coverage curve, best at 0."""

    def accuracy_at(self, coverage: float) -> float:
        """Accuracy of the surest share of the images, of the next share that the curve has."""
        return next(
            value
            for share, value in zip(self.coverage, self.accuracy, strict=True)
            if share >= coverage - 1e-9
        )

    def describe(self) -> str:
        """One line: accuracy at each of `COVERAGES`, and the area."""
        parts = [f"{self.accuracy_at(share):.1%} at {share:.0%} coverage" for share in COVERAGES]
        return ", ".join([*parts, f"AURC {self.aurc:.4f}"])


def compute_risk_coverage(sureness: npt.ArrayLike, is_right: npt.ArrayLike) -> RiskCoverage:
    """Rank images by how sure their labels are, and see how many of the surest are right.

    Args:
        sureness: of N images; only the order matters. Of equally sure images none comes before the other.
        is_right: whether the label is right, N.

    Raises:
        DataError: no images, or a sureness that is not finite.
    """
    scores, right = np.asarray(sureness, dtype=np.float64), np.asarray(is_right, dtype=np.float64)
    if not len(scores) or not np.isfinite(scores).all():
        raise DataError(f"can't rank {len(scores)} images by sureness; expected one or more finite numbers")
    _, group = np.unique(-scores, return_inverse=True)
    right = (np.bincount(group, weights=right) / np.bincount(group))[group]
    accuracy: npt.NDArray[Any] = np.cumsum(right[np.argsort(group, kind="stable")]) / np.arange(
        1, len(right) + 1
    )
    num_points = min(len(right), _NUM_POINTS)
    places = [math.ceil(len(right) * number / num_points) for number in range(1, num_points + 1)]
    return RiskCoverage(
        coverage=tuple(place / len(right) for place in places),
        accuracy=tuple(accuracy[place - 1] for place in places),
        aurc=float(np.mean(1 - accuracy)),
    )
