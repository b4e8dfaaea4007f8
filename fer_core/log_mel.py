"""From sound to the picture that a model of voices takes: its log-mel spectrogram. Needs NumPy alone.

The one place where it is computed: importers, training and prediction see the same pixels.
"""

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from fer_core.checkpoint import SoundSpec
from fer_core.errors import MediaError
from fer_core.types import Float32Array, UInt8Array

_MOST_GAIN_DB: Final[float] = 40.0
"""A window is amplified by this at most: what is softer is silence, not a voice far away."""
_ACTIVE_SHARE: Final[float] = 0.01
"""Of the loudest frame's power, from which on a frame counts: pauses must not make a voice louder."""
_LEAST_POWER: Final[float] = 1e-12


def compute_log_mel(samples: Float32Array, spec: SoundSpec) -> UInt8Array:
    """The log-mel picture of one window.

    Args:
        samples: mono in [-1, 1] at `spec.sample_rate`, at most `spec.num_samples`; a shorter stretch is
            followed by silence.
        spec: bands, columns, range and level.

    Returns:
        `num_bands` x `num_frames`, the highest band first.

    Raises:
        MediaError: it is longer, not one-dimensional, or has values that are not finite.
    """
    if samples.ndim != 1 or len(samples) > spec.num_samples or not np.isfinite(samples).all():
        raise MediaError(
            f"sound of shape {samples.shape}; expected at most {spec.num_samples:,} finite samples, mono"
        )
    padded = np.zeros(spec.num_samples + spec.frame - spec.hop, np.float32)
    start = (spec.frame - spec.hop) // 2  # columns are centred on their hop
    padded[start : start + len(samples)] = samples
    window, bands, size = _prepare(spec)
    raw = np.lib.stride_tricks.sliding_window_view(padded, spec.frame)[:: spec.hop]
    frames = raw * window
    spectrum = np.fft.rfft(frames, n=size, axis=1)
    power = (spectrum.real**2 + spectrum.imag**2) @ bands
    decibels = 10 * np.log10(np.maximum(power, _LEAST_POWER)) + _find_gain(raw, spec)
    values = np.clip(1 + decibels / np.float32(spec.floor_db), 0, 1)
    return np.ascontiguousarray(np.rint(values * 255).astype(np.uint8).T[::-1])


def measure_level(samples: Float32Array) -> float:
    """Root mean square of [-1, 1] samples in decibels of full scale; -120 for silence."""
    power = float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0
    return 10 * float(np.log10(max(power, _LEAST_POWER)))


def _find_gain(frames: Float32Array, spec: SoundSpec) -> np.float32:
    """Decibels that bring the mean power of the frames that are not silent to the wanted level."""
    power = np.einsum("tn,tn->t", frames, frames) / np.float32(spec.frame)
    active = power[power >= _ACTIVE_SHARE * power.max()]
    return np.float32(
        min(spec.level_db - 10 * np.log10(max(float(active.mean()), _LEAST_POWER)), _MOST_GAIN_DB)
    )


@lru_cache(maxsize=8)
def _prepare(spec: SoundSpec) -> tuple[Float32Array, Float32Array, int]:
    """Hann window (a full-scale tone has power 1), triangular filters, length of the transform."""
    window = np.hanning(spec.frame + 1)[:-1]
    size = 2 ** int(np.ceil(np.log2(spec.frame)))
    frequencies = np.fft.rfftfreq(size, 1 / spec.sample_rate)
    # A tone spreads over so many of these frequencies (the window's noise bandwidth).
    spread = np.square(window).sum() / window.sum() ** 2 * size
    scale = 2 / window.sum() / spread**0.5
    return (window * scale).astype(np.float32), _build_bands(spec, frequencies), size


def _build_bands(spec: SoundSpec, frequencies: npt.NDArray[np.floating]) -> Float32Array:
    """Triangles evenly spaced in mel, as in HTK (2595 log10(1 + f / 700)); frequencies x bands."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (spec.low_hz, spec.high_hz))
    edges = 700 * (10 ** (np.linspace(low, high, spec.num_bands + 2) / 2595) - 1)
    left, peak, right = edges[:-2], edges[1:-1], edges[2:]
    column = frequencies[:, None]
    rising, falling = (column - left) / (peak - left), (right - column) / (right - peak)
    bands: Float32Array = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    return bands
