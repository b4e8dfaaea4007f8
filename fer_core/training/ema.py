"""Exponential moving average of the weights."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def build_ema(model: nn.Module, decay: float) -> AveragedModel:
    """An average of `model`, its normalisation statistics too, that follows `update_parameters(model)`.

    The decay starts low, at (1 + n) / (10 + n) after n updates, so that short runs are not held back by
    their random beginning (as in TensorFlow's ExponentialMovingAverage).
    """
    return AveragedModel(model, multi_avg_fn=_make_average(decay), use_buffers=True)


def _make_average(decay: float) -> Callable[[Any, Any, Any], None]:
    @torch.no_grad()
    def average(kept: list[Tensor], current: list[Tensor], num_averaged: Tensor | int) -> None:
        count = int(num_averaged)
        weight = 1 - min(decay, (1 + count) / (10 + count))
        if kept[0].is_floating_point():
            torch._foreach_lerp_(kept, current, weight)
        else:  # counters, such as num_batches_tracked
            for target, source in zip(kept, current, strict=True):
                target.copy_(source)

    return average
