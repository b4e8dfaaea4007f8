"""Metrics that are functions of the confusion matrix."""

from collections.abc import Callable

import numpy as np

from fer_core.evaluation.metrics.base import (
    FloatArray,
    IntArray,
    Measure,
    Metric,
    ScoredImages,
    Weighting,
    each_image,
    mean_where,
    register_metrics,
)


def _always(measure: Measure) -> Callable[[ScoredImages], Measure]:
    return lambda _images: measure


def _count_truth(images: ScoredImages) -> IntArray:
    counts: IntArray = np.bincount(images.labels, minlength=images.num_classes)
    return counts


def _count_predicted(images: ScoredImages) -> IntArray:
    counts: IntArray = np.bincount(images.predicted, minlength=images.num_classes)
    return counts


def _recall(weighting: Weighting) -> FloatArray:
    return weighting.right / weighting.truth


def _precision(weighting: Weighting) -> FloatArray:
    return weighting.right / weighting.predicted


def _f1(weighting: Weighting) -> FloatArray:
    return 2 * weighting.right / (weighting.truth + weighting.predicted)


def _balanced_accuracy(weighting: Weighting) -> FloatArray:
    return mean_where(_recall(weighting), weighting.truth > 0)


def _macro_f1(weighting: Weighting) -> FloatArray:
    return mean_where(_f1(weighting), weighting.truth > 0)


def _weighted_f1(weighting: Weighting) -> FloatArray:
    weighted: FloatArray = (weighting.truth * np.nan_to_num(_f1(weighting))).sum(axis=0) / weighting.total
    return weighted


def _excess(weighting: Weighting) -> tuple[FloatArray, FloatArray]:
    """Agreement beyond chance, and how much chance explains; both times the squared number of images."""
    chance = (weighting.truth * weighting.predicted).sum(axis=0)
    return weighting.right.sum(axis=0) * weighting.total - chance, chance


def _kappa(weighting: Weighting) -> FloatArray:
    excess, chance = _excess(weighting)
    return excess / (weighting.total**2 - chance)


def _mcc(weighting: Weighting) -> FloatArray:
    square = weighting.total**2
    spread = (square - (weighting.predicted**2).sum(axis=0)) * (square - (weighting.truth**2).sum(axis=0))
    mcc: FloatArray = _excess(weighting)[0] / np.sqrt(spread)
    return mcc


register_metrics(
    accuracy=Metric(
        title="accuracy",
        prepare=each_image(lambda images: images.is_right),
        reference="share of the images whose most probable class is the true one",
        is_percent=True,
    ),
    balanced_accuracy=Metric(
        title="balanced accuracy",
        prepare=_always(_balanced_accuracy),
        reference="mean recall of the classes that are present (Brodersen et al., 2010)",
        is_percent=True,
    ),
    macro_f1=Metric(
        title="macro-F1",
        prepare=_always(_macro_f1),
        reference="mean F1 of the classes that are present; a present class never predicted counts 0",
    ),
    weighted_f1=Metric(
        title="weighted F1",
        prepare=_always(_weighted_f1),
        reference="mean F1 of the classes, weighted by their images",
    ),
    kappa=Metric(
        title="Cohen's kappa",
        prepare=_always(_kappa),
        reference="Cohen, 1960",
        undefined="truth and prediction are one and the same class throughout",
    ),
    mcc=Metric(
        title="MCC",
        prepare=_always(_mcc),
        reference="Matthews correlation coefficient of several classes (Gorodkin, 2004)",
        undefined="the truth or the prediction is one class throughout",
    ),
    precision=Metric(
        title="precision",
        prepare=_always(_precision),
        reference="share of the images predicted as a class that are of it",
        per="class",
        undefined="{name} was never predicted",
        count=_count_predicted,
    ),
    recall=Metric(
        title="recall",
        prepare=_always(_recall),
        reference="share of the images of a class that are predicted as it",
        per="class",
        undefined="no image shows {name}",
        count=_count_truth,
    ),
    f1=Metric(
        title="F1",
        prepare=_always(_f1),
        reference="harmonic mean of precision and recall",
        per="class",
        undefined="no image shows {name}, and it was never predicted",
    ),
)
