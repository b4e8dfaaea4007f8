"""Averages of the weights over the steps: exponential, or even over the end of the run."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from fer_core.config import TrainConfig


def build_average(model: nn.Module, config: TrainConfig, num_steps: int) -> AveragedModel | None:
    """An average of `model`, its normalisation statistics too, that follows `update_parameters(model)`.

    The decay starts low, at (1 + n) / (10 + n) after n updates, so that short runs are not held back by
    their random beginning (as in TensorFlow's ExponentialMovingAverage). Over the last `swa_fraction` of
    the run every step counts the same (Izmailov et al., 2018, average once per epoch).

    Args:
        model: what is averaged.
        config: `ema_decay` and `swa_fraction`; None is returned if both are off.
        num_steps: of the whole run.
    """
    if not config.ema_decay and not config.swa_fraction:
        return None
    first_even = round((1 - config.swa_fraction) * num_steps)
    return AveragedModel(model, multi_avg_fn=_make_average(config.ema_decay, first_even), use_buffers=True)


def _make_average(decay: float, first_even: int) -> Callable[[Any, Any, Any], None]:
    @torch.no_grad()
    def average(kept: list[Tensor], current: list[Tensor], num_averaged: Tensor | int) -> None:
        count = int(num_averaged)
        if count < first_even:
            weight = 1 - min(decay, (1 + count) / (10 + count))
        else:
            weight = 1 / (count - first_even + 1)
        if kept[0].is_floating_point():
            torch._foreach_lerp_(kept, current, weight)
        else:  # counters, such as num_batches_tracked
            for target, source in zip(kept, current, strict=True):
                target.copy_(source)

    return average
