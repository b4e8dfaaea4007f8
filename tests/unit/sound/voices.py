"""Made voices and a made model of them, for tests."""

from collections.abc import Sequence

import numpy as np

from fer_core.types import Float32Array

_VOWELS = np.array(
    [(730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410)]
)
"""Formants in Hz (Peterson and Barney, 1952)."""
_SYLLABLE_S = 0.19


def speak(seconds: float, rate: int = 16_000, seed: int = 0) -> Float32Array:
    """What Silero's detector takes for speech: a buzz through moving formants, and hiss between syllables."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(seconds * rate)) / rate
    edges = np.arange(0, seconds + 0.5, _SYLLABLE_S)
    vowels = _VOWELS[rng.integers(0, len(_VOWELS), len(edges))]
    formants = [np.interp(times, edges, vowels[:, place]) for place in range(3)]
    pitch = 130 * (1 + 0.12 * np.sin(2 * np.pi * 0.6 * times) + 0.03 * np.sin(2 * np.pi * 2.3 * times))
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    voice = np.zeros(len(times))
    for harmonic in range(1, 45):
        hz = harmonic * pitch
        parts = zip((1, 0.5, 0.25), formants, (60, 90, 120), strict=True)
        gain = sum(level / (1 + ((hz - formant) / width) ** 2) for level, formant, width in parts)
        voice += gain * np.sin(harmonic * phase) * (hz < 7_500)
    place = times / _SYLLABLE_S % 1
    hiss = 0.025 * np.diff(rng.normal(0, 1, len(times)), prepend=0) * (place < 0.2)
    sound = voice / np.abs(voice).max() * np.clip(1.6 * np.sin(np.pi * place), 0.08, 1) + hiss
    return np.asarray(0.4 * sound / np.abs(sound).max(), np.float32)


class Loudness:
    """Calls a voice loud or quiet: wrong for people, but a test can foresee it."""

    name = "loudness"
    classes = ("quiet", "loud")
    class_prior = (0.5, 0.5)
    window_s = 2.0
    sample_rate = 16_000

    def predict(self, windows: Sequence[Float32Array]) -> Float32Array:
        levels = np.array([np.sqrt(np.mean(np.square(window))) for window in windows])
        loud = np.clip(levels / 0.1, 0.05, 0.95)
        return np.stack([1 - loud, loud], axis=1).astype(np.float32)
