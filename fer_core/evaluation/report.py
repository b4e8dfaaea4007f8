"""The evaluation report: every figure of a model on a split, with its interval, from stored predictions."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer_core.errors import RunError
from fer_core.evaluation.bootstrap import NUM_RESAMPLES, PreparedMetrics, compute_point, compute_samples
from fer_core.evaluation.calibration import (
    NUM_BINS,
    assign_bins,
    cross_fit_temperature,
    fit_temperature,
    rescale_probabilities,
)
from fer_core.evaluation.figures import Figure, summarise_samples
from fer_core.evaluation.metrics import METRICS, Metric, name_parts
from fer_core.evaluation.predictions import Predictions
from fer_core.evaluation.ranking import compute_pr_curve, compute_roc_curve

SCHEMA_VERSION: Final[int] = 2
NOT_IN_REPORT: Final[str] = "the report was made without it; evaluate again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What was evaluated, on what, and how: the words beside every figure."""

    model: str
    weights_sha256: str
    architecture: str
    num_parameters: int
    weights_bytes: int
    dataset: str
    data_fingerprint: str
    split: str
    protocol: str
    """The rule that chose images and labels, and over which classes where model and data set differ."""
    rule: str = ""
    """The rule alone; empty in reports from before the two were told apart."""
    temperature: float = 1.0
    """The logits were divided by this."""
    tta: str = "none"
    """Test-time augmentation: `none`, or `flip` for the mean logits of image and mirror image."""
    precision: str = "fp32"

    def describe(self) -> str:
        """Data set, split and protocol in one phrase."""
        tta = "" if self.tta == "none" else ", with flip averaging"
        return f"{self.dataset}, {self.split}, {self.protocol}{tta}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Every figure of a subject."""

    subject: Subject
    classes: tuple[str, ...]
    n: int
    num_resamples: int
    figures: Mapping[str, Figure]
    """By key of `METRICS`, `<metric>.<class>`, and `agreement.<band>`; read one with `find`."""
    confusion: tuple[tuple[int, ...], ...]
    """Counts: row = truth, column = prediction."""
    curves: Mapping[str, Mapping[str, Mapping[str, list[float]]]]
    """`roc` and `pr`, then the class, then `x` and `y`."""
    reliability: Mapping[str, Mapping[str, list[float]]]
    """`as predicted`, `temperature 1`, `cross-fitted`: `confidence`, `accuracy`, `n` of each filled bin."""
    fitted_temperature: float
    """Temperature fitted on all these images, relative to logits at temperature 1."""
    predictions_sha256: str = ""
    """Checksum of the predictions.parquet that belongs to it."""

    def find(self, name: str) -> Figure:
        """The figure called `name`; one that says so where the report was made without it."""
        missing = Figure(value=math.nan, low=math.nan, high=math.nan, n=0, reason=NOT_IN_REPORT)
        return self.figures.get(name, missing)

    def with_classes(self, classes: Sequence[str]) -> "Report":
        """The same report with the same classes in another order."""
        order = np.array([self.classes.index(name) for name in classes])
        confusion = np.array(self.confusion)[np.ix_(order, order)].tolist()
        return replace(self, classes=tuple(classes), confusion=tuple(map(tuple, confusion)))

    def to_dict(self) -> dict[str, Any]:
        """As written to report.json."""
        value: dict[str, Any] = {"schema_version": SCHEMA_VERSION, **asdict(self.subject)}
        value |= {
            "classes": list(self.classes),
            "n": self.n,
            "num_resamples": self.num_resamples,
            "figures": {name: figure.to_dict() for name, figure in self.figures.items()},
            "confusion": [list(row) for row in self.confusion],
            "confusion_of_truth": normalise_confusion(self.confusion, by="truth").tolist(),
            "confusion_of_predictions": normalise_confusion(self.confusion, by="prediction").tolist(),
            "reliability": self.reliability,
            "fitted_temperature": self.fitted_temperature,
            "curves": self.curves,
            "predictions_sha256": self.predictions_sha256,
        }
        return value

    @classmethod
    def from_dict(cls, value: Mapping[str, Any], *, source: str) -> "Report":
        """Undo `to_dict`; `source` names the file in messages.

        Raises:
            RunError: an older or newer schema, or not a report.
        """
        version = value.get("schema_version")
        if version != SCHEMA_VERSION:
            raise RunError(
                f"{source} has schema_version {version!r}, this program reads {SCHEMA_VERSION}; "
                "evaluate the model again"
            )
        try:
            return cls(
                subject=Subject(**{key: value[key] for key in Subject.__dataclass_fields__ if key in value}),
                classes=tuple(value["classes"]),
                n=int(value["n"]),
                num_resamples=int(value["num_resamples"]),
                figures={name: Figure.from_dict(item) for name, item in value["figures"].items()},
                confusion=tuple(tuple(map(int, row)) for row in value["confusion"]),
                curves=value["curves"],
                reliability=value["reliability"],
                fitted_temperature=float(value["fitted_temperature"]),
                predictions_sha256=str(value["predictions_sha256"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as cause:
            raise RunError(
                f"{source} is no evaluation report: {cause!r}; evaluate the model again"
            ) from cause


def build_report(
    predictions: Predictions,
    subject: Subject,
    *,
    metrics: Iterable[str] | None = None,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> Report:
    """Compute figures with their bootstrap intervals, in one pass over the predictions.

    Args:
        predictions: what the model said, at the temperature of the subject.
        subject: what it is about.
        metrics: keys of `METRICS`; all of them, if not given.
        num_resamples: of the bootstrap; 0 leaves the intervals undefined.
        seed: of the bootstrap.

    Raises:
        ConfigError: no metric is called like that.
    """
    prepared = PreparedMetrics(predictions, metrics, temperature=subject.temperature)
    num_classes = len(predictions.classes)
    cells = predictions.labels * num_classes + predictions.predicted
    confusion = np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)
    drawn = {
        "as predicted": predictions.probabilities,
        "temperature 1": rescale_probabilities(predictions.probabilities, subject.temperature),
        "cross-fitted": cross_fit_temperature(predictions.probabilities, predictions.labels),
    }
    logits = np.log(np.clip(predictions.probabilities, 1e-30, 1)) * subject.temperature
    return Report(
        subject=subject,
        classes=predictions.classes,
        n=len(predictions),
        num_resamples=num_resamples,
        figures=compute_intervals(prepared, num_resamples=num_resamples, seed=seed),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        curves=_build_curves(predictions),
        reliability={name: compute_reliability(item, predictions.labels) for name, item in drawn.items()},
        fitted_temperature=fit_temperature(logits, predictions.labels),
    )


def compute_intervals(
    prepared: PreparedMetrics, *, num_resamples: int = NUM_RESAMPLES, seed: int = 0
) -> dict[str, Figure]:
    """Every figure of the metrics with its bootstrap interval."""
    point = compute_point(prepared)
    samples = compute_samples(prepared, num_resamples, seed=seed)
    figures = {}
    for name in prepared.names:
        metric = METRICS[name]
        count = prepared.count(name)
        problem = prepared.find_problem(name)
        for full_name, part in _list_figures(name, metric, prepared.classes):
            figures[full_name] = summarise_samples(
                math.nan if problem else point[full_name],
                samples.get(full_name, np.zeros(0)),
                n=int(count if part is None or isinstance(count, int) else count[part]),
                reason=_explain(metric, prepared.classes, part, problem),
                is_centred=metric.is_sum_of_gaps,
            )
    return figures


def _list_figures(name: str, metric: Metric, classes: tuple[str, ...]) -> list[tuple[str, int | None]]:
    """Names of the figures of a metric, each with the number of its class or band."""
    parts = name_parts(metric, classes)
    whole: list[tuple[str, int | None]] = [(name, None)] if metric.has_mean or not parts else []
    return whole + [(f"{name}.{part}", index) for index, part in enumerate(parts)]


def _explain(metric: Metric, classes: Sequence[str], part: int | None, problem: str) -> str:
    """Why a figure can be undefined; a package's problem was told whole, and not again for each class."""
    if problem:
        return problem if part is None else "its package fails"
    if part is None:
        return "only one class is present" if metric.has_mean else metric.undefined
    return metric.undefined.format(name=classes[part]) if metric.per == "class" else metric.undefined


def _build_curves(predictions: Predictions) -> dict[str, dict[str, dict[str, list[float]]]]:
    curves: dict[str, dict[str, dict[str, list[float]]]] = {"roc": {}, "pr": {}}
    for index, name in enumerate(predictions.classes):
        scores, positive = predictions.probabilities[:, index], predictions.labels == index
        curves["roc"][name] = compute_roc_curve(scores, positive)._asdict()
        curves["pr"][name] = compute_pr_curve(scores, positive)._asdict()
    return curves


def compute_reliability(
    probabilities: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]
) -> dict[str, list[float]]:
    """Mean confidence, accuracy and number of images of each bin that holds any, confidence ascending."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bins = assign_bins(confidence)
    count = np.bincount(bins, minlength=NUM_BINS)
    filled = count > 0
    means = [np.bincount(bins, values, NUM_BINS)[filled] / count[filled] for values in (confidence, right)]
    return {"confidence": means[0].tolist(), "accuracy": means[1].tolist(), "n": count[filled].tolist()}


def normalise_confusion(confusion: npt.ArrayLike, *, by: str) -> npt.NDArray[np.float64]:
    """Shares of the truth (rows sum to 1) or of the prediction (columns do); NaN where there is none.

    Args:
        confusion: K x K counts, row = truth.
        by: `truth` or `prediction`.
    """
    counts = np.asarray(confusion, dtype=np.float64)
    total = counts.sum(axis=1 if by == "truth" else 0, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares: npt.NDArray[np.float64] = np.where(total > 0, counts / total, np.nan)
    return shares


def list_class_figures(report: Report, kind: str) -> list[Figure]:
    """One figure a class, in class order; `kind` is a key of `list_class_titles()`."""
    return [report.find(f"{kind}.{name}") for name in report.classes]
