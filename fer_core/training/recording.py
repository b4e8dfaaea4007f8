"""What the first process writes of a run: checkpoints, scores, gradients, TensorBoard events."""

import logging
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from torch import nn, optim
from torch.optim.swa_utils import AveragedModel

from fer_core.checkpoint import CheckpointInfo
from fer_core.evaluation.scores import Scores
from fer_core.models import save_checkpoint
from fer_core.runs.records import EpochRecord, SampleRecord, ValidationRecord
from fer_core.runs.run_files import BEST_FOLDER, LAST_FOLDER, STATE_FILE, TENSORBOARD_FOLDER
from fer_core.runs.writer import RunWriter
from fer_core.training.gradients import GradientLog
from fer_core.training.state import Progress, save_state
from fer_core.training.task import Task
from fer_core.training.trackers import EventWriter

_LOG = logging.getLogger(__name__)

NUM_SAMPLES: Final[int] = 16
"""Validation images shown with their predictions after every best epoch."""


class RunRecorder:
    """Writes one run's folder, apart from its status."""

    def __init__(self, task: Task, writer: RunWriter, raw_model: nn.Module) -> None:
        """Nothing is written yet.

        Args:
            task: what is learned from what.
            writer: the run folder.
            raw_model: the network whose gradients are computed, on its device.
        """
        self.task, self.config, self.writer, self.raw_model = task, task.config, writer, raw_model
        self.gradients = GradientLog(raw_model) if self.config.log.gradients else None
        self.events: EventWriter | None = None

    def open_events(self, epoch: int) -> None:
        """Begin TensorBoard events after `epoch` finished epochs, if they are wanted."""
        if self.config.log.tensorboard:
            self.events = EventWriter(self.writer.folder / TENSORBOARD_FOLDER, epoch=epoch)

    def close_events(self) -> None:
        """End them."""
        if self.events is not None:
            self.events.close()

    def list_gradient_hooks(self) -> list[Callable[[], None]]:
        """What to call in every step when its gradients are complete."""
        return [] if self.gradients is None else [self.gradients.observe]

    def write_gradient_histograms(self, epoch: int) -> None:
        """Write the gradients as they stand."""
        if self.events is not None:
            self.events.add_histograms(self.raw_model, epoch, gradients=True)

    def write_epoch(
        self, record: EpochRecord, scores: Scores, probabilities: npt.NDArray[np.float64], kept: nn.Module
    ) -> None:
        """Write what an epoch gave. The state goes last: what it does not know of is redone after a crash.

        Args:
            record: line of metrics.jsonl.
            scores: on the validation images.
            probabilities: of these, M x K.
            kept: the network that was validated.
        """
        epoch = record.epoch
        if record.is_best:
            self.save_model(BEST_FOLDER, kept, epoch, scores)
            self._write_validation(epoch, scores, probabilities)
        self.save_model(LAST_FOLDER, kept, epoch, scores)
        if self.gradients is not None:
            norms = self.gradients.finish_epoch(epoch)
            for problem in norms.warnings:
                _LOG.warning("epoch %d: %s", epoch, problem)
            self.writer.append_gradients(norms)
            if self.events is not None:
                self.events.add_gradient_norms(norms)
        self.writer.append_metrics(record)
        if self.events is not None:
            self.events.add_scores(record)
            self.events.add_histograms(kept, epoch, gradients=False)

    def save_state(self, progress: Progress, ema: AveragedModel | None, optimizer: optim.Optimizer) -> None:
        """Write what resuming needs."""
        path = self.writer.folder / LAST_FOLDER / STATE_FILE
        path.parent.mkdir(exist_ok=True)
        save_state(path, progress, self.raw_model, ema, optimizer)

    def save_model(self, folder: str, kept: nn.Module, epoch: int, scores: Scores | None) -> None:
        """Write a checkpoint into the run's `folder`; without scores if it has never been validated."""
        metrics = [] if scores is None else [self._describe(scores)]
        info = CheckpointInfo(
            name=self.writer.name,
            architecture=self.config.model.name,
            arguments=self.config.model.arguments,
            classes=self.task.dataset.info.classes,
            input=self.task.spec,
            weights_sha256="0" * 64,  # filled in when the weights are written
            num_parameters=0,
            data=self.task.describe_data(),
            metrics=tuple(metrics),
            origin={"run": self.writer.name, "epoch": epoch, **self.task.describe_start()},
        )
        save_checkpoint(self.writer.folder / folder, kept, info)

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

    def _write_validation(self, epoch: int, scores: Scores, probabilities: npt.NDArray[np.float64]) -> None:
        """Confusion matrix and a few images with predictions, the same images every time."""
        dataset, valid = self.task.dataset, self.task.valid
        classes = dataset.info.classes
        chosen = np.unique(np.linspace(0, len(valid) - 1, NUM_SAMPLES).astype(np.int64))
        samples = [
            SampleRecord(
                row=int(valid.indices[index]),
                truth=classes[valid.labels[index]],
                probabilities=tuple(probabilities[index].tolist()),
            )
            for index in chosen
        ]
        self.writer.write_validation(
            ValidationRecord(epoch, tuple(classes), tuple(map(tuple, scores.confusion)), tuple(samples))
        )
        if self.events is not None:
            images = [dataset.images[sample.row] for sample in samples]
            self.events.add_samples(samples, images, classes, epoch)
