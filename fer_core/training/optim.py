"""What moves the weights: optimisers, SAM, the course of the learning rate, and averages of the weights."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn, optim
from torch.optim.swa_utils import AveragedModel

from fer_core.config import OptimizerConfig, TrainConfig

LR_SCALE = "lr_scale"
"""Key of a parameter group: its learning rate as a multiple of the schedule's."""


def build_optimizer(
    layer_groups: Sequence[Sequence[nn.Parameter]], config: OptimizerConfig, *, layer_decay: float = 1.0
) -> optim.Optimizer:
    """Build the optimiser; vectors and scalars (biases, normalisation) are spared the weight decay.

    Args:
        layer_groups: all parameters, from the input to the head.
        config: which optimiser, with which settings.
        layer_decay: factor of the learning rate for every group further from the head, in (0, 1].
    """
    if layer_decay == 1:
        layer_groups = [[item for group in layer_groups for item in group]]
    groups = []
    for depth, parameters in enumerate(reversed(layer_groups)):
        decayed = [item for item in parameters if item.ndim > 1]
        spared = [item for item in parameters if item.ndim <= 1]
        for members, decay in ((decayed, config.weight_decay), (spared, 0.0)):
            if members:
                groups.append({"params": members, "weight_decay": decay, LR_SCALE: layer_decay**depth})
    if config.name == "adamw":
        return optim.AdamW(groups, lr=config.learning_rate)
    return optim.SGD(groups, lr=config.learning_rate, momentum=config.momentum, nesterov=config.momentum > 0)


def set_learning_rate(optimizer: optim.Optimizer, value: float) -> None:
    """Set the learning rate of every group to `value` times the group's own scale."""
    for group in optimizer.param_groups:
        group["lr"] = value * group[LR_SCALE]


@contextmanager
def sam_perturbation(parameters: Sequence[nn.Parameter], rho: float) -> Iterator[None]:
    """Within it, weights are moved by `rho` up their gradient: half of a SAM step (Foret et al., 2021).

    Gradients are cleared on entering, so that those made within are of the worst point nearby; on leaving,
    the weights are put back exactly.
    """
    moved: list[Tensor] = [item for item in parameters if item.grad is not None]
    gradients = [item.grad for item in moved if item.grad is not None]
    before = [item.detach().clone() for item in moved]
    norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    with torch.no_grad():
        torch._foreach_add_(moved, gradients, alpha=float(rho / (norm + 1e-12)))
    for item in moved:
        item.grad = None
    try:
        yield
    finally:
        with torch.no_grad():
            torch._foreach_copy_(moved, before)


class CyclePosition(NamedTuple):
    """Where a step, or an epoch, lies among the cycles of a run."""

    cycle: int
    """Counts from 0."""
    place: int
    """Within the cycle, from 0."""
    length: int
    """Of the cycle."""


def locate_in_cycle(index: int, length: int, num_cycles: int) -> CyclePosition:
    """Find the cycle of a step or an epoch; cycles are as equally long as whole numbers allow.

    Args:
        index: 0 to length - 1, within the run.
        length: of the run.
        num_cycles: cycles of the run.
    """
    cycle = index * num_cycles // length
    first, following = (-(-number * length // num_cycles) for number in (cycle, cycle + 1))
    return CyclePosition(cycle, index - first, following - first)


def compute_lr_factor(
    step: int, num_steps: int, config: OptimizerConfig, *, steps_per_epoch: int | None = None
) -> float:
    """Learning rate of a step as a fraction of the peak.

    `one_cycle` (Smith, 2018) rises from 1/25 and falls to nearly nothing, both along half a cosine; `cosine`
    rises linearly from zero and falls along half a cosine (Loshchilov and Hutter, 2017); `step` and `plateau`
    rise linearly, then stay, `step` with a cut every `step_epochs` epochs; `constant` is 1. The cuts of
    `plateau` depend on scores: see `PlateauState`. The first two may begin again within a run (warm restarts,
    Loshchilov and Hutter, 2017), each time from a lower peak.

    Args:
        step: 0 to num_steps - 1.
        num_steps: steps of the whole run.
        config: names the schedule and the share of the run that rises.
        steps_per_epoch: needed by `step` alone; all of the run if not given.
    """
    if config.schedule == "constant":
        return 1.0
    where = locate_in_cycle(step, num_steps, config.cycles)
    position = where.place / max(1, where.length - 1)
    peak = config.cycle_factor**where.cycle
    warmup = config.warmup_fraction
    rise = position / warmup if position < warmup else 1.0
    if config.schedule == "plateau":
        return rise
    if config.schedule == "step":
        num_cuts = step // (steps_per_epoch or num_steps) // config.step_epochs
        return rise * config.step_factor**num_cuts
    if rise < 1:
        return peak * (rise if config.schedule == "cosine" else _half_cosine(1 / 25, 1.0, rise))
    fall = (position - warmup) / (1 - warmup)
    return peak * _half_cosine(1.0, 1e-4 if config.schedule == "one_cycle" else 0.0, fall)


def _half_cosine(start: float, end: float, position: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * position)) / 2


@dataclass(frozen=True, slots=True)
class PlateauState:
    """What the `plateau` schedule remembers between epochs. Scores: higher is better."""

    factor: float = 1.0
    """Product of the cuts so far."""
    best_score: float = float("-inf")
    epochs_without_gain: int = 0

    def after(self, score: float, config: OptimizerConfig) -> "PlateauState":
        """The state after an epoch's score; unchanged for other schedules. A NaN score is never better."""
        if config.schedule != "plateau":
            return self
        if score > self.best_score:
            return PlateauState(self.factor, score, 0)
        waited = self.epochs_without_gain + 1
        if waited < config.plateau_patience:
            return dataclasses.replace(self, epochs_without_gain=waited)
        return PlateauState(self.factor * config.step_factor, self.best_score, 0)


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
