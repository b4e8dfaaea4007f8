"""Metrics of the probabilities: whether they are right, and whether they mean what they say."""

from typing import Any

import numpy as np
import numpy.typing as npt

from fer_core.evaluation.calibration import (
    NUM_BINS,
    assign_bins,
    cross_fit_temperature,
    rescale_probabilities,
)
from fer_core.evaluation.metrics.base import (
    TINY,
    FloatArray,
    IntArray,
    Measure,
    Metric,
    ScoredImages,
    each_image,
    one_hot,
    register_metrics,
)


def _log_loss(images: ScoredImages) -> FloatArray:
    chance = images.probabilities[np.arange(len(images.labels)), images.labels]
    losses: FloatArray = -np.log(np.clip(chance, TINY, 1))
    return losses


def _brier(images: ScoredImages) -> FloatArray:
    gaps = images.probabilities - one_hot(images.labels, images.num_classes)
    squares: FloatArray = np.square(gaps).sum(axis=1)
    return squares


def _prepare_top2(images: ScoredImages) -> Measure | None:
    return each_image(_is_in_top_two)(images) if images.num_classes > 2 else None


def _is_in_top_two(images: ScoredImages) -> npt.NDArray[Any]:
    order = np.argsort(-images.probabilities, axis=1, kind="stable")[:, :2]
    hit: npt.NDArray[np.bool_] = (order == images.labels[:, None]).any(axis=1)
    return hit


def _measure_ece(probabilities: FloatArray, labels: IntArray) -> Measure:
    confidence = probabilities.max(axis=1)
    gap = (probabilities.argmax(axis=1) == labels) - confidence
    gaps = one_hot(assign_bins(confidence), NUM_BINS) * gap[:, None]
    return lambda weighting: np.abs(weighting.mean(gaps)).sum(axis=0)


def _prepare_uncalibrated(images: ScoredImages) -> Measure:
    return _measure_ece(rescale_probabilities(images.probabilities, images.temperature), images.labels)


def _prepare_cross_fitted(images: ScoredImages) -> Measure:
    return _measure_ece(cross_fit_temperature(images.probabilities, images.labels), images.labels)


register_metrics(
    top2_accuracy=Metric(
        title="top-2 accuracy",
        prepare=_prepare_top2,
        reference="share of the images whose true class is one of the two most probable",
        is_percent=True,
        undefined="with two classes the first two are always right",
    ),
    log_loss=Metric(
        title="log loss",
        prepare=each_image(_log_loss),
        reference="mean of -log p(true class), natural logarithm",
        lower_is_better=True,
    ),
    brier=Metric(
        title="Brier score",
        prepare=each_image(_brier),
        reference="mean squared distance of the probabilities to the truth, 0 to 2 (Brier, 1950)",
        lower_is_better=True,
    ),
    ece=Metric(
        title="calibration error (ECE)",
        prepare=lambda images: _measure_ece(images.probabilities, images.labels),
        reference=f"mean gap of confidence and accuracy over {NUM_BINS} bins (Guo et al., 2017)",
        lower_is_better=True,
        is_sum_of_gaps=True,
    ),
    ece_uncalibrated=Metric(
        title="ECE at temperature 1",
        prepare=_prepare_uncalibrated,
        reference="the calibration error without temperature scaling",
        lower_is_better=True,
        is_sum_of_gaps=True,
        is_paired=False,
    ),
    ece_cross_fitted=Metric(
        title="ECE, temperature fitted on the other half",
        prepare=_prepare_cross_fitted,
        reference="the calibration error of the best temperature, fitted on other images",
        lower_is_better=True,
        is_sum_of_gaps=True,
        is_paired=False,
    ),
)
