"""Areas under the curves of each class."""

import numpy as np

from fer_core.evaluation.metrics.base import FloatArray, Metric, Weighting, register_metrics


def _roc_auc(weighting: Weighting) -> FloatArray:
    return np.stack([area.roc_auc for area in weighting.areas])


def _average_precision(weighting: Weighting) -> FloatArray:
    return np.stack([area.average_precision for area in weighting.areas])


register_metrics(
    roc_auc=Metric(
        title="ROC AUC",
        prepare=lambda _images: _roc_auc,
        reference="area under the ROC curve, one class against the rest; ties count half",
        per="class",
        has_mean=True,
        is_paired=False,
        undefined="needs images of {name} and of other classes",
    ),
    average_precision=Metric(
        title="average precision",
        prepare=lambda _images: _average_precision,
        reference="mean precision over the steps of recall, as in scikit-learn",
        per="class",
        has_mean=True,
        is_paired=False,
        undefined="no image shows {name}",
    ),
)
