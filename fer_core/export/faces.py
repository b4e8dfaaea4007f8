"""The faces on which an exported file is calibrated and checked, as crops at the model's size."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer_core.checkpoint import CheckpointInfo, InputSpec
from fer_core.data.store import SCHEMATIC_FACES, Dataset
from fer_core.errors import ConfigError, DataError
from fer_core.types import UInt8Array
from fer_core.workspace import Workspace

_BATCH_SIZE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Faces:
    """Ready crops and their classes."""

    crops: UInt8Array
    """N x H x W (grey models) or N x H x W x 3, at the model's input size."""
    labels: npt.NDArray[np.int64]
    """Class of each, by the model's class order; N."""
    dataset: str
    split: str
    protocol: str


def choose_dataset(info: CheckpointInfo, workspace: Workspace, name: str | None = None) -> Dataset:
    """Open the data set to check a model on: the named one, else the model's own, else the built-in faces.

    Raises:
        DataError: the named data set does not exist.
        ConfigError: it has other classes than the model.
    """
    from fer_core.data.builtin import open_dataset

    own = str(info.data.get("name", ""))
    chosen = name or (own if own and _exists(own, workspace) else SCHEMATIC_FACES)
    dataset = open_dataset(chosen, workspace)
    if set(dataset.info.classes) != set(info.classes):
        raise ConfigError(
            f"{info.name} predicts {', '.join(info.classes)}, but data set {chosen!r} has "
            f"{', '.join(dataset.info.classes)}; name a data set with the model's classes"
        )
    return dataset


def _exists(name: str, workspace: Workspace) -> bool:
    try:
        return workspace.dataset(name).is_dir()
    except ConfigError:  # a checkpoint of a stranger may name anything
        return False


def load_faces(dataset: Dataset, split: str, info: CheckpointInfo, *, num_faces: int = 0) -> Faces:
    """Take faces of a split, labelled by majority, spread evenly over it.

    Args:
        dataset: with the model's classes, in any order.
        split: which split.
        info: the model.
        num_faces: at most so many; 0 takes all.

    Raises:
        DataError: the split does not exist or is empty.
    """
    from fer_core.data.targets import compute_targets

    targets = compute_targets(dataset, split, "majority")
    count = len(targets) if num_faces == 0 else min(num_faces, len(targets))
    chosen = np.linspace(0, len(targets) - 1, count).round().astype(np.int64)
    names = np.asarray(dataset.info.classes)[targets.labels[chosen]]
    positions = {name: index for index, name in enumerate(info.classes)}
    return Faces(
        crops=load_crops(dataset, targets.indices[chosen], info.input),
        labels=np.asarray([positions[name] for name in names], dtype=np.int64),
        dataset=dataset.name,
        split=split,
        protocol=targets.protocol,
    )


def choose_split(dataset: Dataset, preferred: tuple[str, ...]) -> str:
    """The first of the preferred splits that the data set has.

    Raises:
        DataError: it has none of them.
    """
    splits = list(dataset.samples["split"].unique())
    for name in preferred:
        if name in splits:
            return name
    raise DataError(
        f"data set {dataset.name!r} has the splits {', '.join(map(str, splits))}; expected one of "
        f"{', '.join(preferred)}"
    )


def load_crops(dataset: Dataset, indices: npt.NDArray[np.int64], spec: InputSpec) -> UInt8Array:
    """The images at `indices` at a model's size: N x H x W (grey models) or N x H x W x 3."""
    import torch

    from fer_core.data.batches import iterate_batches, load_batch

    parts = []
    for batch_indices in iterate_batches(indices, _BATCH_SIZE):
        batch = load_batch(dataset.images, batch_indices, spec, torch.device("cpu"))
        pixels = (batch * 255).round().clamp(0, 255).to(torch.uint8)
        parts.append(pixels[:, 0] if spec.channels == 1 else pixels.permute(0, 2, 3, 1))
    crops: UInt8Array = torch.cat(parts).contiguous().numpy()
    return crops
