"""Metrics that need the annotators' votes."""

from collections.abc import Callable
from typing import Final

import numpy as np

from fer_core.evaluation.metrics.base import TINY, FloatArray, Measure, Metric, ScoredImages, register_metrics

_NO_VOTES: Final[str] = "no annotators' votes are known here"


def _prepare_mean(
    compute: Callable[[FloatArray, FloatArray], FloatArray],
) -> Callable[[ScoredImages], Measure | None]:
    """The mean over the images with votes, of their shares and probabilities, each M x K."""

    def prepare(images: ScoredImages) -> Measure | None:
        if images.annotators is None:
            return None
        known = images.is_annotated
        values = np.zeros(len(known))
        values[known] = compute(images.annotators[known], images.probabilities[known])
        return lambda weighting: weighting.sum(values) / weighting.sum(known)

    return prepare


def _compute_kl(shares: FloatArray, probabilities: FloatArray) -> FloatArray:
    ratio = np.where(shares > 0, shares, 1) / np.clip(probabilities, TINY, 1)
    divergence: FloatArray = np.where(shares > 0, shares * np.log(ratio), 0).sum(axis=1)
    return divergence


def _compute_js(shares: FloatArray, probabilities: FloatArray) -> FloatArray:
    middle = (shares + probabilities) / 2
    parts = [
        np.where(side > 0, side * np.log2(np.where(side > 0, side, 1) / np.where(side > 0, middle, 1)), 0)
        for side in (shares, probabilities)
    ]
    divergence = (parts[0] + parts[1]).sum(axis=1) / 2
    distance: FloatArray = np.sqrt(np.maximum(divergence, 0))
    return distance


def _prepare_bands(images: ScoredImages) -> Measure | None:
    if images.agreement is None:
        return None
    right = images.bands & images.is_right[:, None]
    return lambda weighting: weighting.sum(right) / weighting.sum(images.bands)


register_metrics(
    kl_divergence=Metric(
        title="KL divergence from the annotators",
        prepare=_prepare_mean(_compute_kl),
        reference="mean KL(annotators || model) in nats (Kullback & Leibler, 1951)",
        lower_is_better=True,
        undefined=_NO_VOTES,
        count=lambda images: int(images.is_annotated.sum()),
    ),
    js_distance=Metric(
        title="Jensen-Shannon distance to the annotators",
        prepare=_prepare_mean(_compute_js),
        reference="mean distance, base 2, 0 to 1 (Endres & Schindelin, 2003)",
        lower_is_better=True,
        undefined=_NO_VOTES,
        count=lambda images: int(images.is_annotated.sum()),
    ),
    agreement=Metric(
        title="accuracy by annotators who agree",
        prepare=_prepare_bands,
        reference="accuracy where so many of the annotators chose the most chosen answer",
        per="band",
        is_percent=True,
        undefined="no image in this band, or no votes are known",
        count=lambda images: images.bands.sum(axis=0),
    ),
)
