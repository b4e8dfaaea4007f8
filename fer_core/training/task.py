"""What is learned from what: settings checked against the data, and the network they describe."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from accelerate import PartialState
from torch import Tensor

from fer_core.checkpoint import CLASS_PRIOR_KEY, EARLIER_KEY, HUB, CheckpointEntry, ColorMode, InputSpec
from fer_core.config import Precision, TrainConfig
from fer_core.data.batches import load_batch, shrink_size
from fer_core.data.builtin import open_dataset
from fer_core.data.store import Dataset, DatasetInfo
from fer_core.data.targets import (
    Targets,
    compute_class_prior,
    compute_pixel_statistics,
    compute_targets,
    match_classes,
    mix_labels,
    temper_targets,
)
from fer_core.errors import ConfigError
from fer_core.models import FerModel, build_model, count_parameters, find_architecture, is_bf16_fast
from fer_core.models.checkpoint_files import build_described
from fer_core.provenance import Terms
from fer_core.training.checks import (
    check_classes,
    check_settings,
    check_share,
    check_speakers,
    check_targets,
    find_parent,
)
from fer_core.training.lineage import gather_terms
from fer_core.training.losses import Teachers, load_teachers
from fer_core.types import Float32Array
from fer_core.workspace import Workspace

SMALL_SCALES: Final[tuple[float, float]] = (1 / 2, 2 / 3)
"""Of the side of images in the first and the second half of `augment.small_until`."""
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
    terms: tuple[Terms, ...] = ()
    """Of the data, and of every model it starts from or learns from."""
    parent: CheckpointEntry | None = None
    """The model that is adapted, where it is that."""
    replay: tuple[Dataset, Targets] | None = None
    """What is learned again beside the data set."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Those of the network: the adapted model's, or the data set's."""
        return self.dataset.info.classes if self.parent is None else self.parent.info.classes

    @property
    def distributions(self) -> Float32Array:
        """Targets of all that can be learned from: the data set's training images, then the replayed ones."""
        own = self.train.distributions
        return own if self.replay is None else np.concatenate([own, self.replay[1].distributions])

    @property
    def num_replayed(self) -> int:
        """Replayed images an epoch."""
        if self.replay is None:
            return 0
        share = self.config.data.replay_share
        return min(len(self.replay[1]), round(len(self.train) * share / (1 - share)))

    def load_images(self, picked: npt.NDArray[np.int64], device: torch.device) -> Tensor:
        """Images of some rows of `distributions` as the network takes them, not yet normalised."""
        rest = picked - len(self.train)
        if self.replay is None or (rest < 0).all():
            return load_batch(self.dataset.images, self.train.indices[picked], self.spec, device)
        again, targets = self.replay
        old = load_batch(again.images, targets.indices[rest[rest >= 0]], self.spec, device)
        batch = old.new_empty((len(picked), *old.shape[1:]))
        is_old = torch.from_numpy(rest >= 0).to(device)
        batch[is_old] = old
        batch[~is_old] = load_batch(
            self.dataset.images, self.train.indices[picked[rest < 0]], self.spec, device
        )
        return batch

    def describe_data(self) -> dict[str, Any]:
        """What a checkpoint says about the data that it learnt from."""
        return {
            "name": self.dataset.name,
            "fingerprint": self.dataset.info.fingerprint,
            "label_mode": self.config.data.label_mode,
            **({"label_weight": weight} if (weight := self.config.data.label_weight) else {}),
            "num_train_images": len(self.train),
            CLASS_PRIOR_KEY: self._describe_prior(),
            **({EARLIER_KEY: earlier} if (earlier := self._list_earlier()) else {}),
        }

    def _describe_prior(self) -> dict[str, float]:
        own = compute_class_prior(
            self.train, self.classes, is_balanced=self.config.data.sampling == "balanced"
        )
        if self.replay is None:
            return own
        old = compute_class_prior(self.replay[1], self.classes)
        share = self.num_replayed / (self.num_replayed + len(self.train))
        return {name: round((1 - share) * own[name] + share * old[name], 6) for name in own}

    def _list_earlier(self) -> list[dict[str, str]]:
        """Data sets that the adapted model and what is replayed have seen, each once."""
        seen = [] if self.parent is None else [self.parent.info.data, *self.parent.info.earlier]
        if self.replay is not None:
            info = self.replay[0].info
            seen.append({"name": info.name, "fingerprint": info.fingerprint})
        named = {str(item.get("fingerprint") or ""): str(item.get("name") or "") for item in seen}
        return [{"name": name, "fingerprint": mark} for mark, name in named.items() if mark]

    def describe_run(self) -> dict[str, Any]:
        """What meta.json of a run says about it."""
        return {
            "data_fingerprint": self.dataset.info.fingerprint,
            "other_fingerprints": self._list_other_fingerprints(),
            "seed": self.config.seed,
            "num_train_images": len(self.train),
            "num_valid_images": len(self.valid),
            "num_parameters": count_parameters(self.model),
        }

    def _list_other_fingerprints(self) -> dict[str, str]:
        marks = {} if self.teachers is None else self.teachers.fingerprints
        named = {f"teacher {name!r}": mark for name, mark in marks.items()}
        if self.replay is not None:
            info = self.replay[0].info
            named[f"replayed data set {info.name!r}"] = info.fingerprint
        return named

    def describe_start(self) -> dict[str, Any]:
        """What a checkpoint says about other models it came from; empty if there were none."""
        config = self.config
        parent = self.parent
        return {
            **({"started_from": config.transfer.weights} if config.transfer.weights else {}),
            **({"adapted_from_sha256": parent.info.weights_sha256} if parent is not None else {}),
            **({"replayed": self.replay[0].name} if self.replay is not None else {}),
            **({"teachers": config.distill.teachers} if config.distill.teachers else {}),
        }


def load_task(config: TrainConfig, workspace: Workspace, *, is_resumed: bool = False) -> Task:
    """Check a configuration, open its data set and build the network.

    The built-in data set is drawn where it was not yet, but only after all that can be told without it.

    Args:
        config: the settings.
        workspace: where data sets, pretrained weights and teachers are.
        is_resumed: as in `prepare_task`.

    Raises:
        FerError: as in `prepare_task`.
    """
    info = check_settings(config, workspace, num_processes=_count_processes(), is_resumed=is_resumed)
    check_network(config, info)
    resolve_precision(config.precision, PartialState().device)
    dataset = open_dataset(config.data.dataset, workspace)
    return prepare_task(config, dataset, workspace, is_resumed=is_resumed)


def check_network(config: TrainConfig, info: DatasetInfo) -> None:
    """Build the network without memory for its weights. No device is touched: which one is not settled yet.

    Args:
        config: the settings.
        info: the data set.

    Raises:
        ConfigError: there is no such architecture, an argument does not work, or it can't take such images.
    """
    with torch.device("meta"):
        model = _build_network(config, info).eval()
        if config.augment.small_until:
            _check_smaller(config, info, model)


def _check_smaller(config: TrainConfig, info: DatasetInfo, model: FerModel) -> None:
    """Check that a network on the meta device takes the smaller images of `augment.small_until`, too."""
    place = f"augment.small_until is {config.augment.small_until:g}"
    if info.kind == "sound":
        raise ConfigError(f"{place}, but {info.name!r} holds sound, whose pictures have one size; expected 0")
    channels = 1 if _choose_color(config, info) == "gray" else 3
    for scale in SMALL_SCALES:
        height, width = shrink_size(_choose_size(config, info), scale)
        try:
            model(torch.zeros(2, channels, height, width))
        except (RuntimeError, ValueError, AssertionError) as cause:
            raise ConfigError(
                f"{place}, but {config.model.name} does not take smaller images ({height}x{width} px); "
                "expected 0"
            ) from cause


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
    workspace = workspace or Workspace.default()
    parent = find_parent(config, workspace)
    train = _compute_train_targets(config, dataset)
    valid = compute_targets(dataset, config.data.valid_split, "majority")
    check_targets(config, dataset.info, train)
    check_speakers(dataset, train.indices, valid.indices)
    check_share(config, _count_processes())
    classes = dataset.info.classes if parent is None else parent.info.classes
    if parent is not None:
        check_classes(config, dataset.info, parent.info, train)
    train, valid = (match_classes(item, dataset.info.classes, classes) for item in (train, valid))
    replay = _load_replay(config, classes, workspace)
    spec = _describe_input(config, dataset, train) if parent is None else parent.info.input
    torch.manual_seed(config.seed)
    model = _build_network(config, dataset.info) if parent is None else build_described(parent.info)
    if config.transfer.weights and not is_resumed:
        from fer_core.models.pretrained import load_pretrained

        report = load_pretrained(model, config.transfer.weights, workspace)
        _LOG.info("pretrained weights %s: %s", config.transfer.weights, report)
    teachers = load_teachers(config.distill, classes, workspace)
    terms = gather_terms(config, [dataset.info, *([replay[0].info] if replay else [])], workspace)
    return Task(config, dataset, train, valid, spec, precision, model, teachers, terms, parent, replay)


def _compute_train_targets(config: TrainConfig, dataset: Dataset) -> Targets:
    votes = compute_targets(dataset, config.data.train_split, config.data.label_mode)
    tempered = temper_targets(votes, config.data.label_temperature)
    return mix_labels(dataset, tempered, config.data.label_weight)


def _load_replay(
    config: TrainConfig, classes: Sequence[str], workspace: Workspace
) -> tuple[Dataset, Targets] | None:
    if not config.data.replay:
        return None
    dataset = open_dataset(config.data.replay, workspace)
    return dataset, match_classes(_compute_train_targets(config, dataset), dataset.info.classes, classes)


def _count_processes() -> int:
    return int(os.environ.get("WORLD_SIZE", "1"))


def _build_network(config: TrainConfig, info: DatasetInfo) -> FerModel:
    return build_model(
        config.model.name,
        num_classes=len(info.classes),
        in_channels=1 if _choose_color(config, info) == "gray" else 3,
        input_size=_choose_size(config, info),
        arguments=config.model.arguments,
    )


def _choose_size(config: TrainConfig, info: DatasetInfo) -> tuple[int, int]:
    """Rows and columns of the network's input; of sound those of its pictures."""
    if info.kind == "sound":
        if config.model.height:
            raise ConfigError(
                f"model.height is {config.model.height}, but {info.name!r} holds sound, whose pictures have "
                f"{info.height} bands x {info.width} columns; leave height and width at 0"
            )
        return info.height, info.width
    if config.model.height:
        return config.model.height, config.model.width
    return find_architecture(config.model.name).input_size or (info.height, info.width)


def _choose_color(config: TrainConfig, info: DatasetInfo) -> ColorMode:
    if info.kind == "sound":
        if config.model.color == "rgb":
            raise ConfigError(f"model.color is 'rgb', but {info.name!r} holds sound, which has one channel")
        return "gray"
    if config.model.color != "auto":
        return config.model.color
    return "rgb" if config.transfer.weights == HUB else info.color


def _describe_input(config: TrainConfig, dataset: Dataset, train: Targets) -> InputSpec:
    height, width = _choose_size(config, dataset.info)
    color = _choose_color(config, dataset.info)
    mean, std = compute_pixel_statistics(dataset, train.indices)
    if color == "rgb" and dataset.info.color == "gray":
        mean, std = mean * 3, std * 3
    elif color == "gray" and dataset.info.color == "rgb":
        mean, std = (float(np.mean(mean)),), (float(np.mean(std)),)
    return InputSpec(
        kind=dataset.info.kind,
        height=height,
        width=width,
        color=color,
        mean=mean,
        std=std,
        sound=dataset.info.sound,
    )


def resolve_precision(precision: Precision, device: torch.device) -> str:
    """Name of the arithmetic in accelerate's terms: `no` (fp32), `bf16` or `fp16`.

    Raises:
        ConfigError: fp16 on a CPU, which has no gradient scaling.
    """
    if precision == "fp32":
        return "no"
    if precision == "fp16":
        if device.type == "cpu":
            raise ConfigError("precision is 'fp16' on a CPU; expected 'bf16', 'fp32' or 'auto'")
        return "fp16"
    if precision == "bf16":
        return "bf16"
    return "bf16" if is_bf16_fast(device) else "no"
