"""Probabilities for faces from anywhere: expected shares and a temperature chosen across sources.

What a network learnt of one data set, how common each class is and how sure to be, holds there only. On faces
of unknown source a part of the learnt shares is taken back (the logit adjustment of Menon et al., 2021, with
a strength below 1) and the logits are divided by a larger temperature (Guo et al., 2017).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fer_core.checkpoint import GeneralCalibration
from fer_core.errors import DataError
from fer_core.evaluation.calibration import compute_ece, expect_generally, recover_logits
from fer_core.evaluation.common_classes import find_columns
from fer_core.evaluation.evaluator import Evaluation

Float64Array = npt.NDArray[np.float64]
_TEMPERATURES: Final[tuple[float, float]] = (0.2, 10.0)
"""Where the temperature is looked for; inside what a checkpoint may state."""


@dataclass(frozen=True, slots=True)
class SourceScores:
    """What a model says of the faces of one source, over the classes that both have."""

    name: str
    """The source."""
    logits: Float64Array
    """N x K, but for a constant a row."""
    learned: Float64Array
    """Share of each of the K classes in the training data."""
    labels: npt.NDArray[np.int64]
    """N class numbers."""


def collect_scores(evaluation: Evaluation) -> SourceScores:
    """Scores of an evaluation of a model on a source, over the classes that both have.

    Raises:
        DataError: the model does not say which shares it learnt from.
    """
    info, data = evaluation.info, evaluation.data
    if info.class_prior is None:
        raise DataError(
            f"{info.name} does not say how often it saw each class, so nothing can be expected of it"
        )
    return SourceScores(
        name=evaluation.dataset,
        logits=recover_logits(data.probabilities) * info.temperature,
        learned=np.asarray(info.class_prior)[find_columns(info.classes, data.classes)],
        labels=np.asarray(data.labels, dtype=np.int64),
    )


def fit_general(sources: Sequence[SourceScores], *, balance: float = 0.25) -> GeneralCalibration:
    """The strength and the temperature with the least log loss, every source counting the same.

    Nobody knows how common the expressions are in pictures of unknown source. So a quarter of every source's
    loss is of its classes as if they were equally common. Over the seven common classes of three sources that
    takes 84 % of what `fer-small` learnt back; without it 67 %, with a half 96 % (docs/STUDY.md).

    Args:
        sources: at least one, each with faces the model was not trained on.
        balance: share of the loss with equally common classes, 0 to 1.

    Raises:
        DataError: no sources, or one without faces.
    """
    from scipy.optimize import minimize

    if not sources or not all(len(source.labels) for source in sources):
        raise DataError("no faces to choose expected shares on; name data sets with labelled faces")

    def log_loss(settings: Float64Array) -> float:
        general = GeneralCalibration(prior_strength=settings[0], temperature=float(np.exp(settings[1])))
        return float(np.mean([_log_loss(source, general, balance) for source in sources]))

    bounds = [(0.0, 1.0), tuple(np.log(_TEMPERATURES))]
    found = minimize(log_loss, x0=[0.5, 0.0], bounds=bounds, method="L-BFGS-B")
    chosen = GeneralCalibration(
        prior_strength=round(float(found.x[0]), 2), temperature=round(float(np.exp(found.x[1])), 2)
    )
    return GeneralCalibration(
        prior_strength=chosen.prior_strength,
        temperature=chosen.temperature,
        sources=tuple(_describe(source, chosen) for source in sources),
    )


def _log_loss(source: SourceScores, general: GeneralCalibration, balance: float) -> float:
    chances = expect_generally(source.logits, source.learned, general)
    losses = -np.log(np.maximum(chances[np.arange(len(chances)), source.labels], 1e-30))
    sizes = np.bincount(source.labels)
    by_class = np.bincount(source.labels, weights=losses)[sizes > 0] / sizes[sizes > 0]
    return float((1 - balance) * losses.mean() + balance * by_class.mean())


def _describe(source: SourceScores, general: GeneralCalibration) -> dict[str, object]:
    from sklearn.metrics import balanced_accuracy_score

    chances = expect_generally(source.logits, source.learned, general)
    answers = chances.argmax(axis=1)
    return {
        "dataset": source.name,
        "n": len(source.labels),
        "classes": chances.shape[1],
        "accuracy": round(float((answers == source.labels).mean()), 4),
        "balanced_accuracy": round(float(balanced_accuracy_score(source.labels, answers)), 4),
        "ece": round(compute_ece(chances, source.labels), 4),
    }
