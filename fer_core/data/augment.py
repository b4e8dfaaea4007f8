"""Batched augmentation on the device that trains (kornia, mixup, cutmix): no per-image Python."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from fer_core.config import AugmentConfig
from fer_core.data.batches import match_channels, resize_batch
from fer_core.data.random_corruption import RandomCorruption


class BatchAugmenter(nn.Module):
    """Flip, rotate, scale, shift, crop, change light, spoil, erase: each image of a batch in its own way.

    Takes and gives float images N x C x H x W in [0, 1]. Randomness comes from torch's global generator.
    """

    def __init__(self, config: AugmentConfig) -> None:
        """Build the chain that `config` describes; parts whose strength is zero are left out."""
        super().__init__()
        from kornia import augmentation as K

        self.apply_probability = config.apply_probability
        parts: list[nn.Module] = []
        if config.flip_probability:
            parts.append(K.RandomHorizontalFlip(p=config.flip_probability))
        if config.rotation_deg or config.scale or config.shift:
            parts.append(
                K.RandomAffine(
                    degrees=config.rotation_deg,
                    translate=(config.shift, config.shift),
                    scale=(1 - config.scale, 1 + config.scale),
                    padding_mode="border",
                    p=1.0,
                )
            )
        if config.crop_fraction < 1 or config.crop_side_px:
            parts.append(_CropAndBack(config.crop_fraction, config.crop_side_px))
        if config.brightness:
            parts.append(K.RandomBrightness((1 - config.brightness, 1 + config.brightness), p=1.0))
        if config.contrast:
            parts.append(K.RandomContrast((1 - config.contrast, 1 + config.contrast), p=1.0))
        if config.randaugment_ops:
            parts.append(_RandAugment(config.randaugment_ops, config.randaugment_magnitude))
        if config.degrade_probability:
            parts.append(RandomCorruption(config.degrade_probability))
        if config.erasing_probability:
            parts.append(K.RandomErasing(scale=(0.02, 0.2), ratio=(0.4, 2.5), p=config.erasing_probability))
        self.chain = nn.Sequential(*parts)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Return the changed images, same shape, in [0, 1]."""
        changed: Tensor = self.chain(images).clamp(0, 1)
        if self.apply_probability < 1:
            drawn = torch.rand(len(images), device=images.device) < self.apply_probability
            changed = torch.where(drawn.view(-1, 1, 1, 1), changed, images)
        return changed


class _CropAndBack(nn.Module):
    """Cut out a random part of the same shape and resize it back, perhaps by way of a small size."""

    def __init__(self, fraction: float, side_px: int) -> None:
        super().__init__()
        self.fraction, self.side_px = fraction, side_px

    def forward(self, images: Tensor) -> Tensor:
        from kornia.augmentation import RandomResizedCrop

        height, width = images.shape[2:]
        small = (self.side_px, self.side_px) if self.side_px else (height, width)
        aspect = width / height
        # `resample` cuts the whole batch in one operation; the default goes image by image.
        crop = RandomResizedCrop(
            small,
            scale=(self.fraction, 1.0),
            ratio=(aspect, aspect),
            cropping_mode="resample",
            align_corners=False,
        )
        return resize_batch(crop(images), (height, width))


class _RandAugment(nn.Module):
    """RandAugment (Cubuk et al., 2020) without inverting and recolouring, which grey faces never show."""

    # Name, magnitude at strength 0, magnitude at strength 30. kornia goes from one to the other in a straight
    # line, so factors begin at 1: from 0.1, as in its default, a mild strength would only ever darken.
    _POLICY: Final[list[list[tuple[str, float, float | None]]]] = [
        [("auto_contrast", 0, 1)],
        [("equalize", 0, 1)],
        [("posterize", 4.0, 8.0)],
        [("contrast", 1.0, 1.9)],
        [("brightness", 1.0, 1.9)],
        [("sharpness", 0.0, 1.9)],
        [("rotate", -30.0, 30.0)],
        [("shear_x", -0.3, 0.3)],
        [("shear_y", -0.3, 0.3)],
        [("translate_x", -0.1, 0.1)],
        [("translate_y", -0.1, 0.1)],
    ]

    def __init__(self, num_ops: int, magnitude: int) -> None:
        super().__init__()
        from kornia.augmentation.auto import RandAugment

        self.operations = RandAugment(n=num_ops, m=magnitude, policy=self._POLICY)

    def forward(self, images: Tensor) -> Tensor:
        channels = images.shape[1]
        changed: Tensor = self.operations(match_channels(images, 3).contiguous().clamp(0, 1))
        # Grey stays grey under every operation, so any channel would do; the mean keeps rounding even.
        return changed if channels == 3 else changed.mean(dim=1, keepdim=True)


@dataclass(frozen=True, slots=True)
class Mix:
    """A mixed batch."""

    images: Tensor
    """N x C x H x W."""
    partner: Tensor | None = None
    """Index of each image's partner, N; None if nothing was mixed."""
    weight: float = 1.0
    """Share of an image's own target in the loss; its partner's target has the rest."""


def mix_batch(images: Tensor, config: AugmentConfig) -> Mix:
    """Mix the images of a batch with each other, or not, as chance has it.

    Mixup (Zhang et al., 2018) blends whole images, the larger weight staying with the image itself; cutmix
    (Yun et al., 2019) pastes one rectangle, the same for all of the batch.
    """
    if not (config.mixup_alpha or config.cutmix_alpha) or float(torch.rand(())) >= config.mixup_probability:
        return Mix(images)
    use_cutmix = bool(config.cutmix_alpha)
    if use_cutmix and config.mixup_alpha:
        use_cutmix = float(torch.rand(())) < 0.5
    alpha = torch.tensor(config.cutmix_alpha if use_cutmix else config.mixup_alpha)
    weight = float(torch.distributions.Beta(alpha, alpha).sample())
    weight = max(weight, 1 - weight)
    partner = torch.randperm(len(images)).to(images.device)
    if not use_cutmix:
        return Mix(weight * images + (1 - weight) * images[partner], partner, weight)
    top, bottom, left, right = _draw_rectangle(images.shape[2], images.shape[3], 1 - weight)
    mixed = images.clone()
    mixed[:, :, top:bottom, left:right] = images[partner, :, top:bottom, left:right]
    pasted = (bottom - top) * (right - left) / (images.shape[2] * images.shape[3])
    return Mix(mixed, partner, 1 - pasted)


def _draw_rectangle(height: int, width: int, area: float) -> tuple[int, int, int, int]:
    """Edges (top, bottom, left, right) in pixels of a rectangle of about `area`, cut off at the border."""
    half_height, half_width = height * area**0.5 / 2, width * area**0.5 / 2
    row, column = float(torch.rand(())) * height, float(torch.rand(())) * width
    top, bottom = round(max(0, row - half_height)), round(min(height, row + half_height))
    left, right = round(max(0, column - half_width)), round(min(width, column + half_width))
    return top, bottom, left, right
