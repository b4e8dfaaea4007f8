"""Augmentation of sound on its pictures: each change does what it would do to the sound."""

import numpy as np
import pytest
import torch

from fer_core.checkpoint import SoundSpec
from fer_core.config import SoundConfig
from fer_core.data.augment_sound import SoundAugmenter
from fer_core.log_mel import compute_log_mel
from tests.voices import make_sound

SPEC = SoundSpec(window_s=1.0)
OFF = {
    "speed": 0.0,
    "shift": 0.0,
    "noise_probability": 0.0,
    "tilt_db": 0.0,
    "time_mask": 0.0,
    "band_mask": 0.0,
}


def _picture(**options):
    pixels = compute_log_mel(make_sound(1.0, **options), SPEC)
    return torch.from_numpy(pixels.astype(np.float32) / 255)[None, None]


def _tone(hz):
    samples = 0.5 * np.sin(2 * np.pi * hz * np.arange(SPEC.num_samples) / SPEC.sample_rate)
    pixels = compute_log_mel(samples.astype(np.float32), SPEC)
    return torch.from_numpy(pixels.astype(np.float32) / 255)[None, None]


def _augment(images, **changes):
    torch.manual_seed(0)
    return SoundAugmenter(SoundConfig(**{**OFF, **changes}), SPEC)(images)


def test_without_changes_pictures_stay_as_they_are():
    images = _picture()
    assert torch.equal(_augment(images), images)


@pytest.mark.parametrize("name", OFF)
def test_every_change_changes_voices_each_in_its_own_way(name):
    images = _picture().expand(8, -1, -1, -1)
    changed = _augment(images, **{name: {"tilt_db": 20.0, "noise_probability": 1.0}.get(name, 0.5)})
    assert changed.shape == images.shape and changed.min() >= 0 and changed.max() <= 1
    assert not torch.equal(changed[0], changed[1]) and not torch.equal(changed, images)


@pytest.mark.parametrize("name", ["speed", "shift", "tilt_db", "noise_probability"])
def test_silence_stays_silent(name):
    silence = torch.zeros(4, 1, 64, 100)
    changed = _augment(silence, **{name: 1.0 if name == "noise_probability" else 0.5})
    assert changed.mean() < 0.02 and changed.max() < 0.1


@pytest.mark.parametrize("seed", [1, 2])
def test_faster_sound_is_higher(seed):
    augmenter = SoundAugmenter(SoundConfig(**{**OFF, "speed": 0.5}), SPEC)
    torch.manual_seed(seed)
    speed = 1 + 0.5 * (2 * float(torch.rand(1)) - 1)
    torch.manual_seed(seed)
    moved = augmenter(_tone(1000))[0, 0, :, 45:55].mean(dim=1)
    expected = _tone(1000 * speed)[0, 0, :, 45:55].mean(dim=1)
    assert abs(speed - 1) > 0.01
    assert abs(int(moved.argmax()) - int(expected.argmax())) <= 1


def test_noise_is_softer_than_the_voice():
    images = _picture().expand(64, -1, -1, -1)
    changed = _augment(images, noise_probability=1.0)
    power = 10 ** ((changed - 1) * SPEC.floor_db / 10)
    before = 10 ** ((images - 1) * SPEC.floor_db / 10)
    assert power.mean() == pytest.approx(float(before.mean()), rel=0.05)  # one level, noise included
    quiet = images < images.quantile(0.1)
    assert (changed - images)[quiet].mean() > 0.02
