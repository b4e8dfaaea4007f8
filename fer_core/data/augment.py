"""Batched augmentation on the device that trains (kornia): no per-image Python."""

import torch
from torch import Tensor, nn

from fer_core.config import AugmentConfig


class BatchAugmenter(nn.Module):
    """Flip, rotate, scale, shift, change light, erase: each image of a batch in its own way.

    Takes and gives float images N x C x H x W in [0, 1]. Randomness comes from torch's global generator.
    """

    def __init__(self, config: AugmentConfig) -> None:
        """Build the chain that `config` describes; parts whose strength is zero are left out."""
        super().__init__()
        from kornia import augmentation as K

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
        if config.brightness:
            parts.append(K.RandomBrightness((1 - config.brightness, 1 + config.brightness), p=1.0))
        if config.contrast:
            parts.append(K.RandomContrast((1 - config.contrast, 1 + config.contrast), p=1.0))
        if config.erasing_probability:
            parts.append(K.RandomErasing(scale=(0.02, 0.2), ratio=(0.4, 2.5), p=config.erasing_probability))
        self.chain = nn.Sequential(*parts)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Return the changed images, same shape, in [0, 1]."""
        changed: Tensor = self.chain(images)
        return changed.clamp(0, 1)
