"""What a metric is, and the registry of all metrics. A figure is stored as a fraction; NaN is undefined."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from fer_core.evaluation.ranking import Areas, compute_areas
from fer_core.registry import Registry

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.int64]

TINY: Final[float] = float(np.finfo(np.float64).eps)
"""Least probability that a logarithm sees, as in scikit-learn: a certain miss costs 36 nats, not infinity."""
AGREEMENT_BANDS: Final[tuple[tuple[str, float, float], ...]] = (
    ("up to 60 %", 0.0, 0.6),
    ("60 to 80 %", 0.6, 0.8),
    ("80 to 99 %", 0.8, 0.995),
    ("all agree", 0.995, 1.01),
)
"""Name, above, up to and with: share of annotators who chose the most chosen class."""


@dataclass(frozen=True, kw_only=True)
class ScoredImages:
    """What every metric is computed from: N images, K classes."""

    labels: IntArray
    """True class, N."""
    probabilities: FloatArray
    """N x K; rows sum to 1."""
    annotators: FloatArray | None = None
    """Annotators' shares of the classes, N x K; NaN rows where nobody voted for a class."""
    agreement: FloatArray | None = None
    """Share of the annotators who chose the most chosen answer, N; NaN without votes."""
    temperature: float = 1.0
    """The logits were divided by this."""

    @property
    def num_classes(self) -> int:
        """K."""
        return int(self.probabilities.shape[1])

    @cached_property
    def predicted(self) -> IntArray:
        """Most probable class, N; ties go to the first."""
        predicted: IntArray = self.probabilities.argmax(axis=1)
        return predicted

    @cached_property
    def is_right(self) -> npt.NDArray[np.bool_]:
        """Whether the prediction is the truth, N."""
        right: npt.NDArray[np.bool_] = self.predicted == self.labels
        return right

    @cached_property
    def cells(self) -> FloatArray:
        """One-hot cell of the confusion matrix, N x K*K."""
        return one_hot(self.labels * self.num_classes + self.predicted, self.num_classes**2)

    @cached_property
    def bands(self) -> npt.NDArray[np.bool_]:
        """Whether an image is in each of `AGREEMENT_BANDS`, N x 4; nowhere without votes."""
        agreement = np.full(len(self.labels), np.nan) if self.agreement is None else self.agreement
        return np.stack([(agreement > low) & (agreement <= high) for _, low, high in AGREEMENT_BANDS], axis=1)

    @cached_property
    def is_annotated(self) -> npt.NDArray[np.bool_]:
        """Whether annotators' shares are known, N."""
        if self.annotators is None:
            return np.zeros(len(self.labels), dtype=bool)
        known: npt.NDArray[np.bool_] = ~np.isnan(self.annotators[:, 0])
        return known


class Weighting:
    """R weightings of the same images at once, such as how often each of R resamples drew each image.

    Sums over images are one matrix product for all of them.
    """

    def __init__(self, images: ScoredImages, weights: FloatArray) -> None:
        """Weigh `images` by `weights`, N x R: float32 for resamples, float64 where every digit counts."""
        self.images = images
        self.weights = weights

    def sum(self, values: npt.NDArray[Any]) -> FloatArray:
        """Weighted sums over the images of N (x C) values: (C x) R, float64."""
        sums: FloatArray = values.astype(self.weights.dtype).T @ self.weights
        return sums.astype(np.float64)

    def mean(self, values: npt.NDArray[Any]) -> FloatArray:
        """Weighted means of N (x C) values: (C x) R."""
        return self.sum(values) / self.total

    @cached_property
    def total(self) -> FloatArray:
        """Number of images, R."""
        total: FloatArray = self.weights.sum(axis=0, dtype=np.float64)
        return total

    @cached_property
    def confusion(self) -> FloatArray:
        """Counts, K x K x R: truth, prediction, weighting."""
        count = self.images.num_classes
        return self.sum(self.images.cells).reshape(count, count, -1)

    @cached_property
    def truth(self) -> FloatArray:
        """Images of each class, K x R."""
        truth: FloatArray = self.confusion.sum(axis=1)
        return truth

    @cached_property
    def predicted(self) -> FloatArray:
        """Images predicted as each class, K x R."""
        predicted: FloatArray = self.confusion.sum(axis=0)
        return predicted

    @cached_property
    def right(self) -> FloatArray:
        """Images of each class that are predicted as it, K x R."""
        right: FloatArray = np.einsum("kkr->kr", self.confusion)
        return right

    @cached_property
    def areas(self) -> list[Areas]:
        """Areas under both curves of each class."""
        images = self.images
        return [
            compute_areas(images.probabilities[:, index], images.labels == index, self.weights)
            for index in range(images.num_classes)
        ]


Measure = Callable[[Weighting], FloatArray]
"""The figure of every weighting: R values; K x R where it is one per class, 4 x R where one per band."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A figure of a report. Its name is its key in `METRICS`."""

    title: str
    """As people read it, such as `macro-F1`."""
    prepare: Callable[[ScoredImages], Measure | None]
    """Does the work that is the same for all weightings; None where the images leave the figure undefined."""
    reference: str
    """Paper or definition."""
    per: Literal["images", "class", "band"] = "images"
    """One figure of all images, or one per class or band of agreement, called `<name>.<class>`."""
    has_mean: bool = False
    """Of one per class: whether there is also the mean over the classes, called `<name>`."""
    lower_is_better: bool = False
    is_percent: bool = False
    """Shown in per cent."""
    is_sum_of_gaps: bool = False
    """Whether the noise of resampling can only raise it (`figures.summarise_samples`, `is_centred`)."""
    is_paired: bool = True
    """Whether comparisons show its difference between models; False for what takes long."""
    undefined: str = "there is nothing to compute it from"
    """Why it has no value where it has none; `{name}` stands for the class."""
    count: Callable[[ScoredImages], int | IntArray] = lambda images: len(images.labels)
    """Images that it rests on; one number, or one per class or band."""


METRICS: Final[Registry[Metric]] = Registry("metric", "fer_workbench.metrics", entry_types=(Metric,))


def register_metrics(**metrics: Metric) -> None:
    """Register several metrics by name."""
    for name, metric in metrics.items():
        METRICS.register(name)(metric)


def each_resample(compute: Callable[[IntArray, FloatArray], float]) -> Callable[[ScoredImages], Measure]:
    """Make `Metric.prepare` of a plain function, which is called once per resample.

    Args:
        compute: from labels, N, and probabilities, N x K, to the figure; NaN where it is undefined.
    """

    def prepare(images: ScoredImages) -> Measure:
        def measure(weighting: Weighting) -> FloatArray:
            drawn = (np.repeat(np.arange(len(column)), column.astype(int)) for column in weighting.weights.T)
            return np.array(
                [compute(images.labels[places], images.probabilities[places]) for places in drawn]
            )

        return measure

    return prepare


def each_image(compute: Callable[[ScoredImages], npt.NDArray[Any]]) -> Callable[[ScoredImages], Measure]:
    """Make `Metric.prepare` of a function that gives each image's value; the figure is their mean.

    Args:
        compute: called once, with all images together; gives an array of N values.
    """

    def prepare(images: ScoredImages) -> Measure:
        values = compute(images)
        if not isinstance(values, np.ndarray) or values.shape != images.labels.shape:
            raise TypeError(
                f"each_image got {values!r:.80}; expected an array of {len(images.labels)} values"
            )
        return lambda weighting: weighting.mean(values)

    return prepare


def list_titles() -> dict[str, str]:
    """Name to title of every figure of all images, in the order of tables."""
    metrics = {name: METRICS[name] for name in METRICS}
    return {
        name: item.title + (" (mean of the classes)" if item.has_mean else "")
        for name, item in metrics.items()
        if item.per == "images" or item.has_mean
    }


def list_class_titles() -> dict[str, str]:
    """Name to title of every figure of one class; in a report they are called `<name>.<class>`."""
    return {name: METRICS[name].title for name in METRICS if METRICS[name].per == "class"}


def mean_where(values: FloatArray, wanted: npt.NDArray[np.bool_]) -> FloatArray:
    """Mean over the first axis of what is wanted; NaN where nothing is."""
    count = wanted.sum(axis=0)
    total = np.where(wanted, values, 0).sum(axis=0)
    means: FloatArray = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return means


def one_hot(numbers: IntArray, count: int) -> FloatArray:
    """N x count, 1 in the column of each number."""
    hot = np.zeros((len(numbers), count))
    hot[np.arange(len(numbers)), numbers] = 1
    return hot


def name_parts(metric: Metric, classes: tuple[str, ...]) -> tuple[str, ...]:
    """Classes or bands of which a metric has one figure each; none for one of all images."""
    bands = tuple(name for name, _, _ in AGREEMENT_BANDS)
    return {"images": (), "class": classes, "band": bands}[metric.per]


def shape_of(metric: Metric, weighting: Weighting) -> tuple[int, ...]:
    """Shape of what a metric measures: R, K x R or 4 x R (`Measure`)."""
    num_weightings = int(weighting.weights.shape[1])
    sizes = {"class": weighting.images.num_classes, "band": len(AGREEMENT_BANDS)}
    return (num_weightings,) if metric.per == "images" else (sizes[metric.per], num_weightings)


def compute_figures(
    weighting: Weighting, measures: Mapping[str, Measure | None], classes: tuple[str, ...]
) -> dict[str, FloatArray]:
    """Every figure of every weighting: name to R values, NaN where undefined.

    Args:
        weighting: of the images.
        measures: what the metrics prepared, by name.
        classes: K names.
    """
    figures: dict[str, FloatArray] = {}
    for name, measure in measures.items():
        metric = METRICS[name]
        parts = name_parts(metric, classes)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.full(shape_of(metric, weighting), np.nan) if measure is None else measure(weighting)
        values = np.where(np.isfinite(found), found, np.nan)
        if not parts:
            figures[name] = values
        if metric.has_mean:
            figures[name] = mean_where(values, ~np.isnan(values))
        figures |= {f"{name}.{part}": values[index] for index, part in enumerate(parts)}
    return figures
