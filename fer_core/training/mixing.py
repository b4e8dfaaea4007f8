"""Mixup and cutmix: pairs of images in one, with the loss shared between their targets."""

from dataclasses import dataclass

import torch
from torch import Tensor

from fer_core.config import AugmentConfig, TrainConfig
from fer_core.training.schedule import locate_in_cycle


@dataclass(frozen=True, slots=True)
class Mix:
    """A mixed batch."""

    images: Tensor
    """N x C x H x W."""
    partner: Tensor | None = None
    """Index of each image's partner, N; None if nothing was mixed."""
    weight: float = 1.0
    """Share of an image's own target in the loss; its partner's target has the rest."""


def is_epoch_mixed(epoch: int, config: TrainConfig) -> bool:
    """Whether batches may be mixed in an epoch, counted from 1: not in the last ones of a cycle."""
    where = locate_in_cycle(epoch - 1, config.epochs, config.optimizer.cycles)
    return where.place < config.augment.mixup_until * where.length


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
