"""The course of the learning rate."""

import dataclasses
import math
from dataclasses import dataclass
from typing import NamedTuple

from fer_core.config import OptimizerConfig


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
