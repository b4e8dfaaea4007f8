"""The few figures that validation, robustness and model cards need at once."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer_core.errors import DataError
from fer_core.evaluation.metrics import ScoredImages, Weighting, compute_figures, prepare_metrics

_OF_ALL: Final[tuple[str, ...]] = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss")
_OF_CLASSES: Final[tuple[str, ...]] = ("precision", "recall", "f1")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScore:
    """Figures of one class; NaN where nothing was predicted (precision) or present (recall)."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int
    """Images of this class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """How well predictions agree with the truth. Fractions; undefined values are NaN."""

    n: int
    """Images scored."""
    accuracy: float
    balanced_accuracy: float
    """Mean recall of the classes that are present."""
    macro_f1: float
    """Mean F1 of the classes that are present; a present class never predicted counts 0."""
    log_loss: float
    """Mean of -log p(true class), natural logarithm."""
    classes: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Counts: row = truth, column = prediction, in class order."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def compute_scores(labels: npt.ArrayLike, probabilities: npt.ArrayLike, class_names: Sequence[str]) -> Scores:
    """Score predicted probabilities against true labels.

    Args:
        labels: N class numbers.
        probabilities: N x K, rows sum to 1. The prediction is the most probable class, ties to the first.
        class_names: K names.

    Raises:
        DataError: no images, or shapes that do not go together.
    """
    truth = np.asarray(labels, dtype=np.int64)
    chances = np.asarray(probabilities, dtype=np.float64)
    if truth.ndim != 1 or len(truth) == 0 or chances.shape != (len(truth), len(class_names)):
        raise DataError(
            f"can't score labels of shape {truth.shape} against probabilities of shape {chances.shape} "
            f"for {len(class_names)} classes"
        )
    images = ScoredImages(labels=truth, probabilities=chances)
    weighting = Weighting(images, np.ones((len(truth), 1)))
    measures = prepare_metrics(images, (*_OF_ALL, *_OF_CLASSES))
    figures = {
        name: float(values[0])
        for name, values in compute_figures(weighting, measures, tuple(class_names)).items()
    }
    confusion = weighting.confusion[..., 0].astype(int).tolist()
    return Scores(
        n=len(truth),
        **{name: figures[name] for name in _OF_ALL},
        classes=tuple(
            ClassScore(
                name=name, support=sum(row), **{kind: figures[f"{kind}.{name}"] for kind in _OF_CLASSES}
            )
            for name, row in zip(class_names, confusion, strict=True)
        ),
        confusion=tuple(map(tuple, confusion)),
    )
