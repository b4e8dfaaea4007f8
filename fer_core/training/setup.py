"""One set-up for all that takes training steps: the training itself, the learning-rate test, the estimate."""

import logging
import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import psutil
import torch
from accelerate import Accelerator, PartialState
from accelerate.state import AcceleratorState
from accelerate.utils import parse_flag_from_env
from torch import nn, optim
from torch.nn.modules.batchnorm import _BatchNorm

from fer_core.config import TransferConfig
from fer_core.data.batches import draw_balanced_order, shuffle_for_epoch
from fer_core.machine import count_cores
from fer_core.models import FerModel
from fer_core.training.optim import build_average, build_optimizer, compute_lr_factor
from fer_core.training.task import Task
from fer_core.training.train_step import StepResult, TrainStep

_LOG = logging.getLogger(__name__)


class TrainingSetup:
    """Device, precision, network, optimiser, average, frozen layers and order of images of one task.

    `begin_epoch` comes before the first `take_step` of each epoch, and `train_step.ask_teachers` before all.
    """

    def __init__(self, task: Task, *, tracker: str = "none") -> None:
        """Set up for the calling process. Nothing is trained yet, but the task's network is used up.

        Args:
            task: what is learned from what.
            tracker: of accelerate, or `none`.
        """
        self.task, self.config = task, task.config
        config = self.config
        set_threads(config.threads)
        _set_determinism(config.deterministic)
        # accelerate keeps its precision for the life of the process; a notebook trains more than once.
        AcceleratorState._reset_state()
        self.accelerator = Accelerator(
            mixed_precision=task.precision, log_with=None if tracker == "none" else tracker
        )
        self.device: torch.device = self.accelerator.device
        model = task.model.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if self.device.type == "cuda" and self.accelerator.num_processes > 1:
            model = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
        self.model: FerModel = model
        """The network whose weights learn."""
        self.layer_groups = self.model.layer_groups()
        optimizer = build_optimizer(
            self.layer_groups, config.optimizer, layer_decay=config.transfer.layer_decay
        )
        self.optimizer: optim.Optimizer = self.accelerator.prepare(optimizer)
        self.num_steps = (len(task.train) + task.num_replayed) // config.batch_size
        """Steps of an epoch."""
        self.ema = build_average(self.model, config, config.epochs * self.num_steps)
        self.train_step = TrainStep(task, self.accelerator, self.optimizer)
        self._wrapped: nn.Module | None = None
        """What computes gradients: the network, wrapped where several processes share the work."""
        self._order: npt.NDArray[np.int64] = np.empty(0, np.int64)

    @property
    def model_to_keep(self) -> nn.Module:
        """The network that is validated and saved: the average where there is one."""
        return self.model if self.ema is None else self.ema.module

    def begin_epoch(self, epoch: int, *, frozen_as_in: int | None = None) -> None:
        """Order the images of an epoch, freeze what does not learn in it, and go into training mode.

        Args:
            epoch: counts from 1.
            frozen_as_in: freeze what does not learn in this epoch instead.
        """
        self._order = self._draw_order(epoch)
        num_thawed = self.count_thawed(frozen_as_in or epoch)
        changed = set_thawed_groups(self.layer_groups, num_thawed)
        if changed:
            _LOG.info("epoch %d: %d of %d layer groups learn", epoch, num_thawed, len(self.layer_groups))
        if self._wrapped is None or changed:
            # Wrapped anew: the wrapper that averages gradients only knows parameters that learned when it
            # was made.
            self.accelerator._models.clear()
            self._wrapped = self.accelerator.prepare_model(self.model)
        self._wrapped.train()
        hold_frozen_statistics(self._wrapped)

    def count_thawed(self, epoch: int) -> int:
        """How many layer groups learn in an epoch."""
        return count_thawed_groups(epoch, len(self.layer_groups), self.config.transfer)

    def take_step(self, epoch: int, step: int, learning_rate: float) -> StepResult:
        """Learn from the images of a step, which counts from 0, and bring the average up to date.

        Raises:
            ConfigError: as `TrainStep.run`.
        """
        assert self._wrapped is not None, "begin_epoch comes first"
        assert not self.train_step.num_questions, "ask_teachers comes first"
        picked = self._order[step * self.config.batch_size : (step + 1) * self.config.batch_size]
        result = self.train_step.run(self._wrapped, epoch, step, picked, learning_rate)
        if self.ema is not None:
            self.ema.update_parameters(self.model)
        return result

    def compute_learning_rate(self, epoch: int, step: int) -> float:
        """Learning rate of a step by the schedule, without the cuts of `plateau`."""
        config = self.config
        factor = compute_lr_factor(
            (epoch - 1) * self.num_steps + step,
            config.epochs * self.num_steps,
            config.optimizer,
            steps_per_epoch=self.num_steps,
        )
        return config.optimizer.learning_rate * factor

    def release(self) -> None:
        """Free what the device holds; no step can be taken any more."""
        self.optimizer.zero_grad()
        self._wrapped = None
        self.accelerator.free_memory()

    def _draw_order(self, epoch: int) -> npt.NDArray[np.int64]:
        """Numbers of training images in the order of an epoch, the same in every process."""
        task, seed = self.task, self.config.seed
        if self.config.data.sampling == "balanced":
            own = draw_balanced_order(task.train.labels, seed=seed, epoch=epoch)
        else:
            own = shuffle_for_epoch(len(task.train), seed=seed, epoch=epoch)
        if task.replay is None:
            return own
        again = shuffle_for_epoch(len(task.replay[1]), seed=seed, epoch=epoch)[: task.num_replayed]
        mixed = np.concatenate([own, len(task.train) + again])
        return mixed[shuffle_for_epoch(len(mixed), seed=seed, epoch=epoch)]


def count_thawed_groups(epoch: int, num_groups: int, config: TransferConfig) -> int:
    """Number of layer groups, counted from the head, that learn in `epoch` (which counts from 1).

    Gradual unfreezing as in Howard and Ruder (2018): the head alone first, then one more group at a time.
    """
    if epoch <= config.freeze_epochs:
        return 1
    if not config.freeze_epochs or not config.thaw_every:
        return num_groups
    return min(num_groups, 2 + (epoch - config.freeze_epochs - 1) // config.thaw_every)


def set_thawed_groups(layer_groups: Sequence[Sequence[nn.Parameter]], num_thawed: int) -> bool:
    """Let the last `num_thawed` groups learn and no others; tell whether that changed anything."""
    changed = False
    for depth, group in enumerate(reversed(layer_groups)):
        learns = depth < num_thawed
        for parameter in group:
            changed |= parameter.requires_grad != learns
            parameter.requires_grad_(learns)
            if not learns:
                parameter.grad = None
    return changed


def hold_frozen_statistics(model: nn.Module) -> None:
    """Keep frozen batch normalisation at its stored statistics; call after `model.train()`."""
    for module in model.modules():
        if isinstance(module, _BatchNorm) and not any(item.requires_grad for item in module.parameters()):
            module.eval()


def set_threads(requested: int) -> int:
    """Set the number of threads of one operation.

    0 takes the physical cores that this process may use, `OMP_NUM_THREADS` of them where that is set.
    """
    usable = count_cores()
    cores = min(psutil.cpu_count(logical=False) or usable, usable)
    if hasattr(psutil.Process, "cpu_affinity"):  # of Windows, too
        cores = min(cores, len(psutil.Process().cpu_affinity()))
    allowed = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if allowed.isdecimal():
        cores = max(1, min(cores, int(allowed)))
    threads = requested or cores
    torch.set_num_threads(threads)
    return threads


def _set_determinism(wanted: bool) -> None:
    """Choose between the fastest algorithms and those that repeat bit for bit."""
    if wanted:
        # cuBLAS reads this when it starts; without it some of its products may differ from run to run.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(wanted, warn_only=True)
    torch.backends.cudnn.benchmark = not wanted


def join_processes() -> None:
    """Meet the other processes of this training, before anything asks accelerate for its device.

    Without a GPU it has to be told so: otherwise each process takes itself for the only one.
    """
    is_shared = int(os.environ.get("WORLD_SIZE", "1")) > 1
    PartialState(
        cpu=parse_flag_from_env("ACCELERATE_USE_CPU") or (is_shared and not torch.accelerator.is_available())
    )
