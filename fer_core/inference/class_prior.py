"""Expecting other shares of the classes than the training data had.

A network trained on FER+ has learnt that 35 % of faces look neutral and 29 % happy, and leans towards that
where a face is unclear. Where other shares are to be expected, Bayes' rule replaces the prior and leaves what
the face itself says: p'(k | x) ~ p(k | x) q(k) / p(k) (Saerens et al., 2002; the logit adjustment of Menon et
al., 2021, after training). Rare classes are found more often then, and frequent ones missed more often.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from fer_core.checkpoint import CheckpointInfo
from fer_core.errors import ConfigError
from fer_core.evaluation.calibration import SMALLEST_SHARE, expect_generally, recover_logits
from fer_core.inference.interfaces import Predictor
from fer_core.types import FaceBox, Float32Array, Prediction, UInt8Array

GENERAL_PRIOR: Final[str] = "general"
"""Faces of unknown source: the shares and the temperature that the model was given across sources
(`CheckpointInfo.general`), or the training data's shares where it was given none. The default."""
TRAINING_PRIOR: Final[str] = "training"
"""Expect the classes as often as the training data had them: what the network says by itself."""
UNIFORM_PRIOR: Final[str] = "uniform"
"""Expect all classes equally often."""
HALFWAY_PRIOR: Final[str] = "halfway"
"""Expect shares in proportion to the square root of the training data's: between the other two (logit
adjustment with tau = 1/2). With fer-small it brings more than half of the balanced accuracy that `uniform`
brings, for a third of its price: docs/STUDY.md."""

Adjustment = Callable[[Float32Array], Float32Array]


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
    ratio = np.asarray(expected, dtype=np.float64) / np.maximum(np.asarray(learned), SMALLEST_SHARE)
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
        roots = np.sqrt(np.maximum(np.asarray(learned), SMALLEST_SHARE))
        return tuple((roots / roots.sum()).tolist())
    try:
        parts = [part.split("=") for part in text.split(",")]
        shares = {name.strip(): float(value) for name, value in parts}
    except ValueError as cause:
        raise ConfigError(
            f"prior {text!r} can't be read; expected {GENERAL_PRIOR}, {TRAINING_PRIOR}, {HALFWAY_PRIOR}, "
            f"{UNIFORM_PRIOR}, or a share for every class such as {','.join(f'{name}=1' for name in classes)}"
        ) from cause
    if set(shares) != set(classes) or len(parts) != len(classes):
        raise ConfigError(f"prior names {', '.join(shares)}; expected each once of {', '.join(classes)}")
    if not all(np.isfinite(share) and share > 0 for share in shares.values()):
        raise ConfigError(f"prior {text!r} has a share that is not positive")
    total = sum(shares.values())
    return tuple(shares[name] / total for name in classes)


def build_adjustment(
    info: CheckpointInfo, expected: str, columns: Sequence[int] | None = None
) -> Adjustment | None:
    """What turns calibrated probabilities of a model into those under other expected shares.

    Args:
        info: the model.
        expected: `training`, `general`, or as for `parse_prior`.
        columns: the classes among the model's that the probabilities have; all if not given.

    Returns:
        From N x K to N x K; None where nothing is to be changed.

    Raises:
        ConfigError: the shares can't be read, or the model does not say which it learnt from.
    """
    is_general, general = expected == GENERAL_PRIOR, info.general
    if expected == TRAINING_PRIOR or (is_general and (general is None or info.class_prior is None)):
        return None
    if info.class_prior is None:
        raise ConfigError(
            f"{info.name} does not say how often it saw each class, so prior {expected!r} can't be used with "
            f"it; take {TRAINING_PRIOR!r}, or publish the model again"
        )
    chosen = list(range(len(info.classes)) if columns is None else columns)
    learned = np.asarray(info.class_prior)[chosen]
    if is_general and general is not None:
        return lambda rows: expect_generally(
            recover_logits(rows) * info.temperature, learned, general
        ).astype(np.float32)
    shares = np.asarray(parse_prior(expected, info.classes, info.class_prior))[chosen]
    return lambda rows: adjust_prior(rows, learned, shares)


class PriorPredictor:
    """A predictor that expects other shares of the classes than the one it asks."""

    def __init__(self, predictor: Predictor, adjust: Adjustment) -> None:
        """Wrap `predictor`; `adjust` changes its N x K probabilities."""
        self._predictor = predictor
        self._adjust = adjust

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


def with_prior(predictor: Predictor, expected: str) -> Predictor:
    """Return `predictor` itself where nothing is to be changed, else one that expects other shares.

    Raises:
        ConfigError: as for `build_adjustment`.
    """
    adjust = build_adjustment(predictor.info, expected)
    return predictor if adjust is None else PriorPredictor(predictor, adjust)
