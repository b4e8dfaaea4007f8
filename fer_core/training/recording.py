"""What the first process keeps of a run: progress, the state that resuming needs, checkpoints, scores."""

import dataclasses
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn, optim
from torch.optim.swa_utils import AveragedModel

from fer_core.checkpoint import CheckpointInfo
from fer_core.config import EarlyStoppingConfig
from fer_core.errors import RunError
from fer_core.evaluation.scores import Scores
from fer_core.io import atomic_path
from fer_core.models import save_checkpoint
from fer_core.models.checkpoint_files import write_tensors
from fer_core.runs.records import EpochRecord, SampleRecord, ValidationRecord
from fer_core.runs.run_files import BEST_FOLDER, LAST_FOLDER, STATE_FILE, TENSORBOARD_FOLDER
from fer_core.runs.writer import RunWriter
from fer_core.training.gradients import GradientLog
from fer_core.training.optim import PlateauState
from fer_core.training.setup import TrainingSetup
from fer_core.training.step_log import StepLog
from fer_core.training.task import Task
from fer_core.training.trackers import EventWriter

_LOG = logging.getLogger(__name__)

_PROGRESS_KEY: Final[str] = "progress"
NUM_SAMPLES: Final[int] = 16
"""Validation images shown with their predictions after every best epoch."""


@dataclass(frozen=True, slots=True)
class StopState:
    """What early stopping remembers between epochs. Scores: higher is better."""

    best_score: float = float("-inf")
    best_epoch: int = 0
    epochs_without_gain: int = 0

    def after(self, epoch: int, score: float, config: EarlyStoppingConfig) -> "StopState":
        """The state after an epoch's score. A NaN score is never better."""
        if score > self.best_score + (config.min_delta if self.best_epoch else 0.0):
            return StopState(score, epoch, 0)
        return dataclasses.replace(self, epochs_without_gain=self.epochs_without_gain + 1)

    def should_stop(self, config: EarlyStoppingConfig) -> bool:
        """Whether patience and the confirming epochs after it have passed without a better score."""
        return config.patience > 0 and self.epochs_without_gain >= config.patience + config.confirm_epochs


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is."""

    epoch: int = 0
    """Finished epochs."""
    step: int = 0
    """Steps done in the epoch after those."""
    loss_sum: float = 0.0
    """Sum of those steps' losses."""
    num_correct: int = 0
    """Training images classified right in those steps."""
    stop: StopState = field(default_factory=StopState)
    """Best score so far, and the patience used up."""
    plateau: PlateauState = field(default_factory=PlateauState)
    """Cuts of the learning rate so far."""


class RunRecorder:
    """Writes one run's folder, apart from its status."""

    def __init__(self, task: Task, writer: RunWriter, raw_model: nn.Module, num_steps: int) -> None:
        """Nothing is written yet.

        Args:
            task: what is learned from what.
            writer: the run folder.
            raw_model: the network whose gradients are computed, on its device.
            num_steps: of an epoch.
        """
        self.task, self.config, self.writer, self.raw_model = task, task.config, writer, raw_model
        self.gradients = GradientLog(raw_model) if self.config.log.gradients else None
        self.events: EventWriter | None = None
        self.steps = StepLog(writer, num_steps)

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

    def save_state(self, progress: Progress, setup: TrainingSetup) -> None:
        """Write what resuming needs."""
        path = self.writer.folder / LAST_FOLDER / STATE_FILE
        path.parent.mkdir(exist_ok=True)
        save_state(path, progress, setup.model, setup.ema, setup.optimizer)

    def save_model(self, folder: str, kept: nn.Module, epoch: int, scores: Scores | None) -> None:
        """Write a checkpoint into the run's `folder`; without scores if it has never been validated."""
        metrics = [] if scores is None else [self._describe(scores)]
        info = CheckpointInfo(
            name=self.writer.name,
            architecture=self.config.model.name,
            arguments=self.config.model.arguments,
            classes=self.task.classes,
            input=self.task.spec,
            weights_sha256="0" * 64,  # filled in when the weights are written
            num_parameters=0,
            data=self.task.describe_data(),
            terms=self.task.terms,
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
        classes = self.task.classes
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


def save_state(
    path: Path, progress: Progress, model: nn.Module, ema: AveragedModel | None, optimizer: optim.Optimizer
) -> None:
    """Write the state, replacing what is there in one step.

    Raises:
        StorageError: the disk is full or read-only; the state before is still there.
    """
    tensors = {f"model.{key}": value for key, value in model.state_dict().items()}
    if ema is not None:
        tensors |= {f"ema.{key}": value for key, value in ema.state_dict().items()}
    for index, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{key}": value for key, value in values.items() if value is not None}
    # Optimisers may share storage between entries; safetensors wants each its own.
    copies = {key: value.detach().cpu().clone().contiguous() for key, value in tensors.items()}
    with atomic_path(path) as temporary:
        write_tensors(copies, temporary, metadata={_PROGRESS_KEY: json.dumps(dataclasses.asdict(progress))})


def load_state(
    path: Path, model: nn.Module, ema: AveragedModel | None, optimizer: optim.Optimizer
) -> Progress:
    """Put a saved state into a freshly built model, average and optimiser.

    Raises:
        RunError: the file is missing, damaged or of another configuration.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
            fields: dict[str, Any] = json.loads((file.metadata() or {})[_PROGRESS_KEY])
        model.load_state_dict(_below("model.", tensors))
        if ema is not None:
            ema.load_state_dict(_below("ema.", tensors))
        optimizer.load_state_dict(
            {"state": _optimizer_state(tensors), "param_groups": optimizer.state_dict()["param_groups"]}
        )
        _arrange_like_weights(optimizer)
        stop, plateau = StopState(**fields["stop"]), PlateauState(**fields.get("plateau", {}))
        return Progress(**{**fields, "stop": stop, "plateau": plateau})
    except FileNotFoundError as cause:
        raise RunError(f"{path} is missing: the run had not saved a state yet; start it anew") from cause
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as cause:
        raise RunError(f"{path} can't be resumed from: {cause}") from cause


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _optimizer_state(tensors: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in _below("optimizer.", tensors).items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    return state


def _arrange_like_weights(optimizer: optim.Optimizer) -> None:
    """Lay momentum out in memory as the weights are (channels_last); files keep the order of indices.

    Otherwise a resumed run takes a slower path at each step, and a fused optimiser a wrong one: see
    findings/fused_optimizer_pairs_state_by_memory.sh.
    """
    for weights, values in optimizer.state.items():
        for name, value in values.items():
            if isinstance(value, Tensor) and value.ndim > 1 and value.shape == weights.shape:
                values[name] = torch.empty_like(weights, dtype=value.dtype).copy_(value)
