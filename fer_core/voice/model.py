"""A model of voices as programs use it: windows of sound in, probabilities out. Needs no torch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fer_core.checkpoint import CheckpointInfo, SoundSpec
from fer_core.errors import ConfigError
from fer_core.inference.interfaces import Predictor
from fer_core.inference.predictor import Runtime, load_predictor
from fer_core.log_mel import compute_log_mel
from fer_core.types import Float32Array
from fer_core.workspace import Workspace

MIN_BASELINE_WINDOWS = 10
"""Windows of one person's speech from which on a baseline says something of that person's voice."""
_LEAST = 1e-6


class VoiceModel:
    """Reads the apparent expression of voices. Safe to call from several threads at once."""

    def __init__(self, predictor: Predictor) -> None:
        """Wrap a predictor of sound."""
        assert predictor.info.input.sound is not None
        self._predictor = predictor
        self.spec: SoundSpec = predictor.info.input.sound
        """How sound is prepared."""

    @property
    def info(self) -> CheckpointInfo:
        """The checkpoint that predicts."""
        return self._predictor.info

    @property
    def name(self) -> str:
        """What the model is called."""
        return self.info.name

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities."""
        return self.info.classes

    @property
    def window_s(self) -> float:
        """Seconds that a window shows; shorter ones are followed by silence."""
        return self.spec.window_s

    @property
    def sample_rate(self) -> int:
        """Samples a second that windows must have."""
        return self.spec.sample_rate

    @property
    def class_prior(self) -> tuple[float, ...] | None:
        """Share of each class in what it learnt, in class order; None if that was not recorded."""
        return self.info.class_prior

    def predict(
        self, windows: Sequence[Float32Array], *, baseline: npt.NDArray[np.float64] | None = None
    ) -> Float32Array:
        """Calibrated probabilities of each window, n x k.

        Args:
            windows: mono float samples in [-1, 1] at `sample_rate`, each at most `window_s` long.
            baseline: of the person who speaks, from `measure_baseline`: what this voice always sounds like
                is taken off.

        Raises:
            MediaError: a window is too long or has values that are not finite.
            CheckpointError: the model answers with something else than finite probabilities.
        """
        if not windows:
            return np.empty((0, len(self.classes)), np.float32)
        pictures = np.stack([compute_log_mel(np.asarray(item, np.float32), self.spec) for item in windows])
        found = self._predictor.predict_crops(pictures)
        return found if baseline is None else take_off(found, baseline, self.class_prior)

    def measure_baseline(self, windows: Sequence[Float32Array]) -> npt.NDArray[np.float64]:
        """Mean log probability of each class over one person's speech, k, whatever was expressed.

        Args:
            windows: as for `predict`, of one person, at least `MIN_BASELINE_WINDOWS`.

        Raises:
            ConfigError: there are fewer.
        """
        if len(windows) < MIN_BASELINE_WINDOWS:
            raise ConfigError(
                f"a baseline of {len(windows)} windows of speech; expected {MIN_BASELINE_WINDOWS} or more of "
                "one person"
            )
        return compute_baseline(self.predict(windows))


def compute_baseline(probabilities: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Mean log probability of each class, k, of one person's n x k probabilities."""
    baseline: npt.NDArray[np.float64] = np.log(np.maximum(probabilities, _LEAST), dtype=np.float64).mean(0)
    return baseline


def take_off(
    probabilities: npt.NDArray[np.floating],
    baseline: npt.NDArray[np.float64],
    prior: Sequence[float] | None = None,
) -> Float32Array:
    """Probabilities with a person's baseline taken off and the class prior put in its place, n x k."""
    shares = np.full(probabilities.shape[1], 1.0) if prior is None else np.maximum(prior, _LEAST)
    odds = np.log(np.maximum(probabilities, _LEAST)) - baseline + np.log(shares)
    powers = np.exp(odds - odds.max(axis=1, keepdims=True))
    result: Float32Array = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return result


def load_voice_model(
    reference: str | Path, workspace: Workspace | None = None, *, runtime: Runtime = "auto"
) -> VoiceModel:
    """Load a model of voices by onnxruntime or torch, as `fer_core.inference.predictor.load_predictor` does.

    Args:
        reference: a run's or model's name, a checkpoint's folder, or an exported .onnx file.
        workspace: where runs are; the default one, if not given.
        runtime: `onnx` for onnxruntime alone, `torch`, or what fits.

    Raises:
        CheckpointError: there is none, it is damaged, or it reads faces.
        ConfigError: the runtime is unknown.
    """
    where = workspace or Workspace.default()
    return VoiceModel(load_predictor(str(reference), where, device="cpu", runtime=runtime, kind="sound"))
