"""Optimisers and the course of the learning rate."""

import math

from torch import nn, optim

from fer_core.config import OptimizerConfig


def build_optimizer(model: nn.Module, config: OptimizerConfig) -> optim.Optimizer:
    """Build the optimiser; vectors and scalars (biases, normalisation) are spared the weight decay."""
    decayed = [item for item in model.parameters() if item.requires_grad and item.ndim > 1]
    spared = [item for item in model.parameters() if item.requires_grad and item.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": spared, "weight_decay": 0.0},
    ]
    if config.name == "adamw":
        return optim.AdamW(groups, lr=config.learning_rate)
    return optim.SGD(groups, lr=config.learning_rate, momentum=config.momentum, nesterov=config.momentum > 0)


def compute_lr_factor(step: int, num_steps: int, config: OptimizerConfig) -> float:
    """Learning rate of a step as a fraction of the peak.

    `one_cycle` (Smith, 2018) rises from 1/25 and falls to nearly nothing, both along half a cosine; `cosine`
    rises linearly from zero and falls along half a cosine (Loshchilov and Hutter, 2017); `constant` is 1.

    Args:
        step: 0 to num_steps - 1.
        num_steps: steps of the whole run.
        config: names the schedule and the share of the run that rises.
    """
    if config.schedule == "constant":
        return 1.0
    position = step / max(1, num_steps - 1)
    warmup = config.warmup_fraction
    if position < warmup:
        rise = position / warmup
        if config.schedule == "cosine":
            return rise
        return _half_cosine(1 / 25, 1.0, rise)
    fall = (position - warmup) / (1 - warmup)
    return _half_cosine(1.0, 1e-4 if config.schedule == "one_cycle" else 0.0, fall)


def _half_cosine(start: float, end: float, position: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * position)) / 2


def set_learning_rate(optimizer: optim.Optimizer, value: float) -> None:
    """Set the learning rate of every group."""
    for group in optimizer.param_groups:
        group["lr"] = value
