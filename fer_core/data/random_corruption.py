"""Random webcam-like corruptions for training: blur, noise, low resolution, darkness. Runs on the device.

Each image draws its own strength, up to about the middle severity of `fer_core.evaluation.corruptions`.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_MAX_BLUR = 0.04
"""Largest sigma, as a share of the image's side."""
_MAX_NOISE = 0.1
"""Largest standard deviation of values in [0, 1]."""
_SMALLEST_SCALE = 0.3
"""Lowest resolution, as a share of the side."""
_LEAST_LIGHT = 0.15
"""Smallest remaining share of brightness or contrast."""


class RandomCorruption(nn.Module):
    """Corrupt some images of a batch, each in one way."""

    def __init__(self, probability: float) -> None:
        """`probability`: the chance that an image is corrupted, 0 to 1."""
        super().__init__()
        self.probability = probability
        self.ways: tuple[Callable[[Tensor], Tensor], ...] = (
            blur_images,
            add_noise,
            lower_resolution,
            darken_images,
            lower_contrast,
        )

    def forward(self, images: Tensor) -> Tensor:
        """N x C x H x W in [0, 1] to the same."""
        corrupted = images.clone()
        draw = torch.rand(len(images), device=images.device) / max(self.probability, 1e-9)
        way = (draw * len(self.ways)).long()  # len(ways) and more: the image stays clean
        for number, change in enumerate(self.ways):
            chosen = (way == number).nonzero().flatten()
            if len(chosen):
                corrupted[chosen] = change(images[chosen]).clamp(0, 1)
        return corrupted


def _draw(images: Tensor, low: float, high: float) -> Tensor:
    """One number per image, N x 1 x 1 x 1."""
    return torch.empty(len(images), 1, 1, 1, device=images.device).uniform_(low, high)


def blur_images(images: Tensor) -> Tensor:
    """Gaussian blur with one sigma per image."""
    count, channels, height, width = images.shape
    largest = _MAX_BLUR * width
    radius = min(math.ceil(2.5 * largest), min(height, width) - 1)
    sigma = _draw(images, 0.2 * largest, largest).view(count, 1)
    offsets = torch.arange(-radius, radius + 1, device=images.device)
    line = torch.exp(-0.5 * (offsets / sigma) ** 2)
    line = (line / line.sum(dim=1, keepdim=True)).repeat_interleave(channels, dim=0)
    # Every channel of every image is a separate group, so that each has its own kernel.
    flat = images.reshape(1, count * channels, height, width)
    flat = F.pad(flat, (radius,) * 4, mode="replicate")
    flat = F.conv2d(flat, line[:, None, None, :], groups=count * channels)
    flat = F.conv2d(flat, line[:, None, :, None], groups=count * channels)
    return flat.view(count, channels, height, width)


def add_noise(images: Tensor) -> Tensor:
    """Add Gaussian noise with one standard deviation per image."""
    return images + torch.randn_like(images) * _draw(images, 0.1 * _MAX_NOISE, _MAX_NOISE)


def lower_resolution(images: Tensor) -> Tensor:
    """Shrink the images and enlarge them again, all by one scale."""
    height, width = images.shape[2:]
    scale = float(torch.empty(()).uniform_(_SMALLEST_SCALE, 0.8))
    small = max(1, round(height * scale)), max(1, round(width * scale))
    tiny = F.interpolate(images, size=small, mode="bilinear", antialias=True, align_corners=False)
    return F.interpolate(tiny, size=(height, width), mode="bilinear", align_corners=False)


def darken_images(images: Tensor) -> Tensor:
    """Lower the brightness of each image."""
    return images * _draw(images, _LEAST_LIGHT, 0.7)


def lower_contrast(images: Tensor) -> Tensor:
    """Pull all values towards the image's mean."""
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (images - mean) * _draw(images, _LEAST_LIGHT, 0.7)
