"""Expecting other shares of the classes than the training data had.

A network trained on FER+ has learnt that 35 % of faces look neutral and 29 % happy, and leans towards that
where a face is unclear. Where other shares are to be expected, Bayes' rule replaces the prior and leaves what
the face itself says: p'(k | x) ~ p(k | x) q(k) / p(k) (Saerens et al., 2002; the logit adjustment of Menon et
al., 2021, after training). Rare classes are found more often then, and frequent ones missed more often.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from fer_core.checkpoint import CheckpointInfo
from fer_core.errors import ConfigError
from fer_core.inference.interfaces import Predictor
from fer_core.types import FaceBox, Float32Array, Prediction, UInt8Array

TRAINING_PRIOR: Final[str] = "training"
"""Expect the classes as often as the training data had them: what the network says by itself."""
UNIFORM_PRIOR: Final[str] = "uniform"
"""Expect all classes equally often."""
HALFWAY_PRIOR: Final[str] = "halfway"
"""Expect shares in proportion to the square root of the training data's: between the other two (logit
adjustment with tau = 1/2). With fer-small it brings more than half of the balanced accuracy that `uniform`
brings, for a third of its price: docs/STUDY.md."""

_SMALLEST_SHARE: Final[float] = 1e-4
"""A class that training hardly had is not multiplied by more than its like."""


def adjust_prior(
    probabilities: Float32Array, learned: npt.ArrayLike, expected: npt.ArrayLike
) -> Float32Array:
    """Exchange the prior in calibrated probabilities.

    Args:
        probabilities: N x K, rows sum to 1.
        learned: shares of the classes in the training data, K, sum 1; those below 0.0001 count as that.
        expected: shares that are expected instead, K, sum 1.

    Returns:
        N x K, rows sum to 1.
    """
    ratio = np.asarray(expected, dtype=np.float64) / np.maximum(np.asarray(learned), _SMALLEST_SHARE)
    weighted = probabilities * ratio
    adjusted: Float32Array = (weighted / weighted.sum(axis=1, keepdims=True)).astype(np.float32)
    return adjusted


def parse_prior(text: str, classes: Sequence[str], learned: npt.ArrayLike) -> tuple[float, ...]:
    """Read expected shares: `halfway`, `uniform`, or `neutral=5,happiness=2,...` (every class, any unit).

    Args:
        text: what was typed.
        classes: K names.
        learned: shares of the classes in the training data, K, sum 1.

    Raises:
        ConfigError: a class is missing or unknown, or a share is not positive.
    """
    if text == UNIFORM_PRIOR:
        return (1 / len(classes),) * len(classes)
    if text == HALFWAY_PRIOR:
        roots = np.sqrt(np.maximum(np.asarray(learned), _SMALLEST_SHARE))
        return tuple((roots / roots.sum()).tolist())
    try:
        parts = [part.split("=") for part in text.split(",")]
        shares = {name.strip(): float(value) for name, value in parts}
    except ValueError as cause:
        raise ConfigError(
            f"prior {text!r} can't be read; expected {TRAINING_PRIOR}, {HALFWAY_PRIOR}, {UNIFORM_PRIOR}, or "
            f"a share for every class such as {','.join(f'{name}=1' for name in classes)}"
        ) from cause
    if set(shares) != set(classes) or len(parts) != len(classes):
        raise ConfigError(f"prior names {', '.join(shares)}; expected each once of {', '.join(classes)}")
    if not all(np.isfinite(share) and share > 0 for share in shares.values()):
        raise ConfigError(f"prior {text!r} has a share that is not positive")
    total = sum(shares.values())
    return tuple(shares[name] / total for name in classes)


class PriorPredictor:
    """A predictor that expects other shares of the classes than the one it asks."""

    def __init__(self, predictor: Predictor, expected: str) -> None:
        """Wrap `predictor`; `expected` as for `parse_prior`.

        Raises:
            ConfigError: the shares can't be read, or the model does not say which it learnt from.
        """
        learned = predictor.info.class_prior
        if learned is None:
            raise ConfigError(
                f"{predictor.info.name} does not say how often it saw each class, so prior {expected!r} "
                f"can't be used with it; take {TRAINING_PRIOR!r}, or publish the model again"
            )
        self._predictor = predictor
        self._learned = learned
        self._expected = parse_prior(expected, predictor.info.classes, learned)

    @property
    def info(self) -> CheckpointInfo:
        """The checkpoint that predicts."""
        return self._predictor.info

    @property
    def runtime(self) -> str:
        """What computes."""
        return self._predictor.runtime

    def predict(self, image_rgb: UInt8Array, boxes: Sequence[FaceBox]) -> list[Prediction]:
        """As the wrapped predictor, with the prior exchanged."""
        found = self._predictor.predict(image_rgb, boxes)
        if not found:
            return []
        rows = np.asarray([item.probabilities for item in found], dtype=np.float32)
        return [Prediction.from_array(self.info.classes, row) for row in self._adjust(rows)]

    def predict_crops(self, crops: UInt8Array) -> Float32Array:
        """As the wrapped predictor, with the prior exchanged."""
        return self._adjust(self._predictor.predict_crops(crops))

    def _adjust(self, probabilities: Float32Array) -> Float32Array:
        return adjust_prior(probabilities, self._learned, self._expected)


def with_prior(predictor: Predictor, expected: str) -> Predictor:
    """Return `predictor` itself for `training`, else one that expects other shares.

    Raises:
        ConfigError: as for `PriorPredictor`.
    """
    return predictor if expected == TRAINING_PRIOR else PriorPredictor(predictor, expected)
