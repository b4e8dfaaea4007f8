"""Augmentation of sound, on its log-mel pictures: a batch at a time, on the device that trains.

What a waveform would be changed by can be said of the picture: speed moves it along both axes, noise adds
power, a microphone adds decibels. So nothing is decoded again, and no audio library is needed. Loudness is
not changed: every window is brought to one level (`fer_core.log_mel`).
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fer_core.checkpoint import SoundSpec
from fer_core.config import SoundConfig

_SNR_DB = (5.0, 30.0)
"""Of noise under a voice."""
_NOISE_TILT_DB = 20.0
"""From a hum to a hiss."""
_NUM_MASKS = 2


class SoundAugmenter(nn.Module):
    """Speed, shift, noise, tilt and masks: each picture of a batch in its own way.

    Takes and gives floats N x 1 x bands x columns in [0, 1]. Randomness comes from torch's global generator.
    """

    def __init__(self, config: SoundConfig, spec: SoundSpec) -> None:
        """Augment pictures that `spec` describes."""
        super().__init__()
        self.config, self.spec = config, spec

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Return the changed pictures, same shape, in [0, 1]."""
        config = self.config
        if config.speed or config.shift:
            images = self._move(images)
        if config.tilt_db:
            images = self._tilt(images)
        if config.noise_probability:
            images = self._add_noise(images)
        for axis, share in ((3, config.time_mask), (2, config.band_mask)):
            if share:
                images = _mask(images, axis, share)
        return images.clamp(0, 1)

    def _move(self, images: Tensor) -> Tensor:
        """Speed r: column t comes from r t, and frequency f from f / r."""
        count, _, height, width = images.shape
        speed = 1 + self.config.speed * _draw(images, count)
        columns = torch.linspace(-1, 1, width, device=images.device)
        x = columns * speed[:, None] + 2 * self.config.shift * _draw(images, count)[:, None]
        # What comes from beyond the highest or lowest band is as loud as that band.
        y = _locate_bands(self.spec, speed, height).clamp(-1, 1)
        grid = torch.stack((x[:, None].expand(-1, height, -1), y[:, :, None].expand(-1, -1, width)), dim=3)
        return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=True)

    def _tilt(self, images: Tensor) -> Tensor:
        slope = self.config.tilt_db / self.spec.floor_db * _draw(images, len(images))
        ramp = torch.linspace(-0.5, 0.5, images.shape[2], device=images.device)
        change = (slope[:, None] * ramp).view(len(images), 1, -1, 1)
        return torch.where(images > 0, images + change, images)  # silence stays silent

    def _add_noise(self, images: Tensor) -> Tensor:
        drawn = torch.rand(len(images), device=images.device) < self.config.noise_probability
        return images.index_put((drawn,), self._make_noisy(images[drawn]))

    def _make_noisy(self, images: Tensor) -> Tensor:
        count, floor = len(images), self.spec.floor_db
        power = 10 ** ((images - 1) * (floor / 10))
        low, high = _SNR_DB
        distance = low + (high - low) * torch.rand(count, 1, 1, 1, device=images.device)
        ramp = torch.linspace(-0.5, 0.5, images.shape[2], device=images.device).view(1, 1, -1, 1)
        color = 10 ** (_NOISE_TILT_DB * _draw(images, count).view(-1, 1, 1, 1) * ramp / 10)
        # The power of a band of noise wavers about its mean.
        wavering = -torch.rand(images.shape, device=images.device).clamp_min(1e-6).log()
        noise = color / color.mean(dim=2, keepdim=True) * wavering
        share = 10 ** (-distance / 10)
        noisy = (power + noise * power.mean(dim=(1, 2, 3), keepdim=True) * share) / (1 + share)
        return 1 + 10 * noisy.clamp_min(1e-12).log10() / floor


def _draw(images: Tensor, count: int) -> Tensor:
    """Evenly from -1 to 1."""
    return 2 * torch.rand(count, device=images.device) - 1


def _locate_bands(spec: SoundSpec, speed: Tensor, height: int) -> Tensor:
    """Where each band of the faster sound comes from, as rows in [-1, 1]; speeds x bands."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (spec.low_hz, spec.high_hz))
    step = (high - low) / (height + 1)
    mels = torch.linspace(high - step, low + step, height, device=speed.device)  # the highest first
    hz = 700 * (10 ** (mels / 2595) - 1)
    sources = 2595 * torch.log10(1 + hz / speed[:, None] / 700)
    rows: Tensor = 2 * (high - step - sources) / ((height - 1) * step) - 1
    return rows


def _mask(images: Tensor, axis: int, share: float) -> Tensor:
    """Blank two stretches of each picture with the mean of the batch."""
    size, count = images.shape[axis], len(images)
    lengths = torch.rand(count, _NUM_MASKS, 1, device=images.device) * share * size
    starts = torch.rand(count, _NUM_MASKS, 1, device=images.device) * (size - lengths)
    places = torch.arange(size, device=images.device)
    hit = ((places >= starts) & (places < starts + lengths)).any(dim=1)
    shape = (count, 1, 1, size) if axis == 3 else (count, 1, size, 1)
    return torch.where(hit.view(shape), images.mean(), images)
