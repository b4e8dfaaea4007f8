"""Learning-rate range test (Smith, 2017): raise the rate and see where the loss falls fastest."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fer_core.errors import ConfigError
from fer_core.training.setup import TrainingSetup
from fer_core.training.task import Task

_SMOOTHING: Final[float] = 0.9
_DIVERGED: Final[float] = 3.0
"""The test ends when the smoothed loss is this many times the best one."""
_FEWEST_STEPS: Final[int] = 20


@dataclass(frozen=True, slots=True)
class RateTest:
    """What a range test saw."""

    rates: npt.NDArray[np.float64]
    """Learning rate of each step, rising; S of them."""
    losses: npt.NDArray[np.float64]
    """Smoothed training loss at each, S."""
    suggestion: float
    """Rate at which the loss fell fastest: a good peak for `one_cycle` or `cosine`."""


def run_rate_test(
    task: Task,
    *,
    num_steps: int = 100,
    lowest: float = 1e-5,
    highest: float = 3.0,
    on_progress: Callable[[int, int], None] | None = None,
) -> RateTest:
    """Train for a few steps at rising learning rates. Nothing is written, but the task's network is used up.

    All but the rate is as in a training; layers that are frozen in its first epoch are so in every step.

    Args:
        task: as `prepare_task` makes it; its schedule is not used.
        num_steps: most steps to take, at least 20.
        lowest: rate of the first step, more than 0.
        highest: rate that the last step would have, more than `lowest`.
        on_progress: told (steps done, steps in all). Batches about which teachers are asked before count.

    Raises:
        ConfigError: the range or the number of steps does not work.
    """
    if num_steps < _FEWEST_STEPS or not 0 < lowest < highest:
        raise ConfigError(
            f"can't test {num_steps} learning rates from {lowest:g} to {highest:g}; expected at least "
            f"{_FEWEST_STEPS} steps, from a rate above 0 to a higher one"
        )
    setup = TrainingSetup(task)
    rates = np.geomspace(lowest, highest, num_steps)
    losses: list[float] = []
    average, best = 0.0, math.inf
    num_asked = setup.train_step.num_questions

    def tell(done: int) -> None:
        if on_progress is not None:
            on_progress(done, num_asked + num_steps)

    try:
        setup.train_step.ask_teachers(on_progress=lambda done, _: tell(done))
        for number, rate in enumerate(rates):
            epoch, step = number // setup.num_steps + 1, number % setup.num_steps
            if step == 0:
                # A layer that began to learn on the way would bend the curve.
                setup.begin_epoch(epoch, frozen_as_in=1)
            loss = float(setup.take_step(epoch, step, float(rate)).loss)
            average = _SMOOTHING * average + (1 - _SMOOTHING) * loss
            smooth = average / (1 - _SMOOTHING ** (number + 1))
            if not math.isfinite(smooth) or (number > 10 and smooth > _DIVERGED * best):
                break
            best = min(best, smooth)
            losses.append(smooth)
            tell(num_asked + number + 1)
    finally:
        setup.release()
    seen = np.asarray(losses)
    return RateTest(rates[: len(seen)], seen, suggest_rate(rates[: len(seen)], seen))


def suggest_rate(rates: npt.NDArray[np.float64], losses: npt.NDArray[np.float64]) -> float:
    """The rate at which the loss falls fastest over the logarithm of the rate.

    Args:
        rates: S rising learning rates.
        losses: S smoothed losses.

    Raises:
        ConfigError: fewer than 10 losses, as when the first steps diverge already.
    """
    if len(losses) < 10:
        raise ConfigError(
            f"the loss diverged after {len(losses)} steps, before a slope could be seen; begin the test at a "
            "lower learning rate"
        )
    # The first steps are noise, and the last belong to the divergence.
    first, last = 5, max(6, len(losses) - 5)
    slopes = np.gradient(losses, np.log(rates))[first:last]
    return float(rates[first:last][slopes.argmin()])
