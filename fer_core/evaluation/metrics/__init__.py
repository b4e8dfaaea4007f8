"""The metrics. One registration gives its figure in reports, intervals, comparisons, commands and pages."""

from fer_core.evaluation.metrics import (  # isort: skip # noqa: F401 - registers them, in the order of tables
    confusion,
    areas,
    probabilities,
    annotators,
)
from fer_core.evaluation.metrics.base import (
    METRICS,
    Measure,
    Metric,
    ScoredImages,
    Weighting,
    compute_figures,
    each_image,
    each_resample,
    list_class_titles,
    list_titles,
    name_parts,
)
from fer_core.evaluation.metrics.preparing import count_images, find_problem, prepare_metrics

__all__ = [
    "METRICS",
    "Measure",
    "Metric",
    "ScoredImages",
    "Weighting",
    "compute_figures",
    "count_images",
    "each_image",
    "each_resample",
    "find_problem",
    "list_class_titles",
    "list_titles",
    "name_parts",
    "prepare_metrics",
]
