"""Settings against data and machine: what can be told before a run is made, a data set drawn or torch loaded.

Whether the network can be built is for `fer_core.training.task.check_network`, which needs torch.
"""

import importlib.util
import logging
from typing import Final

import numpy as np
import numpy.typing as npt

from fer_core.checkpoint import (
    HUB,
    KIND_WORDS,
    WEIGHT_SUFFIXES,
    CheckpointEntry,
    CheckpointInfo,
    find_checkpoint,
    require_kind,
)
from fer_core.config import TrainConfig
from fer_core.data.builtin import describe_dataset
from fer_core.data.store import Dataset, DatasetInfo
from fer_core.data.targets import Targets
from fer_core.errors import ConfigError, DataError
from fer_core.workspace import Workspace, expand_home

HELD_OUT: Final[str] = "test"
"""Split that judges an adapted model: nothing is learned from it or chosen by it."""
_LOG = logging.getLogger(__name__)


def check_settings(
    config: TrainConfig, workspace: Workspace, *, num_processes: int = 1, is_resumed: bool = False
) -> DatasetInfo:
    """Check a configuration against a data set's description, other models and this machine.

    Args:
        config: the settings.
        workspace: where data sets and models are.
        num_processes: processes that share each batch.
        is_resumed: the network's weights come from the run's own state.

    Returns:
        What is known of the data set.

    Raises:
        DataError: there is no such data set, or it has no such split, or what is replayed or was learned by a
            teacher is of another kind.
        ConfigError: the batch size does not work, or the tracker is not installed.
        CheckpointError: weights to start from, or a teacher, are not there.
    """
    info = describe_dataset(config.data.dataset, workspace)
    _check_splits(info, config.data.train_split, config.data.valid_split)
    if config.data.replay:
        _check_replay(config, info, describe_dataset(config.data.replay, workspace))
    if (parent := find_parent(config, workspace)) is not None:
        require_kind(parent.info, info.kind)
        _check_splits(info, HELD_OUT)
    _check_number(config, info, info.split_counts[config.data.train_split])
    check_share(config, num_processes)
    tracker = config.log.tracker
    if tracker != "none" and importlib.util.find_spec(tracker) is None:
        raise ConfigError(f"log.tracker is {tracker!r}, which is not installed; run: pip install {tracker}")
    for teacher in config.distill.teacher_names:
        spec = find_checkpoint(teacher, workspace).info
        require_kind(spec, info.kind)
        info.require_same_sound(f"teacher {teacher!r} learned from", spec.input.sound)
    weights = expand_home(config.transfer.weights)
    is_name = config.transfer.weights not in ("", HUB) and weights.suffix not in WEIGHT_SUFFIXES
    if is_name and not is_resumed and not weights.is_file():
        find_checkpoint(config.transfer.weights, workspace)
    return info


def _check_splits(info: DatasetInfo, *splits: str) -> None:
    for split in splits:
        if not info.split_counts.get(split):
            raise DataError(
                f"data set {info.name!r} has no split {split!r}; it has {', '.join(info.split_counts)}"
            )


def _check_replay(config: TrainConfig, info: DatasetInfo, again: DatasetInfo) -> None:
    _check_splits(again, config.data.train_split)
    if again.kind != info.kind:
        raise DataError(
            f"data.replay {again.name!r} holds {KIND_WORDS[again.kind]}, but {info.name!r} "
            f"{KIND_WORDS[info.kind]}; replay a data set of the same kind"
        )
    info.require_same_sound(f"data.replay {again.name!r} has", again.sound)


def find_parent(config: TrainConfig, workspace: Workspace) -> CheckpointEntry | None:
    """The model that a configuration adapts; None where it adapts none.

    Raises:
        CheckpointError: there is no such model.
        ConfigError: the settings describe another network than the model's.
    """
    if not config.transfer.adapt:
        return None
    entry = find_checkpoint(config.transfer.weights, workspace)
    info = entry.info
    if (config.model.name, dict(config.model.arguments)) != (info.architecture, dict(info.arguments)):
        raise ConfigError(
            f"transfer.adapt goes on with the network of {config.transfer.weights}, {info.architecture} with "
            f"{dict(info.arguments)}, but model.* describe {config.model.name} with "
            f"{config.model.arguments}; `fer adapt` sets them"
        )
    return entry


def check_classes(config: TrainConfig, info: DatasetInfo, parent: CheckpointInfo, train: Targets) -> None:
    """Check that the model that is adapted knows what the data set shows.

    Raises:
        ConfigError: it lacks a class.
    """
    counts = np.bincount(train.labels, minlength=len(info.classes))
    lacking = [
        f"{name} ({count:,})"
        for name, count in zip(info.classes, counts, strict=True)
        if count and name not in parent.classes
    ]
    if lacking:
        kept = " ".join(name for name in info.classes if name in parent.classes)
        raise ConfigError(
            f"{config.transfer.weights} predicts {', '.join(parent.classes)}, but {info.name!r} shows "
            f"{', '.join(lacking)} as well. Adapting keeps the classes: leave those images out with `fer "
            f"datasets derive {info.name} NAME --classes {kept}`, or train a new model on this data set"
        )


def check_targets(config: TrainConfig, info: DatasetInfo, train: Targets) -> None:
    """Check the batch size against what the label mode keeps, and tell of classes without an image.

    Raises:
        ConfigError: there are fewer images than a batch holds, or than there are classes.
    """
    _check_number(config, info, len(train))
    counts = np.bincount(train.labels, minlength=len(info.classes))
    absent = [name for name, count in zip(info.classes, counts, strict=True) if not count]
    if absent:
        _LOG.warning("no image to learn %s from: it will not be predicted", ", ".join(absent))


def check_speakers(dataset: Dataset, train: npt.NDArray[np.int64], valid: npt.NDArray[np.int64]) -> None:
    """Refuse to validate on voices that are learnt from.

    Args:
        dataset: only one of sound with known speakers is looked at.
        train: rows to learn from.
        valid: rows to validate on.

    Raises:
        DataError: somebody speaks in both.
    """
    if dataset.info.kind != "sound" or "group" not in dataset.samples:
        return
    speakers = dataset.samples["group"].to_numpy(object)
    both = sorted((set(speakers[train]) & set(speakers[valid])) - {""})
    if both:
        raise DataError(
            f"{len(both)} speakers of {dataset.name!r} are learnt from and validated on, as {both[0]!r}: the "
            f"scores would be those of known voices. Divide it anew: fer datasets derive {dataset.name} NEW "
            "--resplit 0.2 0.2 keeps speakers apart"
        )


def check_share(config: TrainConfig, num_processes: int) -> None:
    """Check that every process gets an equal share of each batch.

    Raises:
        ConfigError: it does not, or a share is too small to be split as asked for.
    """
    share, rest = divmod(config.batch_size, num_processes)
    if rest or share < 2 * config.optimizer.accumulation_steps:
        raise ConfigError(
            f"batch_size is {config.batch_size}; expected a multiple of num_processes, {num_processes}, with "
            f"at least {2 * config.optimizer.accumulation_steps} images for each process"
        )


def _check_number(config: TrainConfig, info: DatasetInfo, num_images: int) -> None:
    if num_images < max(config.batch_size, len(info.classes)):
        raise ConfigError(
            f"batch_size is {config.batch_size}, but split {config.data.train_split!r} of {info.name!r} "
            f"has only {num_images} images of {len(info.classes)} classes to learn from; take a smaller "
            "batch, or more data"
        )
