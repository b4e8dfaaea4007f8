"""Classification metrics, computed by scikit-learn. Fractions, not percentages; undefined values are NaN."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer_core.errors import DataError

_TINY: Final[float] = float(np.finfo(np.float64).eps)
"""Least probability that a logarithm sees, as in scikit-learn."""


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
    """How well predictions agree with the truth."""

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
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    truth = np.asarray(labels, dtype=np.int64)
    chances = np.asarray(probabilities, dtype=np.float64)
    if truth.ndim != 1 or len(truth) == 0 or chances.shape != (len(truth), len(class_names)):
        raise DataError(
            f"can't score labels of shape {truth.shape} against probabilities of shape {chances.shape} "
            f"for {len(class_names)} classes"
        )
    predicted = chances.argmax(axis=1)
    numbers = np.arange(len(class_names))
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, predicted, labels=numbers, zero_division=np.nan
    )
    present = support > 0
    # scikit-learn calls F1 undefined only where a class is neither present nor predicted.
    true_class_chance = chances[np.arange(len(truth)), truth]
    return Scores(
        n=len(truth),
        accuracy=float((predicted == truth).mean()),
        balanced_accuracy=float(recall[present].mean()),
        macro_f1=float(f1[present].mean()),
        log_loss=float(-np.log(np.clip(true_class_chance, _TINY, 1)).mean()),
        classes=tuple(
            ClassScore(
                name=name,
                precision=float(precision[index]),
                recall=float(recall[index]),
                f1=float(f1[index]),
                support=int(support[index]),
            )
            for index, name in enumerate(class_names)
        ),
        confusion=tuple(tuple(row) for row in confusion_matrix(truth, predicted, labels=numbers).tolist()),
    )
