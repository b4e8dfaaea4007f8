"""The faces on which an exported file is calibrated and checked, as crops at the model's size."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer_core.checkpoint import CheckpointInfo, InputSpec
from fer_core.data.store import SCHEMATIC_FACES, Dataset
from fer_core.errors import ConfigError, DataError
from fer_core.evaluation.common_classes import select_scored
from fer_core.types import UInt8Array
from fer_core.workspace import Workspace

_BATCH_SIZE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Faces:
    """Ready crops and their classes."""

    crops: UInt8Array
    """N x H x W (grey models) or N x H x W x 3, at the model's input size."""
    labels: npt.NDArray[np.int64]
    """Class of each, a place in `columns`; N."""
    columns: npt.NDArray[np.int64]
    """Outputs of the model for the classes that it and the data set both have, ascending; K."""
    dataset: str
    split: str
    protocol: str


def choose_dataset(info: CheckpointInfo, workspace: Workspace, name: str | None = None) -> Dataset:
    """Open the data set to check a model on: the named one, else the model's own, else the built-in faces.

    Raises:
        DataError: the named data set does not exist.
    """
    from fer_core.data.builtin import open_dataset

    own = str(info.data.get("name", ""))
    chosen = name or (own if own and _exists(own, workspace) else SCHEMATIC_FACES)
    return open_dataset(chosen, workspace)


def _exists(name: str, workspace: Workspace) -> bool:
    try:
        return workspace.dataset(name).is_dir()
    except ConfigError:  # a checkpoint of a stranger may name anything
        return False


def load_faces(dataset: Dataset, split: str, info: CheckpointInfo, *, num_faces: int = 0) -> Faces:
    """Take faces of a split, labelled by majority, spread evenly over it.

    Args:
        dataset: those of its images whose class the model has.
        split: which split.
        info: the model.
        num_faces: at most so many; 0 takes all.

    Raises:
        DataError: the split does not exist or is empty, or fewer than two classes are common.
    """
    scored = select_scored(info.name, info.classes, dataset, split, spec=info.input).spread(num_faces)
    return Faces(
        crops=load_crops(dataset, scored.rows, info.input),
        labels=scored.labels,
        columns=scored.columns,
        dataset=dataset.name,
        split=split,
        protocol=scored.protocol,
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
