"""The course of the learning rate."""

import dataclasses
import math
from dataclasses import dataclass

from fer_core.config import OptimizerConfig


def compute_lr_factor(
    step: int, num_steps: int, config: OptimizerConfig, *, steps_per_epoch: int | None = None
) -> float:
    """Learning rate of a step as a fraction of the peak.

    `one_cycle` (Smith, 2018) rises from 1/25 and falls to nearly nothing, both along half a cosine; `cosine`
    rises linearly from zero and falls along half a cosine (Loshchilov and Hutter, 2017); `step` and `plateau`
    rise linearly, then stay, `step` with a cut every `step_epochs` epochs; `constant` is 1. The cuts of
    `plateau` depend on scores: see `PlateauState`.

    Args:
        step: 0 to num_steps - 1.
        num_steps: steps of the whole run.
        config: names the schedule and the share of the run that rises.
        steps_per_epoch: needed by `step` alone; all of the run if not given.
    """
    if config.schedule == "constant":
        return 1.0
    position = step / max(1, num_steps - 1)
    warmup = config.warmup_fraction
    rise = position / warmup if position < warmup else 1.0
    if config.schedule == "plateau":
        return rise
    if config.schedule == "step":
        num_cuts = step // (steps_per_epoch or num_steps) // config.step_epochs
        return rise * config.step_factor**num_cuts
    if rise < 1:
        return rise if config.schedule == "cosine" else _half_cosine(1 / 25, 1.0, rise)
    fall = (position - warmup) / (1 - warmup)
    return _half_cosine(1.0, 1e-4 if config.schedule == "one_cycle" else 0.0, fall)


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
