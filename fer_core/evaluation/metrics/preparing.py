"""Preparing metrics for images. An installed package's that fails is undefined; the others are computed."""

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, TypeVar

import numpy as np

from fer_core.errors import FerError, PluginError
from fer_core.evaluation.metrics.base import (
    METRICS,
    FloatArray,
    IntArray,
    Measure,
    ScoredImages,
    Weighting,
    shape_of,
)

T = TypeVar("T")

_LOG: Final = logging.getLogger(__name__)


class ForeignMeasure:
    """What a package's metric prepared. From its first failure on it is undefined, and `problem` says why."""

    def __init__(self, name: str, images: ScoredImages) -> None:
        """Prepare the metric called `name` for some images."""
        self.problem = ""
        """Why it is undefined; empty while it works."""
        self._name = name
        self._metric = METRICS[name]
        self._images = images
        self._measure = self._try("prepare", lambda: self._metric.prepare(images))

    def __call__(self, weighting: Weighting) -> FloatArray:
        """The figure of every weighting, NaN where it is undefined; it never raises."""
        shape = shape_of(self._metric, weighting)
        measure = self._measure
        if measure is None or self.problem:
            return np.full(shape, np.nan)
        found = self._try("compute", lambda: self._read(measure(weighting), shape))
        return np.full(shape, np.nan) if found is None else found

    def count(self) -> int | IntArray:
        """Images that it rests on; all of them where the metric does not say."""

        def count() -> int | IntArray:
            found = np.asarray(self._metric.count(self._images))
            expected = shape_of(self._metric, Weighting(self._images, np.ones((len(self._images.labels), 1))))
            if found.dtype.kind not in "iu" or found.shape not in {(), expected[:-1]}:
                raise self._refuse(found, "whole numbers of images")
            return int(found) if found.ndim == 0 else found

        found = self._try("count images", count)
        return len(self._images.labels) if found is None else found

    def _read(self, found: Any, shape: tuple[int, ...]) -> FloatArray:
        values = np.asarray(found)
        if values.dtype.kind not in "fiub":
            raise self._refuse(found, "numbers")
        if values.shape != shape:
            raise self._refuse(f"an array of shape {values.shape}", f"one of shape {shape}")
        return values.astype(np.float64)

    def _refuse(self, found: object, expected: str) -> PluginError:
        text = found if isinstance(found, str) else repr(found)
        return PluginError(f"{METRICS.describe(self._name)} gives {text[:80]}; expected {expected}")

    def _try(self, doing: str, work: Callable[[], T]) -> T | None:
        try:
            with METRICS.blame(self._name, PluginError, doing):
                return work()
        except FerError as problem:
            self.problem = str(problem)
            _tell(self.problem)
            return None


@lru_cache(maxsize=256)
def _tell(problem: str) -> None:
    """Say a problem once, however many models and resamples it comes up with."""
    _LOG.warning("%s. The metric is undefined", problem)


def prepare_metrics(images: ScoredImages, names: Iterable[str]) -> dict[str, Measure | None]:
    """Do the work of the metrics called `names` that is the same for all weightings.

    Raises:
        ConfigError: no metric is called like that.
    """
    return {
        name: ForeignMeasure(name, images) if METRICS.is_foreign(name) else METRICS[name].prepare(images)
        for name in names
    }


def count_images(name: str, measures: Mapping[str, Measure | None], images: ScoredImages) -> int | IntArray:
    """Images that the metric called `name` rests on: one number, or one per class or band."""
    measure = measures[name]
    return measure.count() if isinstance(measure, ForeignMeasure) else METRICS[name].count(images)


def find_problem(measure: Measure | None) -> str:
    """Why a metric that was prepared fails; empty if it works."""
    return measure.problem if isinstance(measure, ForeignMeasure) else ""
