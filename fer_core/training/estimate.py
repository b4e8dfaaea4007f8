"""How long a training will take and how much memory it needs: measured in a few real steps, nothing kept."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import nn

from fer_core.config import TrainConfig
from fer_core.data.batches import shuffle_for_epoch
from fer_core.data.builtin import open_dataset
from fer_core.errors import ConfigError
from fer_core.evaluation.scoring import compute_logits
from fer_core.models import count_parameters
from fer_core.training.device import set_threads
from fer_core.training.ema import build_average
from fer_core.training.gradients import GradientLog
from fer_core.training.optim import build_optimizer
from fer_core.training.schedule import compute_lr_factor
from fer_core.training.task import Task, prepare_task
from fer_core.training.train_step import StepTaker
from fer_core.workspace import Workspace

_NUM_WARM_UP: Final[int] = 3
"""First steps are slow: memory is taken, kernels are chosen."""
_FEWEST_MEASURED: Final[int] = 3
_BUDGET_S: Final[float] = 20.0
"""Slow steps are measured for no longer than this."""
_VALID_IMAGES: Final[int] = 512

ProgressCallback = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a training will cost on this machine as busy as it is now."""

    seconds_per_step: float
    """Median over the measured steps."""
    seconds_per_epoch: float
    """All steps and the validation."""
    total_seconds: float
    """All epochs, without an early stop."""
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
) -> Estimate:
    """Take a few real steps of a configuration on its data set, and validate a part of the validation split.

    No run is made. The built-in data set is drawn if it was not yet, as for a training.

    Args:
        config: the settings.
        workspace: where the data set is.
        num_measured: steps to time, at least 3; fewer are taken where they are slow.
        on_progress: told (steps done, steps in all).

    Raises:
        FerError: the configuration does not work on this data set or machine; the same that a training says.
    """
    if num_measured < _FEWEST_MEASURED:
        raise ConfigError(f"can't estimate from {num_measured} steps; expected {_FEWEST_MEASURED} or more")
    task = prepare_task(config, open_dataset(config.data.dataset, workspace), workspace, is_resumed=True)
    set_threads(config.threads)
    AcceleratorState._reset_state()
    accelerator = Accelerator(mixed_precision=task.precision)
    try:
        step_s, model = _time_steps(task, accelerator, num_measured, on_progress)
        valid_s = _time_validation(task, accelerator, model)
    finally:
        accelerator.free_memory()
    num_steps = len(task.train) // config.batch_size
    median = float(np.median(step_s))
    epoch_s = num_steps * median + valid_s
    return Estimate(
        seconds_per_step=median,
        seconds_per_epoch=epoch_s,
        total_seconds=config.epochs * epoch_s,
        images_per_s=config.batch_size / median,
        peak_memory_mb=_measure_memory_mb(accelerator.device),
        num_parameters=count_parameters(task.model),
        num_steps=num_steps,
        num_measured=len(step_s),
        device=str(accelerator.device),
        precision={"no": "fp32"}.get(task.precision, task.precision),
    )


def _time_steps(
    task: Task, accelerator: Accelerator, num_measured: int, on_progress: ProgressCallback | None
) -> tuple[list[float], nn.Module]:
    """Seconds of each measured step, and the network that is validated."""
    config = task.config
    raw_model = task.model.to(accelerator.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = accelerator.prepare(
        build_optimizer(raw_model.layer_groups(), config.optimizer, layer_decay=config.transfer.layer_decay)
    )
    model: nn.Module = accelerator.prepare_model(raw_model)
    steps = StepTaker(task, accelerator, optimizer)
    if config.log.gradients:
        steps.on_gradients.append(GradientLog(raw_model).observe)
    per_epoch = len(task.train) // config.batch_size
    ema = build_average(raw_model, config, config.epochs * per_epoch)
    total = _NUM_WARM_UP + num_measured
    seconds: list[float] = []
    model.train()
    for number in range(total):
        started = time.monotonic()
        epoch, step = number // per_epoch + 1, number % per_epoch
        order = shuffle_for_epoch(len(task.train), seed=config.seed, epoch=epoch)
        picked = order[step * config.batch_size : (step + 1) * config.batch_size]
        factor = compute_lr_factor(
            number, config.epochs * per_epoch, config.optimizer, steps_per_epoch=per_epoch
        )
        result = steps.take(model, epoch, step, picked, config.optimizer.learning_rate * factor)
        if ema is not None:
            ema.update_parameters(raw_model)
        float(result.loss)  # waits for the device
        seconds.append(time.monotonic() - started)
        if on_progress is not None:
            on_progress(number + 1, total)
        if number + 1 >= _NUM_WARM_UP + _FEWEST_MEASURED and sum(seconds) > _BUDGET_S:
            break
    return seconds[_NUM_WARM_UP:], raw_model if ema is None else ema.module


def _time_validation(task: Task, accelerator: Accelerator, model: nn.Module) -> float:
    """Seconds that scoring the whole validation split takes, from a part of it."""
    started = time.monotonic()
    rows = task.valid.indices[:_VALID_IMAGES]
    compute_logits(
        model, task.dataset.images, rows, task.spec, device=accelerator.device, autocast=accelerator.autocast
    )
    return (time.monotonic() - started) * len(task.valid) / len(rows)


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
