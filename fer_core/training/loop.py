"""The training loop, on accelerate.

All randomness of a step is a function of (seed, epoch, step), so a run that is stopped and resumed takes the
same steps as one that never stopped.
"""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from accelerate import Accelerator, PartialState
from accelerate.state import AcceleratorState
from torch import Tensor, nn, optim

from fer_core.checkpoint import CheckpointInfo, InputSpec
from fer_core.config import TrainConfig
from fer_core.data.augment import BatchAugmenter
from fer_core.data.batches import load_batch, normalise, shuffle_for_epoch
from fer_core.data.store import Dataset
from fer_core.data.targets import Targets, compute_pixel_statistics, compute_targets
from fer_core.errors import ConfigError
from fer_core.evaluation.metrics import Scores, compute_scores
from fer_core.evaluation.scoring import compute_logits, compute_probabilities
from fer_core.models import ARCHITECTURES, FerModel, build_model, save_checkpoint
from fer_core.runs.layout import BEST_FOLDER, LAST_FOLDER, STATE_FILE
from fer_core.runs.writer import RunWriter
from fer_core.training.device import resolve_precision, set_threads
from fer_core.training.early_stopping import StopState
from fer_core.training.ema import build_ema
from fer_core.training.losses import compute_loss, draw_targets
from fer_core.training.optim import build_optimizer, compute_lr_factor, set_learning_rate
from fer_core.training.state import Progress, load_state, save_state, seed_step

_LOG = logging.getLogger(__name__)


class Observer(Protocol):
    """Told how a run goes on, for progress bars."""

    def on_step(self, epoch: int, step: int, num_steps: int, loss: float) -> None:
        """After each step; epoch and step count from 1. `loss` is the epoch's mean so far."""

    def on_epoch(self, record: dict[str, Any]) -> None:
        """After each epoch, with the record that went into metrics.jsonl."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is learned from what: made before anything is written, so that a bad setting leaves no trace."""

    config: TrainConfig
    dataset: Dataset
    train: Targets
    valid: Targets
    spec: InputSpec
    precision: str
    """Arithmetic in accelerate's terms."""
    model: FerModel


def prepare_task(config: TrainConfig, dataset: Dataset) -> Task:
    """Check a configuration against a data set and build the network with fresh weights.

    Raises:
        ConfigError: a setting does not work, alone or with this data set.
        DataError: a split is missing or empty.
    """
    precision = resolve_precision(config.precision, PartialState().device)
    train = compute_targets(dataset, config.data.train_split, config.data.label_mode)
    valid = compute_targets(dataset, config.data.valid_split, "majority")
    if len(train) < config.batch_size:
        raise ConfigError(
            f"batch_size is {config.batch_size}, but split {config.data.train_split!r} of {dataset.name!r} "
            f"has only {len(train)} images to learn from; take a smaller one"
        )
    architecture = ARCHITECTURES[config.model.name]
    height, width = architecture.input_size or (dataset.info.height, dataset.info.width)
    mean, std = compute_pixel_statistics(dataset, train.indices)
    spec = InputSpec(height=height, width=width, color=dataset.info.color, mean=mean, std=std)
    torch.manual_seed(config.seed)
    model = build_model(
        config.model.name,
        num_classes=len(dataset.info.classes),
        in_channels=spec.channels,
        input_size=(height, width),
        arguments=config.model.arguments,
    )
    return Task(config, dataset, train, valid, spec, precision, model)


class Trainer:
    """Trains one task and writes its run folder."""

    def __init__(self, task: Task, writer: RunWriter, *, observer: Observer | None = None) -> None:
        """Set up devices, precision, optimiser and average. Nothing is trained yet."""
        self.task, self.config, self.writer, self.observer = task, task.config, writer, observer
        set_threads(self.config.threads)
        # accelerate keeps its precision for the life of the process; a notebook trains more than once.
        AcceleratorState._reset_state()
        self.accelerator = Accelerator(mixed_precision=task.precision)
        self.device: torch.device = self.accelerator.device
        model = task.model.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.raw_model: nn.Module = model
        optimizer = build_optimizer(model, self.config.optimizer)
        self.model: nn.Module
        self.optimizer: optim.Optimizer
        self.model, self.optimizer = self.accelerator.prepare(model, optimizer)
        self.ema = build_ema(model, self.config.ema_decay) if self.config.ema_decay else None
        self.augmenter = BatchAugmenter(self.config.augment).to(self.device)
        self.targets = torch.from_numpy(task.train.distributions)
        self.num_steps = len(task.train) // self.config.batch_size
        self.progress = Progress()
        self.stop_requested = False
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
        self.writer.truncate_metrics(self.progress.epoch)
        _LOG.info("resumed after epoch %d, step %d", self.progress.epoch, self.progress.step)

    def run(self) -> str:
        """Train to the end, to an early stop or to a requested one; return the final state.

        An exception ends the run in state `failed`, with its message in status.json, and goes on up.
        """
        handler = self.writer.open_log()
        logger = logging.getLogger("fer_core")
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
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
            logger.removeHandler(handler)
            handler.close()

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
            scores = self._validate()
            self._finish_epoch(scores, num_images / train_seconds, time.monotonic() - started)

    def _train_one_epoch(self) -> bool:
        """Take the steps of an epoch; False if a stop was requested before its end."""
        epoch = self.progress.epoch + 1
        order = shuffle_for_epoch(len(self.task.train), seed=self.config.seed, epoch=epoch)
        batch_size = self.config.batch_size
        self.model.train()
        for step in range(self.progress.step, self.num_steps):
            if self.stop_requested:
                return False
            picked = order[step * batch_size : (step + 1) * batch_size]
            loss, num_correct = self._train_one_step(epoch, step, picked)
            self._steps_this_time += 1
            self.progress = replace(
                self.progress,
                step=step + 1,
                loss_sum=self.progress.loss_sum + loss,
                num_correct=self.progress.num_correct + num_correct,
            )
            if self.observer is not None:
                self.observer.on_step(epoch, step + 1, self.num_steps, self.progress.loss_sum / (step + 1))
            self.writer.beat("stopping" if self.stop_requested else "running", **self._facts())
        return True

    def _train_one_step(self, epoch: int, step: int, picked: np.ndarray[Any, Any]) -> tuple[float, int]:
        config = self.config
        seed_step(config.seed, epoch, step)
        task = self.task
        batch = load_batch(task.dataset.images, task.train.indices[picked], task.spec, self.device)
        targets = draw_targets(self.targets[picked].to(self.device), config.data.label_mode)
        batch = self.augmenter(batch)
        weight, partner = self._draw_mixup(len(batch))
        mixed = batch if partner is None else weight * batch + (1 - weight) * batch[partner]
        logits = self.model(normalise(mixed, task.spec))
        loss = compute_loss(logits, targets, config.data.label_mode)
        if partner is not None:
            other = compute_loss(logits, targets[partner], config.data.label_mode)
            loss = weight * loss + (1 - weight) * other
        factor = compute_lr_factor(
            (epoch - 1) * self.num_steps + step, config.epochs * self.num_steps, config.optimizer
        )
        self.learning_rate = config.optimizer.learning_rate * factor
        set_learning_rate(self.optimizer, self.learning_rate)
        self.accelerator.backward(loss)
        if config.optimizer.gradient_clip:
            self.accelerator.clip_grad_norm_(self.model.parameters(), config.optimizer.gradient_clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.ema is not None:
            self.ema.update_parameters(self.raw_model)
        value = float(loss.detach())
        if not np.isfinite(value):
            raise ConfigError(
                f"the loss became {value} in epoch {epoch}, step {step + 1}; "
                f"lower optimizer.learning_rate (now {config.optimizer.learning_rate:g})"
            )
        return value, int((logits.argmax(1) == targets.argmax(1)).sum())

    def _draw_mixup(self, size: int) -> tuple[float, Tensor | None]:
        """Weight and partners of this batch; the larger weight stays with the image itself."""
        augment = self.config.augment
        if not augment.mixup_alpha or float(torch.rand(())) >= augment.mixup_probability:
            return 1.0, None
        alpha = torch.tensor(augment.mixup_alpha)
        drawn = float(torch.distributions.Beta(alpha, alpha).sample())
        return max(drawn, 1 - drawn), torch.randperm(size).to(self.device)

    def _validate(self) -> Scores:
        model = self._model_to_keep()
        autocast: Callable[[], AbstractContextManager[object]] = self.accelerator.autocast
        task = self.task
        logits = compute_logits(
            model, task.dataset.images, task.valid.indices, task.spec, device=self.device, autocast=autocast
        )
        probabilities = compute_probabilities(logits)
        return compute_scores(task.valid.labels, probabilities, task.dataset.info.classes)

    def _model_to_keep(self) -> nn.Module:
        """The network that is validated and saved: the average where there is one."""
        return self.raw_model if self.ema is None else self.ema.module

    def _finish_epoch(self, scores: Scores, images_per_s: float, seconds: float) -> None:
        epoch = self.progress.epoch + 1
        monitored = {
            "accuracy": scores.accuracy,
            "macro_f1": scores.macro_f1,
            "loss": -scores.log_loss,
        }[self.config.monitor]
        stop = self.progress.stop.after(epoch, monitored, self.config.early_stopping)
        is_best = stop.best_epoch == epoch
        record = {
            "epoch": epoch,
            "train_loss": self.progress.loss_sum / self.num_steps,
            "train_accuracy": self.progress.num_correct / (self.num_steps * self.config.batch_size),
            "valid_loss": scores.log_loss,
            "valid_accuracy": scores.accuracy,
            "valid_balanced_accuracy": scores.balanced_accuracy,
            "valid_macro_f1": scores.macro_f1,
            "valid_n": scores.n,
            "protocol": self.task.valid.protocol,
            "learning_rate": self.learning_rate,
            "images_per_s": images_per_s,
            "seconds": seconds,
            "is_best": is_best,
        }
        # Order matters for a crash in between: the state goes last, and what it does not know of is redone.
        if is_best:
            self._save_model(BEST_FOLDER, epoch, scores)
        self._save_model(LAST_FOLDER, epoch, scores)
        self.writer.append_metrics(record)
        self.progress = Progress(epoch=epoch, stop=stop)
        self._save_state()
        _LOG.info("epoch %d: %s", epoch, record)
        self._announce("running")
        if self.observer is not None:
            self.observer.on_epoch(record)

    def _save_last(self) -> None:
        if self.progress.epoch == 0:
            self._save_model(LAST_FOLDER, 0, None)
        self._save_state()

    def _save_state(self) -> None:
        path = self.writer.folder / LAST_FOLDER / STATE_FILE
        path.parent.mkdir(exist_ok=True)
        save_state(path, self.progress, self.raw_model, self.ema, self.optimizer)

    def _save_model(self, folder: str, epoch: int, scores: Scores | None) -> None:
        metrics = [] if scores is None else [self._describe(scores)]
        info = CheckpointInfo(
            name=self.writer.name,
            architecture=self.config.model.name,
            arguments=self.config.model.arguments,
            classes=self.task.dataset.info.classes,
            input=self.task.spec,
            weights_sha256="0" * 64,  # filled in when the weights are written
            num_parameters=0,
            data={
                "name": self.task.dataset.name,
                "fingerprint": self.task.dataset.info.fingerprint,
                "label_mode": self.config.data.label_mode,
                "num_train_images": len(self.task.train),
            },
            metrics=tuple(metrics),
            origin={"run": self.writer.name, "epoch": epoch},
        )
        save_checkpoint(self.writer.folder / folder, self._model_to_keep(), info)

    def _describe(self, scores: Scores) -> dict[str, Any]:
        return {
            "split": self.config.data.valid_split,
            "protocol": self.task.valid.protocol,
            "n": scores.n,
            "accuracy": scores.accuracy,
            "balanced_accuracy": scores.balanced_accuracy,
            "macro_f1": scores.macro_f1,
            "log_loss": scores.log_loss,
        }

    def _announce(self, state: Any, **facts: Any) -> None:
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
