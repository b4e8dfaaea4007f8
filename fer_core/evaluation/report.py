"""The evaluation report: every figure of a model on a split, with its interval, from stored predictions."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer_core.errors import RunError
from fer_core.evaluation.bootstrap import (
    AGREEMENT_BANDS,
    NUM_BINS,
    NUM_RESAMPLES,
    Terms,
    assign_bins,
    compute_point,
    compute_samples,
)
from fer_core.evaluation.calibration import cross_fit_temperature, fit_temperature, rescale_probabilities
from fer_core.evaluation.figures import (
    CALIBRATION_FIGURES,
    CLASS_TITLES,
    TITLES,
    Figure,
    summarise_samples,
)
from fer_core.evaluation.predictions import Predictions
from fer_core.evaluation.ranking import compute_pr_curve, compute_roc_curve

SCHEMA_VERSION: Final[int] = 2


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
    temperature: float = 1.0
    """The logits were divided by this."""
    tta: str = "none"
    """Test-time augmentation: `none`, or `flip` for the mean logits of image and mirror image."""
    precision: str = "fp32"
    latency_ms: float | None = None
    """Median time for one face, without detection; None if not measured."""
    latency_device: str = ""

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
    """Keys of `TITLES`, `<figure>.<class>`, and `agreement.<band>`."""
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
                subject=Subject(**{key: value[key] for key in Subject.__dataclass_fields__}),
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
    predictions: Predictions, subject: Subject, *, num_resamples: int = NUM_RESAMPLES, seed: int = 0
) -> Report:
    """Compute every figure with its bootstrap interval, in one pass over the predictions.

    Args:
        predictions: what the model said, at the temperature of the subject.
        subject: what it is about.
        num_resamples: of the bootstrap; 0 leaves the intervals undefined.
        seed: of the bootstrap.
    """
    variants = {
        "ece_uncalibrated": rescale_probabilities(predictions.probabilities, subject.temperature),
        "ece_cross_fitted": cross_fit_temperature(predictions.probabilities, predictions.labels),
    }
    terms = Terms(predictions, variants)
    point = compute_point(terms)
    samples = compute_samples(terms, num_resamples, seed=seed)
    nothing = np.zeros(0)
    reasons = _Reasons(predictions)
    names = [*TITLES, *(name for name in point if name not in TITLES), *reasons.list_missing_bands(point)]
    figures = {
        name: summarise_samples(
            point.get(name, float("nan")),
            samples.get(name, nothing),
            n=reasons.count(name),
            reason=reasons.explain(name),
            is_centred=name in CALIBRATION_FIGURES,
        )
        for name in names
    }
    num_classes = len(predictions.classes)
    cells = predictions.labels * num_classes + predictions.predicted
    confusion = np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)
    drawn = {
        "as predicted": predictions.probabilities,
        "temperature 1": variants["ece_uncalibrated"],
        "cross-fitted": variants["ece_cross_fitted"],
    }
    logits = np.log(np.clip(predictions.probabilities, 1e-30, 1)) * subject.temperature
    return Report(
        subject=subject,
        classes=predictions.classes,
        n=len(predictions),
        num_resamples=num_resamples,
        figures=figures,
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        curves=_build_curves(predictions),
        reliability={name: compute_reliability(item, predictions.labels) for name, item in drawn.items()},
        fitted_temperature=fit_temperature(logits, predictions.labels),
    )


class _Reasons:
    """Why figures can be undefined, in words, and how many images each rests on."""

    def __init__(self, predictions: Predictions) -> None:
        num_classes = len(predictions.classes)
        self.n = len(predictions)
        self.support = dict(
            zip(predictions.classes, np.bincount(predictions.labels, minlength=num_classes), strict=True)
        )
        self.num_predicted = dict(
            zip(predictions.classes, np.bincount(predictions.predicted, minlength=num_classes), strict=True)
        )
        shares, agreement = predictions.annotators, predictions.agreement
        self.num_annotated = 0 if shares is None else int((~np.isnan(shares[:, 0])).sum())
        self.bands = {
            f"agreement.{name}": 0
            if agreement is None
            else int(((agreement > low) & (agreement <= high)).sum())
            for name, low, high in AGREEMENT_BANDS
        }

    def list_missing_bands(self, point: Mapping[str, float]) -> list[str]:
        return [name for name in self.bands if name not in point]

    def count(self, name: str) -> int:
        kind, _, class_name = name.partition(".")
        if kind == "agreement":
            return self.bands[name]
        if name in ("kl_divergence", "js_distance"):
            return self.num_annotated
        if class_name and kind == "recall":
            return int(self.support[class_name])
        if class_name and kind == "precision":
            return int(self.num_predicted[class_name])
        return self.n

    def explain(self, name: str) -> str:
        kind, _, class_name = name.partition(".")
        if class_name in self.support:
            return {
                "precision": f"{class_name} was never predicted",
                "recall": f"no image shows {class_name}",
                "f1": f"no image shows {class_name}, and it was never predicted",
                "roc_auc": f"needs images of {class_name} and of other classes",
                "average_precision": f"no image shows {class_name}",
            }[kind]
        return {
            "agreement": "no image in this band, or no votes are known",
            "top2_accuracy": "with two classes the first two are always right",
            "kappa": "truth and prediction are one and the same class throughout",
            "mcc": "the truth or the prediction is one class throughout",
            "roc_auc": "only one class is present",
            "kl_divergence": "no annotators' votes are known for these images",
            "js_distance": "no annotators' votes are known for these images",
        }.get(kind, "there is nothing to compute it from")


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
    """One figure a class, in class order; `kind` is a key of `CLASS_TITLES`."""
    assert kind in CLASS_TITLES
    return [report.figures[f"{kind}.{name}"] for name in report.classes]
