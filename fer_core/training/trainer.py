"""The training loop, on accelerate, and its beginnings: a new run, or one that is taken up again.

All randomness of a step is a function of (seed, epoch, step), so a run that is stopped and resumed takes the
same steps as one that never stopped. With several processes every one runs this loop on its share of each
batch; only the first writes.
"""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import torch
from accelerate.utils import gather_object

from fer_core.config import TrainConfig, config_from_dict, config_to_dict, dump_config
from fer_core.errors import ConfigError, FerError, RunError
from fer_core.evaluation.comparison import flatten
from fer_core.evaluation.scores import compute_scores
from fer_core.evaluation.scoring import compute_logits, compute_probabilities
from fer_core.runs.process import is_first_process
from fer_core.runs.reader import load_run
from fer_core.runs.records import EpochRecord, RunMeta, RunStatus
from fer_core.runs.run_files import LAST_FOLDER, RESUMABLE_STATES, STATE_FILE, STOP_FILE
from fer_core.runs.writer import RunWriter
from fer_core.titles import name_after
from fer_core.training.recording import Progress, RunRecorder, StopState, load_state
from fer_core.training.setup import TrainingSetup, join_processes
from fer_core.training.task import Task, load_task
from fer_core.training.trackers import select_scores
from fer_core.training.train_step import StepResult
from fer_core.workspace import Workspace

_LOG = logging.getLogger(__name__)

_READ_EVERY: Final[int] = 10
"""Steps between two looks at the loss on a GPU: each look waits for all that is under way there."""


class _StopError(Exception):
    """A stop was requested while the teachers answered."""


class Observer(Protocol):
    """Told how a run goes on, for progress bars."""

    def on_asked(self, done: int, total: int) -> None:
        """After each batch about which teachers are asked before the first step."""

    def on_step(self, epoch: int, step: int, num_steps: int, loss: float) -> None:
        """After each step; epoch and step count from 1. `loss` is the epoch's mean so far."""

    def on_epoch(self, record: EpochRecord) -> None:
        """After each epoch, with the record that went into metrics.jsonl."""


class Trainer:
    """Trains one task and writes its run folder."""

    def __init__(self, task: Task, writer: RunWriter, *, observer: Observer | None = None) -> None:
        """Set up. Nothing is trained yet.

        Args:
            task: what is learned from what.
            writer: the run folder; processes other than the first only read it.
            observer: told how the run goes on, in the first process.
        """
        self.task, self.config, self.writer = task, task.config, writer
        self.setup = TrainingSetup(task, tracker=self.config.log.tracker)
        self.accelerator, self.device = self.setup.accelerator, self.setup.device
        self.num_steps = self.setup.num_steps
        self.is_main: bool = self.accelerator.is_main_process
        self.observer = observer if self.is_main else None
        self.recorder = RunRecorder(task, writer, self.setup.model, self.num_steps) if self.is_main else None
        if self.recorder is not None:
            self.setup.train_step.on_gradients += self.recorder.list_gradient_hooks()
        self._is_tracking = False
        self.progress = Progress()
        self.learning_rate = 0.0
        self.stop_requested = False
        self._pending: list[StepResult] = []
        self._started = 0.0
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
        setup = self.setup
        self.progress = load_state(path, setup.model, setup.ema, setup.optimizer)
        if self.is_main:
            self.writer.truncate_records(self.progress.epoch, self.progress.step)
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
            self._open_logs()
            self._write_status("running")
            self._ask_teachers()
            self._train_epochs()
            state = "stopped" if self.stop_requested else "finished"
            if state == "finished":
                self._measure_adaptation()
            self._write_status(state, eta_s=None, message=None)
            _LOG.info("%s after epoch %d", state, self.progress.epoch)
            return state
        except BaseException as error:
            # What the program itself explains needs no traceback.
            _LOG.error("run failed: %s", error, exc_info=not isinstance(error, FerError))
            self._write_status("failed", message=f"{type(error).__name__}: {error}", eta_s=None)
            raise
        finally:
            self._close_logs()
            logger.removeHandler(handler)
            handler.close()
            self.setup.release()

    def _ask_teachers(self) -> None:
        """Let the teachers answer, where they do so once for the whole run."""
        train_step = self.setup.train_step
        if not train_step.num_questions:
            return
        message = f"Asking {self.config.distill.teachers} about the training images"
        self._write_status("running", message=message, share=0.0)
        started = time.monotonic()

        def tell(done: int, total: int) -> None:
            left_s = (total - done) * (time.monotonic() - started) / done
            if self.is_main:
                facts = self._describe_progress() | {"eta_s": left_s, "share": done / total}
                self.writer.write_heartbeat("running", **facts)
            if self.observer is not None:
                self.observer.on_asked(done, total)
            if self._must_stop():
                raise _StopError

        with suppress(_StopError):  # before the first step the run sees it, and ends as at any other
            train_step.ask_teachers(on_progress=tell)
        self._write_status("running", message=None, share=None)

    def _measure_adaptation(self) -> None:
        """What adapting gained and cost, where a model was adapted; a run that fails here can be resumed."""
        if self.task.parent is not None and self.is_main:
            from fer_core.training.adaptation_cost import measure_adaptation

            self._write_status("running", message="measuring what was gained and forgotten", eta_s=None)
            measure_adaptation(self.task, self.writer.folder)

    def _open_logs(self) -> None:
        if self.recorder is not None:
            self.recorder.open_events(self.progress.epoch)
        if self.config.log.tracker != "none":
            self.accelerator.init_trackers("fer-workbench", flatten(config_to_dict(self.config)))
            self._is_tracking = True

    def _close_logs(self) -> None:
        if self.recorder is not None:
            self.recorder.close_events()
        if self._is_tracking:  # not where it failed to begin: that error is the one to tell
            self.accelerator.end_training()

    def _train_epochs(self) -> None:
        self._started = time.monotonic()
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
        self.setup.begin_epoch(epoch)
        for step in range(self.progress.step, self.num_steps):
            if self._must_stop():
                return False
            self.learning_rate = self.setup.compute_learning_rate(epoch, step) * self.progress.plateau.factor
            if step == self.num_steps - 1:
                self.setup.train_step.on_gradients.append(self._write_gradient_histograms)
            self._pending.append(self.setup.take_step(epoch, step, self.learning_rate))
            self._steps_this_time += 1
            self.progress = replace(self.progress, step=step + 1)
            if self.device.type == "cpu" or step % _READ_EVERY == 0 or step == self.num_steps - 1:
                self._read_results()
            self._write_heartbeat()
        return True

    def _write_gradient_histograms(self) -> None:
        """Once: takes itself out of the hooks."""
        self.setup.train_step.on_gradients.remove(self._write_gradient_histograms)
        if self.recorder is not None:
            self.recorder.write_gradient_histograms(self.progress.epoch + 1)

    def _must_stop(self) -> bool:
        """Whether a stop was requested, of any process: all must end after the same step."""
        if self.accelerator.num_processes > 1:
            flag = torch.tensor(float(self.stop_requested), device=self.device)
            self.stop_requested = bool(self.accelerator.reduce(flag, "sum") > 0)
        return self.stop_requested

    def _read_results(self) -> None:
        """Add the results of the last steps to the progress, which waits for the device."""
        if not self._pending:
            return
        losses = [float(result.loss) for result in self._pending]
        num_correct = [int(result.num_correct) for result in self._pending]
        self._pending.clear()
        for loss in losses:
            if not np.isfinite(loss):
                raise ConfigError(
                    f"the loss became {loss} in epoch {self.progress.epoch + 1}, by step "
                    f"{self.progress.step}; lower optimizer.learning_rate "
                    f"(now {self.config.optimizer.learning_rate:g})"
                )
            self.progress = replace(self.progress, loss_sum=self.progress.loss_sum + loss)
        self.progress = replace(self.progress, num_correct=self.progress.num_correct + sum(num_correct))
        epoch, step = self.progress.epoch + 1, self.progress.step
        if self.recorder is not None:
            self.recorder.steps.add(losses, [count / self.config.batch_size for count in num_correct])
            self.recorder.steps.write(epoch, step, self.learning_rate)
        if self.observer is not None:
            self.observer.on_step(epoch, step, self.num_steps, self.progress.loss_sum / step)

    def _write_heartbeat(self) -> None:
        """Tell the run folder that this process lives, if the last time is long enough ago."""
        if self.is_main:
            self.writer.write_heartbeat(
                "stopping" if self.stop_requested else "running", **self._describe_progress()
            )

    def _validate(self) -> npt.NDArray[np.float64]:
        """Probabilities of all validation images, M x K, in every process; each computes its share."""
        autocast: Callable[[], AbstractContextManager[object]] = self.accelerator.autocast
        task, rank, num_processes = (
            self.task,
            self.accelerator.process_index,
            self.accelerator.num_processes,
        )
        logits = compute_logits(
            self.setup.model_to_keep,
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

    def _finish_epoch(
        self, probabilities: npt.NDArray[np.float64], images_per_s: float, seconds: float
    ) -> None:
        epoch = self.progress.epoch + 1
        scores = compute_scores(self.task.valid.labels, probabilities, self.task.classes)
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
            self.recorder.write_epoch(record, scores, probabilities, self.setup.model_to_keep)
        self.progress = Progress(epoch=epoch, stop=stop, plateau=plateau)
        if self.recorder is not None:
            self.recorder.save_state(self.progress, self.setup)
        if self.config.log.tracker != "none":
            self.accelerator.log(select_scores(record), step=epoch)
        self.accelerator.wait_for_everyone()
        _LOG.info("epoch %d: %s", epoch, record)
        self._write_status("running")
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
                self.recorder.save_model(LAST_FOLDER, self.setup.model_to_keep, 0, None)
            self.recorder.save_state(self.progress, self.setup)
        self.accelerator.wait_for_everyone()

    def _write_status(self, state: Any, **facts: Any) -> None:
        if self.is_main:
            self.writer.set_state(state, **{**self._describe_progress(), **facts})

    def _describe_progress(self) -> dict[str, Any]:
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


def create_trainer(
    config: TrainConfig, workspace: Workspace, *, name: str | None = None, observer: Observer | None = None
) -> Trainer:
    """Make a run folder for a checked configuration; call `run()` on the result to train.

    It takes no part in the queue of the device. With several processes each calls this; the first writes.

    Raises:
        FerError: the configuration or the data set does not work; nothing was written then.
    """
    join_processes()
    task = load_task(config, workspace)
    name = name or name_after(config.model.name)
    if not is_first_process():
        return Trainer(task, RunWriter(workspace.runs / name), observer=observer)  # only the first writes
    writer = RunWriter.create(
        workspace,
        name,
        config_toml=dump_config(config),
        meta=task.describe_run(),
        status=RunStatus(num_epochs=config.epochs),
    )
    return Trainer(task, writer, observer=observer)


def resume_trainer(name: str, workspace: Workspace, *, observer: Observer | None = None) -> Trainer:
    """Load a stopped, failed or interrupted run; call `run()` on the result to go on.

    Raises:
        RunError: no such run, it is still running, it is finished, or its data has changed.
    """
    run = load_run(workspace.run(name))
    if is_first_process() and run.state not in RESUMABLE_STATES:
        raise RunError(
            f"run {name!r} is {run.state}; only a stopped, failed or interrupted run can be resumed"
        )
    if is_first_process():
        (run.folder / STOP_FILE).unlink(missing_ok=True)
    return attach_trainer(RunWriter.attach(run.folder), workspace, observer=observer)


def _require_unchanged(name: str, meta: RunMeta, task: Task) -> None:
    now = RunMeta(**task.describe_run())
    changed = [f"data set {task.dataset.name!r}"] * (meta.data_fingerprint != now.data_fingerprint)
    before = meta.other_fingerprints  # runs of earlier versions have none
    changed += [what for what, mark in now.other_fingerprints.items() if before.get(what, mark) != mark]
    if changed:
        raise RunError(f"{' and '.join(changed)} changed since run {name!r} began; start a new run")


def attach_trainer(writer: RunWriter, workspace: Workspace, *, observer: Observer | None = None) -> Trainer:
    """Load a run that this process works on: from its saved state, or from the beginning if it has none.

    With several processes each calls this; only the first writes.

    Raises:
        FerError: the configuration or the data set does not work, or the data has changed since.
    """
    run = load_run(writer.folder)
    config = config_from_dict(run.config)
    join_processes()
    is_saved = (run.folder / LAST_FOLDER / STATE_FILE).is_file()
    task = load_task(config, workspace, is_resumed=is_saved)
    if is_saved:
        _require_unchanged(run.name, run.meta, task)
    trainer = Trainer(task, writer, observer=observer)
    if is_saved:
        trainer.resume()
    elif trainer.is_main:
        writer.update_meta(**task.describe_run())
        writer.truncate_records(0)
    return trainer
