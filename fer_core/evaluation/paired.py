"""Whether a difference between two models on the same images is real, in numbers and in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fer_core.errors import DataError
from fer_core.evaluation.bootstrap import (
    NUM_RESAMPLES,
    Clusters,
    PreparedMetrics,
    compute_paired_samples,
    compute_point,
)
from fer_core.evaluation.figures import CONFIDENCE, Figure, summarise_samples
from fer_core.evaluation.metrics import METRICS
from fer_core.evaluation.predictions import Predictions

ALPHA: float = 1 - CONFIDENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class McNemar:
    """McNemar's exact test on the images that exactly one of two models gets right."""

    only_first: int
    """Images that only the first model gets right."""
    only_second: int
    both: int
    neither: int
    p_value: float
    """Two-sided; 1 where the models never differ."""


def compute_mcnemar(first_right: npt.ArrayLike, second_right: npt.ArrayLike) -> McNemar:
    """McNemar's test with the exact binomial distribution (McNemar, 1947; Dietterich, 1998).

    Args:
        first_right: N, whether the first model is right on each image.
        second_right: N, the second on the same images.

    Raises:
        DataError: not the same number of images.

    Examples:
        >>> compute_mcnemar([1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0]).p_value
        0.0625
    """
    from scipy.stats import binomtest

    first, second = np.asarray(first_right, dtype=bool), np.asarray(second_right, dtype=bool)
    if first.shape != second.shape or first.ndim != 1:
        raise DataError(f"can't pair {first.shape} with {second.shape} images; expected the same images")
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    differing = only_first + only_second
    p_value = binomtest(only_first, differing).pvalue if differing else 1.0
    return McNemar(
        only_first=only_first,
        only_second=only_second,
        both=int((first & second).sum()),
        neither=int((~first & ~second).sum()),
        p_value=float(p_value),
    )


def compute_needed_pairs(discordant: float, difference: float, *, power: float = 0.8) -> int:
    """Images that McNemar's test needs to see a difference, by the normal approximation (Connor, 1987).

    Args:
        discordant: share of the images that exactly one of the two models gets right, at most 1.
        difference: of the accuracies, as a fraction; not 0. As much at least is discordant.
        power: chance of seeing it, two-sided at 5 %.

    Examples:
        >>> compute_needed_pairs(0.2, 0.1)
        155
    """
    from scipy.stats import norm

    gap, share = abs(difference), max(discordant, abs(difference))
    spread = norm.isf(ALPHA / 2) * np.sqrt(share) + norm.isf(1 - power) * np.sqrt(share - gap**2)
    return int(np.ceil((spread / gap) ** 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedResult:
    """A model against a baseline on the same images."""

    key: str
    baseline: str
    n: int
    mcnemar: McNemar
    adjusted_p: float
    """McNemar's p after Holm's correction for all comparisons made at once."""
    num_comparisons: int
    differences: Mapping[str, Figure]
    """Model minus baseline, with the interval of the paired bootstrap, by figure."""

    @property
    def is_real(self) -> bool:
        """Whether both the test and the interval of the accuracy say that the models differ."""
        accuracy = self.differences["accuracy"]
        return self.adjusted_p < ALPHA and (accuracy.low > 0 or accuracy.high < 0)

    def describe_verdict(self) -> str:
        """The finding in a sentence, for a person who does not read p-values every day."""
        points = 100 * self.differences["accuracy"].value
        if not self._num_changed:
            return (
                f"{self.key} and {self.baseline} are right on exactly the same of {self.n:,} images: "
                "there is no difference in accuracy to test."
            )
        if self.is_real:
            direction = "better" if points > 0 else "worse"
            return (
                f"The difference is real: {self.key} is {abs(points):.2f} points of accuracy {direction} "
                f"than {self.baseline}."
            )
        return (
            f"The difference of {points:+.2f} points of accuracy between {self.key} and {self.baseline} may "
            "be chance. Do not claim that either is better on these images alone."
        )

    def describe_evidence(self) -> str:
        """What the verdict rests on; empty where the models never differ."""
        if not self._num_changed:
            return ""
        accuracy, test = self.differences["accuracy"], self.mcnemar
        correction = f", Holm for {self.num_comparisons} comparisons" if self.num_comparisons > 1 else ""
        return (
            f"They disagree in being right on {self._num_changed:,} of {self.n:,} images, where {self.key} "
            f"is right on {test.only_second:,} and {self.baseline} on {test.only_first:,} (McNemar exact "
            f"p {format_p(self.adjusted_p)}{correction}; 95 % interval of the difference "
            f"{100 * accuracy.low:+.2f} to {100 * accuracy.high:+.2f} points)."
        )

    @property
    def _num_changed(self) -> int:
        return self.mcnemar.only_first + self.mcnemar.only_second

    def describe(self) -> str:
        """Verdict and evidence."""
        return f"{self.describe_verdict()} {self.describe_evidence()}".rstrip()


def format_p(p_value: float) -> str:
    """A p-value as papers print it: `= 0.034`, `< 0.001`.

    Examples:
        >>> format_p(0.03412), format_p(1e-9)
        ('= 0.034', '< 0.001')
    """
    return "< 0.001" if p_value < 0.001 else f"= {p_value:.3f}"


def adjust_holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (Holm, 1979): p-values valid for all comparisons together.

    A comparison without a p-value (NaN) was not made: it keeps its NaN and does not count.

    Examples:
        >>> adjust_holm([0.04, 0.01, 0.03])
        [0.06, 0.03, 0.06]
        >>> adjust_holm([0.02, float("nan"), 0.04])
        [0.04, nan, 0.04]
    """
    order = [index for index in np.argsort(p_values, kind="stable") if not np.isnan(p_values[index])]
    adjusted = [float("nan")] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p_values[index]))
        adjusted[int(index)] = highest
    return adjusted


def compare_with_baseline(
    predictions: Mapping[str, Predictions],
    baseline: str,
    *,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
    clusters: Clusters | None = None,
) -> list[PairedResult]:
    """Compare every model with one of them; all must hold the same images and classes in the same order.

    The bootstrap draws the same images for all models, so the interval is that of the paired difference.

    Args:
        predictions: aligned predictions by key (`fer_core.evaluation.comparison.align`).
        baseline: a key of them.
        num_resamples: of the bootstrap.
        seed: of the bootstrap.
        clusters: images that are drawn together, as for `iterate_resamples`.

    Raises:
        DataError: not the same images.
    """
    first = predictions[baseline]
    others = [key for key in predictions if key != baseline]
    for key in others:
        if not np.array_equal(predictions[key].rows, first.rows):
            raise DataError(f"{key!r} and {baseline!r} do not hold the same images; align them first")
    names = [name for name in METRICS if METRICS[name].is_paired]
    prepared = {key: PreparedMetrics(item, names) for key, item in predictions.items()}
    points = {key: compute_point(item) for key, item in prepared.items()}
    drawn = compute_paired_samples(list(prepared.values()), num_resamples, seed=seed, clusters=clusters)
    samples = dict(zip(prepared, drawn, strict=True))
    results = []
    for key in others:
        test = compute_mcnemar(first.is_right, predictions[key].is_right)
        differences = {
            name: summarise_samples(
                points[key][name] - points[baseline][name],
                samples[key][name] - samples[baseline][name] if num_resamples else np.zeros(0),
                n=len(first),
                reason="undefined for at least one of the two",
            )
            for name in points[key]
            if name in points[baseline]
        }
        results.append(
            PairedResult(
                key=key,
                baseline=baseline,
                n=len(first),
                mcnemar=test,
                adjusted_p=test.p_value,
                num_comparisons=len(others),
                differences=differences,
            )
        )
    adjusted = adjust_holm([item.mcnemar.p_value for item in results])
    return [replace(item, adjusted_p=p_value) for item, p_value in zip(results, adjusted, strict=True)]
