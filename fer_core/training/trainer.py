"""The training loop, on accelerate.

All randomness of a step is a function of (seed, epoch, step), so a run that is stopped and resumed takes the
same steps as one that never stopped. With several processes every one runs this loop on its share of each
batch; only the first writes.
"""

import logging
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import gather_object
from torch import nn, optim

from fer_core.config import config_to_dict
from fer_core.data.batches import draw_balanced_order, shuffle_for_epoch
from fer_core.errors import ConfigError
from fer_core.evaluation.comparison import flatten
from fer_core.evaluation.scores import compute_scores
from fer_core.evaluation.scoring import compute_logits, compute_probabilities
from fer_core.runs.records import EpochRecord
from fer_core.runs.run_files import LAST_FOLDER, STATE_FILE
from fer_core.runs.writer import RunWriter
from fer_core.training.device import set_threads
from fer_core.training.early_stopping import StopState
from fer_core.training.ema import build_average
from fer_core.training.freezing import count_thawed_groups, hold_frozen_statistics, set_thawed_groups
from fer_core.training.optim import build_optimizer
from fer_core.training.recording import RunRecorder
from fer_core.training.schedule import compute_lr_factor
from fer_core.training.state import Progress, load_state
from fer_core.training.task import Task
from fer_core.training.trackers import select_scores
from fer_core.training.train_step import StepResult, StepTaker

_LOG = logging.getLogger(__name__)

_READ_EVERY: Final[int] = 10
"""Steps between two looks at the loss on a GPU: each look waits for all that is under way there."""


class Observer(Protocol):
    """Told how a run goes on, for progress bars."""

    def on_step(self, epoch: int, step: int, num_steps: int, loss: float) -> None:
        """After each step; epoch and step count from 1. `loss` is the epoch's mean so far."""

    def on_epoch(self, record: EpochRecord) -> None:
        """After each epoch, with the record that went into metrics.jsonl."""


class Trainer:
    """Trains one task and writes its run folder."""

    def __init__(self, task: Task, writer: RunWriter, *, observer: Observer | None = None) -> None:
        """Set up devices, precision, optimiser and average. Nothing is trained yet.

        Args:
            task: what is learned from what.
            writer: the run folder; processes other than the first only read it.
            observer: told how the run goes on, in the first process.
        """
        self.task, self.config, self.writer = task, task.config, writer
        set_threads(self.config.threads)
        _set_determinism(self.config.deterministic)
        # accelerate keeps its precision for the life of the process; a notebook trains more than once.
        AcceleratorState._reset_state()
        tracker = self.config.log.tracker
        self.accelerator = Accelerator(
            mixed_precision=task.precision, log_with=None if tracker == "none" else tracker
        )
        self.is_main: bool = self.accelerator.is_main_process
        self.observer = observer if self.is_main else None
        self.device: torch.device = self.accelerator.device
        model = task.model.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if self.device.type == "cuda" and self.accelerator.num_processes > 1:
            model = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
        self.raw_model = model
        self.layer_groups = model.layer_groups()
        optimizer = build_optimizer(
            self.layer_groups, self.config.optimizer, layer_decay=self.config.transfer.layer_decay
        )
        self.optimizer: optim.Optimizer = self.accelerator.prepare(optimizer)
        self.model: nn.Module | None = None
        """What computes gradients: the network, wrapped where several processes share the work."""
        self.steps = StepTaker(task, self.accelerator, self.optimizer)
        self.recorder = RunRecorder(task, writer, model) if self.is_main else None
        if self.recorder is not None:
            self.steps.on_gradients += self.recorder.list_gradient_hooks()
        self._is_tracking = False
        self.num_steps = len(task.train) // self.config.batch_size
        self.ema = build_average(model, self.config, self.config.epochs * self.num_steps)
        self.progress = Progress()
        self.learning_rate = 0.0
        self.stop_requested = False
        self._pending: list[StepResult] = []
        self._started = time.monotonic()
        self._steps_this_time = 0

    def request_stop(self) -> None:
        """Finish the step, save, and end in state `stopped`. Safe to call from a signal handler."""
        self.stop_requested = True

    def resume(self) -> None:
        """Continue from the run folder's last saved state.

        Raises:
            RunError: there is none, or it does not fit.
        """
        path = self.writer.folder / LAST_FOLDER / STATE_FILE
        self.progress = load_state(path, self.raw_model, self.ema, self.optimizer)
        if self.is_main:
            self.writer.truncate_records(self.progress.epoch)
        _LOG.info("resumed after epoch %d, step %d", self.progress.epoch, self.progress.step)

    def run(self) -> str:
        """Train to the end, to an early stop or to a requested one; return the final state.

        An exception ends the run in state `failed`, with its message in status.json, and goes on up. What
        the device holds is freed either way.
        """
        handler = self.writer.open_log() if self.is_main else logging.NullHandler()
        logger = logging.getLogger("fer_core")
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            self._open_trackers()
            self._announce("running")
            self._train_epochs()
            state = "stopped" if self.stop_requested else "finished"
            self._announce(state, eta_s=None)
            _LOG.info("%s after epoch %d", state, self.progress.epoch)
            return state
        except BaseException as error:
            _LOG.exception("run failed")
            self._announce("failed", message=f"{type(error).__name__}: {error}", eta_s=None)
            raise
        finally:
            self._close_trackers()
            logger.removeHandler(handler)
            handler.close()
            self.optimizer.zero_grad()
            self.model = None
            self.accelerator.free_memory()

    def _open_trackers(self) -> None:
        if self.recorder is not None:
            self.recorder.open_events(self.progress.epoch)
        if self.config.log.tracker != "none":
            self.accelerator.init_trackers("fer-workbench", flatten(config_to_dict(self.config)))
            self._is_tracking = True

    def _close_trackers(self) -> None:
        if self.recorder is not None:
            self.recorder.close_events()
        if self._is_tracking:  # not where it failed to begin: that error is the one to tell
            self.accelerator.end_training()

    def _train_epochs(self) -> None:
        while self.progress.epoch < self.config.epochs:
            if self.progress.stop.should_stop(self.config.early_stopping):
                _LOG.info("early stop: no better score since epoch %d", self.progress.stop.best_epoch)
                return
            started = time.monotonic()
            first_step = self.progress.step
            if not self._train_one_epoch():
                self._save_last()
                return
            num_images = (self.num_steps - first_step) * self.config.batch_size
            train_seconds = time.monotonic() - started
            probabilities = self._validate()
            self._finish_epoch(probabilities, num_images / train_seconds, time.monotonic() - started)

    def _train_one_epoch(self) -> bool:
        """Take the steps of an epoch; False if a stop was requested before its end."""
        epoch = self.progress.epoch + 1
        order = self._order(epoch)
        model = self._prepare_model(epoch)
        batch_size = self.config.batch_size
        for step in range(self.progress.step, self.num_steps):
            if self._must_stop():
                return False
            picked = order[step * batch_size : (step + 1) * batch_size]
            self.learning_rate = self._compute_learning_rate(epoch, step)
            if step == self.num_steps - 1:
                self.steps.on_gradients.append(self._write_gradient_histograms)
            self._pending.append(self.steps.take(model, epoch, step, picked, self.learning_rate))
            if self.ema is not None:
                self.ema.update_parameters(self.raw_model)
            self._steps_this_time += 1
            self.progress = replace(self.progress, step=step + 1)
            if self.device.type == "cpu" or step % _READ_EVERY == 0 or step == self.num_steps - 1:
                self._read_results()
            self._beat()
        return True

    def _write_gradient_histograms(self) -> None:
        """Once: takes itself out of the hooks."""
        self.steps.on_gradients.remove(self._write_gradient_histograms)
        if self.recorder is not None:
            self.recorder.write_gradient_histograms(self.progress.epoch + 1)

    def _order(self, epoch: int) -> npt.NDArray[np.int64]:
        """Numbers of training images in the order of an epoch, the same in every process."""
        seed = self.config.seed
        if self.config.data.sampling == "balanced":
            return draw_balanced_order(self.task.train.labels, seed=seed, epoch=epoch)
        return shuffle_for_epoch(len(self.task.train), seed=seed, epoch=epoch)

    def _prepare_model(self, epoch: int) -> nn.Module:
        """Thaw the layers that learn in this epoch and put the network into training mode."""
        num_thawed = count_thawed_groups(epoch, len(self.layer_groups), self.config.transfer)
        changed = set_thawed_groups(self.layer_groups, num_thawed)
        if changed:
            _LOG.info("epoch %d: %d of %d layer groups learn", epoch, num_thawed, len(self.layer_groups))
        if self.model is None or changed:
            # Wrapped anew: the wrapper that averages gradients only knows parameters that learned when it
            # was made.
            self.accelerator._models.clear()
            self.model = self.accelerator.prepare_model(self.raw_model)
        model: nn.Module = self.model
        model.train()
        hold_frozen_statistics(model)
        return model

    def _must_stop(self) -> bool:
        """Whether a stop was requested, of any process: all must end after the same step."""
        if self.accelerator.num_processes > 1:
            flag = torch.tensor(float(self.stop_requested), device=self.device)
            self.stop_requested = bool(self.accelerator.reduce(flag, "sum") > 0)
        return self.stop_requested

    def _compute_learning_rate(self, epoch: int, step: int) -> float:
        config = self.config
        factor = compute_lr_factor(
            (epoch - 1) * self.num_steps + step,
            config.epochs * self.num_steps,
            config.optimizer,
            steps_per_epoch=self.num_steps,
        )
        return config.optimizer.learning_rate * factor * self.progress.plateau.factor

    def _read_results(self) -> None:
        """Add the results of the last steps to the progress, which waits for the device."""
        if not self._pending:
            return
        for result in self._pending:
            loss = float(result.loss)
            if not np.isfinite(loss):
                raise ConfigError(
                    f"the loss became {loss} in epoch {self.progress.epoch + 1}, by step "
                    f"{self.progress.step}; lower optimizer.learning_rate "
                    f"(now {self.config.optimizer.learning_rate:g})"
                )
            self.progress = replace(
                self.progress,
                loss_sum=self.progress.loss_sum + loss,
                num_correct=self.progress.num_correct + int(result.num_correct),
            )
        self._pending.clear()
        if self.observer is not None:
            step = self.progress.step
            mean_loss = self.progress.loss_sum / step
            self.observer.on_step(self.progress.epoch + 1, step, self.num_steps, mean_loss)

    def _beat(self) -> None:
        """Tell the run folder that this process lives, if the last time is long enough ago."""
        if self.is_main:
            self.writer.beat("stopping" if self.stop_requested else "running", **self._facts())

    def _validate(self) -> npt.NDArray[np.float64]:
        """Probabilities of all validation images, M x K, in every process; each computes its share."""
        autocast: Callable[[], AbstractContextManager[object]] = self.accelerator.autocast
        task, rank, num_processes = (
            self.task,
            self.accelerator.process_index,
            self.accelerator.num_processes,
        )
        logits = compute_logits(
            self._model_to_keep(),
            task.dataset.images,
            task.valid.indices[rank::num_processes],
            task.spec,
            device=self.device,
            autocast=autocast,
        )
        if num_processes > 1:
            parts = gather_object([logits])
            logits = np.empty((len(task.valid), logits.shape[1]), logits.dtype)
            for number, part in enumerate(parts):
                logits[number::num_processes] = part
        return compute_probabilities(logits)

    def _model_to_keep(self) -> nn.Module:
        """The network that is validated and saved: the average where there is one."""
        return self.raw_model if self.ema is None else self.ema.module

    def _finish_epoch(
        self, probabilities: npt.NDArray[np.float64], images_per_s: float, seconds: float
    ) -> None:
        epoch = self.progress.epoch + 1
        scores = compute_scores(self.task.valid.labels, probabilities, self.task.dataset.info.classes)
        monitored = {
            "accuracy": scores.accuracy,
            "macro_f1": scores.macro_f1,
            "loss": -scores.log_loss,
        }[self.config.monitor]
        stop = self.progress.stop.after(epoch, monitored, self.config.early_stopping)
        is_best = stop.best_epoch == epoch
        record = EpochRecord(
            epoch=epoch,
            train_loss=self.progress.loss_sum / self.num_steps,
            train_accuracy=self.progress.num_correct / (self.num_steps * self.config.batch_size),
            valid_loss=scores.log_loss,
            valid_accuracy=scores.accuracy,
            valid_balanced_accuracy=scores.balanced_accuracy,
            valid_macro_f1=scores.macro_f1,
            valid_n=scores.n,
            protocol=self.task.valid.protocol,
            learning_rate=self.learning_rate,
            images_per_s=images_per_s,
            seconds=seconds,
            device_memory_mb=self._measure_device_memory(),
            is_best=is_best,
        )
        plateau = self.progress.plateau.after(monitored, self.config.optimizer)
        self.progress = replace(self.progress, plateau=plateau)
        if self.recorder is not None:
            self.recorder.write_epoch(record, scores, probabilities, self._model_to_keep())
        self.progress = Progress(epoch=epoch, stop=stop, plateau=plateau)
        if self.recorder is not None:
            self.recorder.save_state(self.progress, self.ema, self.optimizer)
        if self.config.log.tracker != "none":
            self.accelerator.log(select_scores(record), step=epoch)
        self.accelerator.wait_for_everyone()
        _LOG.info("epoch %d: %s", epoch, record)
        self._announce("running")
        if self.observer is not None:
            self.observer.on_epoch(record)

    def _measure_device_memory(self) -> float | None:
        """Peak memory of this process on its device since the last epoch, in MB; None on a CPU."""
        if self.device.type != "cuda":
            return None
        peak = torch.cuda.max_memory_allocated(self.device) / 1e6
        torch.cuda.reset_peak_memory_stats(self.device)
        return peak

    def _save_last(self) -> None:
        self._read_results()
        if self.recorder is not None:
            if self.progress.epoch == 0:
                self.recorder.save_model(LAST_FOLDER, self._model_to_keep(), 0, None)
            self.recorder.save_state(self.progress, self.ema, self.optimizer)
        self.accelerator.wait_for_everyone()

    def _announce(self, state: Any, **facts: Any) -> None:
        if self.is_main:
            self.writer.set_state(state, **{**self._facts(), **facts})

    def _facts(self) -> dict[str, Any]:
        done = self.progress.epoch * self.num_steps + self.progress.step
        left = self.config.epochs * self.num_steps - done
        elapsed = time.monotonic() - self._started
        eta = left * elapsed / self._steps_this_time if self._steps_this_time else None
        stop: StopState = self.progress.stop
        return {
            "epoch": self.progress.epoch,
            "num_epochs": self.config.epochs,
            "step": self.progress.step,
            "num_steps": self.num_steps,
            "eta_s": eta,
            "best_epoch": stop.best_epoch or None,
            "best_score": stop.best_score if stop.best_epoch else None,
            "device": str(self.device),
        }


def _set_determinism(wanted: bool) -> None:
    """Choose between the fastest algorithms and those that repeat bit for bit."""
    if wanted:
        # cuBLAS reads this when it starts; without it some of its products may differ from run to run.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(wanted, warn_only=True)
    torch.backends.cudnn.benchmark = not wanted
