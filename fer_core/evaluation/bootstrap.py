"""All figures of many resamples of the same images at once.

A resample is a column of weights: how often each image was drawn. A metric gets many columns together, so
that sums over images are one matrix product for all of them (`fer_core.evaluation.metrics.Weighting`).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer_core.evaluation.metrics import (
    METRICS,
    ScoredImages,
    Weighting,
    compute_figures,
    count_images,
    find_problem,
    prepare_metrics,
)
from fer_core.evaluation.predictions import Predictions

FloatArray = npt.NDArray[np.floating[Any]]
Clusters = npt.NDArray[np.int64]

NUM_RESAMPLES: Final[int] = 2000
_BLOCK: Final[int] = 250


def iterate_resamples(
    num_images: int, num_resamples: int, *, seed: int = 0, clusters: Clusters | None = None
) -> Iterator[FloatArray]:
    """Yield blocks of resamples with replacement, N x up to 250 float32 weights; a function of the seed.

    Equal arguments give equal resamples: figures of two models over them are paired.

    Args:
        num_images: N.
        num_resamples: how many in all.
        seed: of chance.
        clusters: what each image belongs to, N numbers 0 to G - 1, such as the person: images that are alike
            are drawn together (cluster bootstrap; Field and Welsh, 2007). None draws single images.
    """
    num_units = num_images if clusters is None else int(clusters.max()) + 1
    generator = np.random.default_rng([seed, num_units])
    for start in range(0, num_resamples, _BLOCK):
        width = min(_BLOCK, num_resamples - start)
        drawn = generator.integers(0, num_units, size=(num_units, width))
        flat = (drawn * width + np.arange(width)).ravel()
        counts = np.bincount(flat, minlength=num_units * width).reshape(num_units, width)
        yield (counts if clusters is None else counts[clusters]).astype(np.float32)


class PreparedMetrics:
    """The metrics of a set of predictions, with the work done that all resamples share."""

    def __init__(
        self, predictions: Predictions, names: Iterable[str] | None = None, *, temperature: float = 1.0
    ) -> None:
        """Prepare.

        Args:
            predictions: of N images.
            names: keys of `METRICS`; all of them, if not given.
            temperature: by which the logits of the predictions were divided.

        Raises:
            ConfigError: no metric is called like that.
        """
        self.classes = predictions.classes
        self.images = ScoredImages(
            labels=predictions.labels,
            probabilities=predictions.probabilities,
            annotators=predictions.annotators,
            agreement=predictions.agreement,
            temperature=temperature,
        )
        self._measures = prepare_metrics(self.images, METRICS if names is None else names)

    @property
    def names(self) -> tuple[str, ...]:
        """Keys of `METRICS`."""
        return tuple(self._measures)

    def count(self, name: str) -> int | npt.NDArray[np.int64]:
        """Images that the metric called `name` rests on: one number, or one per class or band."""
        return count_images(name, self._measures, self.images)

    def find_problem(self, name: str) -> str:
        """Why an installed package's metric is undefined, if it failed up to now; else empty."""
        return find_problem(self._measures[name])

    def compute(self, weights: FloatArray) -> dict[str, FloatArray]:
        """Every figure of every weighting: name to R values, NaN where undefined.

        Args:
            weights: N x R; float32 for resamples, float64 where every digit counts.
        """
        return compute_figures(Weighting(self.images, weights), self._measures, self.classes)


def compute_point(metrics: PreparedMetrics) -> dict[str, float]:
    """The figures themselves, every image once, in double precision."""
    figures = metrics.compute(np.ones((len(metrics.images.labels), 1)))
    return {name: float(values[0]) for name, values in figures.items()}


def compute_samples(
    metrics: PreparedMetrics, num_resamples: int = NUM_RESAMPLES, *, seed: int = 0
) -> dict[str, FloatArray]:
    """The figures of each resample: name to R values."""
    return compute_paired_samples([metrics], num_resamples, seed=seed)[0]


def compute_paired_samples(
    models: Sequence[PreparedMetrics],
    num_resamples: int = NUM_RESAMPLES,
    *,
    seed: int = 0,
    clusters: Clusters | None = None,
) -> list[dict[str, FloatArray]]:
    """The same for several models on the same images, with the same resamples, drawn once."""
    num_images = len(models[0].images.labels)
    resamples = iterate_resamples(num_images, num_resamples, seed=seed, clusters=clusters)
    blocks = [[item.compute(weights) for item in models] for weights in resamples]
    return [
        {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        for parts in zip(*blocks, strict=True)
    ] or [{} for _ in models]
