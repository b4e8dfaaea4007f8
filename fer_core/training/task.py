"""What is learned from what: settings checked against the data, and the network they describe."""

import importlib.util
import logging
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from accelerate import PartialState

from fer_core.checkpoint import CLASS_PRIOR_KEY, InputSpec
from fer_core.config import TrainConfig
from fer_core.data.store import Dataset
from fer_core.data.targets import (
    Targets,
    compute_class_prior,
    compute_pixel_statistics,
    compute_targets,
    temper_targets,
)
from fer_core.errors import ConfigError
from fer_core.models import FerModel, build_model, find_architecture
from fer_core.training.device import resolve_precision
from fer_core.training.distill import Teachers, load_teachers
from fer_core.workspace import Workspace

_LOG = logging.getLogger(__name__)


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
    teachers: Teachers | None = None
    """Models to learn from beside the labels."""

    def describe_data(self) -> dict[str, Any]:
        """What a checkpoint says about the data that it learnt from."""
        return {
            "name": self.dataset.name,
            "fingerprint": self.dataset.info.fingerprint,
            "label_mode": self.config.data.label_mode,
            "num_train_images": len(self.train),
            CLASS_PRIOR_KEY: compute_class_prior(
                self.train,
                self.dataset.info.classes,
                is_balanced=self.config.data.sampling == "balanced",
            ),
        }

    def describe_start(self) -> dict[str, Any]:
        """What a checkpoint says about other models it came from; empty if there were none."""
        config = self.config
        return {
            **({"started_from": config.transfer.weights} if config.transfer.weights else {}),
            **({"teachers": config.distill.teachers} if config.distill.teachers else {}),
        }


def prepare_task(
    config: TrainConfig, dataset: Dataset, workspace: Workspace | None = None, *, is_resumed: bool = False
) -> Task:
    """Check a configuration against a data set and build the network.

    Args:
        config: the settings.
        dataset: what to learn from.
        workspace: where pretrained weights and teachers are looked for; the default one, if not given.
        is_resumed: the network keeps its random weights, for a run that is resumed takes them from its own
            saved state.

    Raises:
        ConfigError: a setting does not work, alone or with this data set or machine.
        DataError: a split is missing or empty.
        CheckpointError: the pretrained weights or a teacher can't be had or do not fit.
    """
    precision = resolve_precision(config.precision, PartialState().device)
    _check_tracker(config)
    train = temper_targets(
        compute_targets(dataset, config.data.train_split, config.data.label_mode),
        config.data.label_temperature,
    )
    valid = compute_targets(dataset, config.data.valid_split, "majority")
    _check_sizes(config, dataset, train)
    spec = _describe_input(config, dataset, train)
    torch.manual_seed(config.seed)
    model = build_model(
        config.model.name,
        num_classes=len(dataset.info.classes),
        in_channels=spec.channels,
        input_size=(spec.height, spec.width),
        arguments=config.model.arguments,
    )
    workspace = workspace or Workspace.default()
    if config.transfer.weights and not is_resumed:
        from fer_core.models.pretrained import load_pretrained

        report = load_pretrained(model, config.transfer.weights, workspace)
        _LOG.info("pretrained weights %s: %s", config.transfer.weights, report)
    teachers = load_teachers(config.distill, dataset.info.classes, workspace)
    return Task(config, dataset, train, valid, spec, precision, model, teachers)


def _describe_input(config: TrainConfig, dataset: Dataset, train: Targets) -> InputSpec:
    designed = find_architecture(config.model.name).input_size
    height, width = designed or (dataset.info.height, dataset.info.width)
    if config.model.height:
        height, width = config.model.height, config.model.width
    color = dataset.info.color
    if config.model.color != "auto":
        color = config.model.color
    elif config.transfer.weights == "hub":
        color = "rgb"
    mean, std = compute_pixel_statistics(dataset, train.indices)
    if color == "rgb" and dataset.info.color == "gray":
        mean, std = mean * 3, std * 3
    elif color == "gray" and dataset.info.color == "rgb":
        mean, std = (float(np.mean(mean)),), (float(np.mean(std)),)
    return InputSpec(height=height, width=width, color=color, mean=mean, std=std)


def _check_sizes(config: TrainConfig, dataset: Dataset, train: Targets) -> None:
    num_classes, num_processes = len(dataset.info.classes), int(os.environ.get("WORLD_SIZE", "1"))
    if len(train) < max(config.batch_size, num_classes):
        raise ConfigError(
            f"batch_size is {config.batch_size}, but split {config.data.train_split!r} of {dataset.name!r} "
            f"has only {len(train)} images of {num_classes} classes to learn from; take a smaller batch, or "
            "more data"
        )
    share, rest = divmod(config.batch_size, num_processes)
    if rest or share < 2 * config.optimizer.accumulation_steps:
        raise ConfigError(
            f"batch_size is {config.batch_size}; expected a multiple of the {num_processes} processes with "
            f"at least {2 * config.optimizer.accumulation_steps} images for each"
        )
    counts = np.bincount(train.labels, minlength=num_classes)
    absent = [name for name, count in zip(dataset.info.classes, counts, strict=True) if not count]
    if absent:
        _LOG.warning("no image to learn %s from: it will not be predicted", ", ".join(absent))


def _check_tracker(config: TrainConfig) -> None:
    tracker = config.log.tracker
    if tracker != "none" and importlib.util.find_spec(tracker) is None:
        raise ConfigError(f"log.tracker is {tracker!r}, which is not installed; run: pip install {tracker}")
