"""Making probabilities mean what they say: temperature scaling."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fer_core.checkpoint import GeneralCalibration
from fer_core.errors import DataError

NUM_BINS: Final[int] = 15
"""Bins of the calibration error."""
SMALLEST_SHARE: Final[float] = 1e-4
"""A class that training hardly had is not multiplied by more than its like."""


def fit_temperature(logits: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """The temperature T > 0 that minimises the log loss of softmax(logits / T) (Guo et al., 2017).

    Dividing all logits by one number changes no prediction, only how sure it claims to be.

    Args:
        logits: N x K.
        labels: N class numbers.

    Raises:
        DataError: no images.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    values = np.asarray(logits, dtype=np.float64)
    truth = np.asarray(labels, dtype=np.int64)
    if len(values) == 0:
        raise DataError("can't calibrate on no images")

    def log_loss(log_temperature: float) -> float:
        log_probabilities = log_softmax(values / np.exp(log_temperature), axis=1)
        return float(-log_probabilities[np.arange(len(truth)), truth].mean())

    # The log loss has one minimum in 1 / T; the bounds keep a perfect model's temperature finite.
    found = minimize_scalar(log_loss, bounds=(np.log(0.05), np.log(20.0)), method="bounded")
    return float(np.exp(found.x))


def softmax(logits: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Probabilities of N x K logits, in float64; rows sum to 1."""
    values = np.asarray(logits, dtype=np.float64)
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    probabilities: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def assign_bins(confidence: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.int64]:
    """Bin of each confidence: equal widths over (0, 1], each with its upper end."""
    bins: npt.NDArray[np.int64] = np.clip(
        np.ceil(confidence * NUM_BINS).astype(np.int64) - 1, 0, NUM_BINS - 1
    )
    return bins


def compute_ece(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Expected calibration error: mean gap between confidence and accuracy over equal-width bins.

    Naeini et al., 2015; Guo et al., 2017. A fraction, 0 is perfect.

    Args:
        probabilities: N x K.
        labels: N class numbers.
    """
    chances = np.asarray(probabilities, dtype=np.float64)
    confidence = chances.max(axis=1)
    correct = chances.argmax(axis=1) == np.asarray(labels)
    gaps = np.bincount(assign_bins(confidence), weights=correct - confidence)
    return float(np.abs(gaps).sum() / len(chances))


def recover_logits(probabilities: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Logits of N x K probabilities, but for a constant a row, which the softmax ignores."""
    logits: npt.NDArray[np.float64] = np.log(np.clip(np.asarray(probabilities, dtype=np.float64), 1e-30, 1))
    return logits


def rescale_probabilities(probabilities: npt.ArrayLike, factor: float) -> npt.NDArray[np.float64]:
    """Probabilities as they would be with every logit multiplied by `factor`, N x K.

    Args:
        probabilities: N x K.
        factor: old temperature / new temperature.
    """
    return softmax(factor * recover_logits(probabilities))


def cross_fit_temperature(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Probabilities calibrated on other images than they are judged on, N x K.

    The images with even and odd positions are two halves; each is rescaled by the temperature fitted on the
    other. A single image stays as it is.
    """
    chances = np.asarray(probabilities, dtype=np.float64)
    truth = np.asarray(labels, dtype=np.int64)
    if len(chances) < 2:
        return chances
    logits = recover_logits(chances)
    calibrated = np.empty_like(chances)
    for own in (0, 1):
        temperature = fit_temperature(logits[1 - own :: 2], truth[1 - own :: 2])
        calibrated[own::2] = rescale_probabilities(chances[own::2], 1 / temperature)
    return calibrated


def expect_generally(
    logits: npt.ArrayLike, learned: npt.ArrayLike, general: GeneralCalibration
) -> npt.NDArray[np.float64]:
    """Probabilities for faces of unknown source: softmax((logits - s log learned) / T).

    Args:
        logits: N x K, but for a constant a row.
        learned: shares of the K classes in the training data; those below 0.0001 count as that.
        general: the strength s and the temperature T.

    Returns:
        N x K, rows sum to 1.
    """
    shares = np.log(np.maximum(np.asarray(learned, dtype=np.float64), SMALLEST_SHARE))
    taken_back = np.asarray(logits, dtype=np.float64) - general.prior_strength * shares
    return softmax(taken_back / general.temperature)
