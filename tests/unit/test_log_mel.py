"""The log-mel picture: tones where they belong, one level for all, and what is refused."""

import numpy as np
import pytest

from fer_core.checkpoint import SoundSpec
from fer_core.errors import CheckpointError, MediaError
from fer_core.log_mel import compute_log_mel, measure_level
from tests.voices import make_sound

SPEC = SoundSpec(window_s=1.0)


def _tone(hz, amplitude=0.5):
    time = np.arange(SPEC.num_samples) / SPEC.sample_rate
    return (amplitude * np.sin(2 * np.pi * hz * time)).astype(np.float32)


def _center_hz(band):
    """Centre of a band counted from the lowest, by HTK's formula."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (SPEC.low_hz, SPEC.high_hz))
    return 700 * (10 ** ((low + (band + 1) * (high - low) / (SPEC.num_bands + 1)) / 2595) - 1)


@pytest.mark.parametrize("band", [5, 20, 40, 60])
def test_a_tone_is_in_its_band(band):
    picture = compute_log_mel(_tone(_center_hz(band)), SPEC)
    assert picture.shape == (64, 100) and picture.dtype == np.uint8
    assert picture[:, 50].argmax() == 63 - band  # the highest band first


def test_every_window_has_one_level():
    # A tone has a root mean square 3.01 dB below its peak: brought to -14 dB it has a power of -10.99 dB.
    expected = 255 * (1 - 10.99 / SPEC.floor_db)
    for amplitude in (0.9, 0.01):
        picture = compute_log_mel(_tone(_center_hz(30), amplitude), SPEC)
        assert picture[33, 20:80].mean() == pytest.approx(expected, abs=4)
    loud, soft = (compute_log_mel(make_sound(1.0, gain=gain), SPEC).astype(int) for gain in (0.4, 0.04))
    assert np.abs(loud - soft).max() <= 2


def test_silence_and_short_sounds_are_black():
    assert not compute_log_mel(np.zeros(0, np.float32), SPEC).any()
    assert not compute_log_mel(np.full(16_000, 1e-6, np.float32), SPEC).any()
    picture = compute_log_mel(make_sound(0.5), SPEC)
    assert picture[:, :45].any() and not picture[:, 55:].any()
    assert measure_level(np.zeros(9, np.float32)) == -120 and measure_level(np.ones(9, np.float32)) == 0


@pytest.mark.parametrize(
    "samples", [np.zeros(16_001, np.float32), np.full(9, np.nan, np.float32), np.zeros((2, 9), np.float32)]
)
def test_what_is_no_window_is_refused(samples):
    with pytest.raises(MediaError, match="expected at most 16,000 finite samples"):
        compute_log_mel(samples, SPEC)


@pytest.mark.parametrize("field", [{"window_s": 9.0}, {"frame": 10}, {"high_hz": 9000.0}, {"num_bands": 2}])
def test_a_description_out_of_range_is_refused(field):
    with pytest.raises(CheckpointError, match=f"input.sound.{next(iter(field))}"):
        SoundSpec(**field)
