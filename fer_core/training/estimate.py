"""How long a training will take and how much memory it needs: measured in a few real steps, nothing kept."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch

from fer_core.config import TrainConfig
from fer_core.errors import ConfigError
from fer_core.evaluation.scoring import compute_logits
from fer_core.models import count_parameters
from fer_core.training.checks import check_settings
from fer_core.training.gradients import GradientLog
from fer_core.training.setup import TrainingSetup
from fer_core.training.task import load_task
from fer_core.training.train_step import choose_scale
from fer_core.workspace import Workspace

_NUM_WARM_UP: Final[int] = 3
"""First steps are slow: memory is taken, kernels are chosen."""
_FEWEST_MEASURED: Final[int] = 3
_BUDGET_S: Final[float] = 20.0
"""Slow steps are measured for no longer than this."""
_VALID_IMAGES: Final[int] = 512
_ASKED_BATCHES: Final[int] = 3

ProgressCallback = Callable[[int, int], None]
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a training will cost on this machine as busy as it is now."""

    seconds_per_step: float
    """Median over the measured steps; where layers are frozen at first, its mean over all epochs."""
    seconds_per_epoch: float
    """All steps and the validation."""
    seconds_before: float
    """Until the first step: teachers that answer once, to the original pictures."""
    total_seconds: float
    """All epochs, without an early stop, and what comes before."""
    images_per_s: float
    """Training images per second."""
    peak_memory_mb: float
    """Most memory (10^6 bytes) that was in use: of the device, or of the process where that is the CPU."""
    num_parameters: int
    """Trained parameters."""
    num_steps: int
    """Steps an epoch."""
    num_measured: int
    """Steps that were timed."""
    device: str
    """For example `cuda:0` or `cpu`."""
    precision: str
    """Arithmetic: fp32, bf16 or fp16."""


def estimate_training(
    config: TrainConfig,
    workspace: Workspace,
    *,
    num_measured: int = 10,
    on_progress: ProgressCallback | None = None,
    clock: Clock = time.monotonic,
) -> Estimate:
    """Take a few real steps of a configuration on its data set, and validate a part of the validation split.

    No run is made. The built-in data set is drawn if it was not yet, as for a training.

    Args:
        config: the settings.
        workspace: where the data set is.
        num_measured: steps to time, at least 3; fewer are taken where they are slow.
        on_progress: told (steps done, steps in all).
        clock: what tells the seconds; with `time.process_time` all figures are processor time.

    Raises:
        FerError: the configuration does not work on this data set or machine; the same that a training says.
    """
    if num_measured < _FEWEST_MEASURED:
        raise ConfigError(f"can't estimate from {num_measured} steps; expected {_FEWEST_MEASURED} or more")
    check_settings(config, workspace)
    task = load_task(config, workspace, is_resumed=True)  # weights to start from cost no time in a step
    setup = TrainingSetup(task)
    if config.log.gradients:
        setup.train_step.on_gradients.append(GradientLog(setup.model).observe)
    epochs = _choose_epochs(setup)
    steps_each = _NUM_WARM_UP + num_measured
    measured: list[list[float]] = []
    try:
        before_s = _time_asking(setup, clock)
        for epoch in epochs:

            def show(taken: int) -> None:
                if on_progress is not None:
                    on_progress(len(measured) * steps_each + taken, len(epochs) * steps_each)

            measured.append(_time_steps(setup, epoch, num_measured, _BUDGET_S / len(epochs), show, clock))
        valid_s = _time_validation(setup, clock)
    finally:
        setup.release()
    step_s = _mean_over_epochs(setup, epochs, [float(np.median(item)) for item in measured])
    epoch_s = setup.num_steps * step_s + valid_s
    return Estimate(
        seconds_per_step=step_s,
        seconds_per_epoch=epoch_s,
        seconds_before=before_s,
        total_seconds=before_s + config.epochs * epoch_s,
        images_per_s=config.batch_size / step_s,
        peak_memory_mb=_measure_memory_mb(setup.device),
        num_parameters=count_parameters(task.model),
        num_steps=setup.num_steps,
        num_measured=sum(map(len, measured)),
        device=str(setup.device),
        precision={"no": "fp32"}.get(task.precision, task.precision),
    )


def _time_asking(setup: TrainingSetup, clock: Clock) -> float:
    """Seconds that teachers take who are asked before the first step, from a few of their answers."""
    num_questions = setup.train_step.num_questions
    times_s = [clock()]
    setup.train_step.ask_teachers(num_batches=_ASKED_BATCHES, on_progress=lambda *_: times_s.append(clock()))
    return num_questions * min(np.diff(times_s), default=0.0)


def _choose_epochs(setup: TrainingSetup) -> list[int]:
    """The first epoch, and the last too where it takes more work."""
    last = setup.config.epochs
    return [1] if _weigh(setup, 1) == _weigh(setup, last) else [1, last]


def _weigh(setup: TrainingSetup, epoch: int) -> float:
    """The work of a step of an epoch: the layers that learn, and the area of the images."""
    return setup.count_thawed(epoch) * choose_scale(epoch, setup.config) ** 2


def _time_steps(
    setup: TrainingSetup,
    epoch: int,
    num_measured: int,
    budget_s: float,
    on_step: Callable[[int], None],
    clock: Clock,
) -> list[float]:
    """Seconds of each measured step of an epoch; a short one begins anew."""
    setup.begin_epoch(epoch)
    seconds: list[float] = []
    for number in range(_NUM_WARM_UP + num_measured):
        started = clock()
        step = number % setup.num_steps
        result = setup.take_step(epoch, step, setup.compute_learning_rate(epoch, step))
        float(result.loss)  # waits for the device
        seconds.append(clock() - started)
        on_step(number + 1)
        if number + 1 >= _NUM_WARM_UP + _FEWEST_MEASURED and sum(seconds) > budget_s:
            break
    return seconds[_NUM_WARM_UP:]


def _mean_over_epochs(setup: TrainingSetup, epochs: list[int], step_s: list[float]) -> float:
    """Mean seconds of a step over a run, of which some epochs are known: others by their work."""
    known = [_weigh(setup, epoch) for epoch in epochs]
    wanted = [_weigh(setup, epoch) for epoch in range(1, setup.config.epochs + 1)]
    return float(np.mean(np.interp(wanted, known, step_s)))


def _time_validation(setup: TrainingSetup, clock: Clock) -> float:
    """Seconds that scoring the whole validation split takes, from a part of it."""
    started = clock()
    task = setup.task
    rows = task.valid.indices[:_VALID_IMAGES]
    compute_logits(
        setup.model_to_keep,
        task.dataset.images,
        rows,
        task.spec,
        device=setup.device,
        autocast=setup.accelerator.autocast,
    )
    return (clock() - started) * len(task.valid) / len(rows)


def _measure_memory_mb(device: torch.device) -> float:
    """Peak memory of the device, or of this process on a CPU, in 10^6 bytes."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: its peak is that of whoever started this process, if that was larger.
        peaks = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        if peaks:
            return int(peaks[0].split()[1]) * 1024 / 1e6
    import psutil

    memory = psutil.Process().memory_info()
    return float(getattr(memory, "peak_wset", memory.rss)) / 1e6
