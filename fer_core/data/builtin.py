"""The data set that every machine has: schematic faces, drawn on first use."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pandas as pd

from fer_core.data.image_writer import claim_name, full_disk_as_error
from fer_core.data.store import (
    SCHEMATIC_FACES,
    VOTE_COLUMNS,
    Dataset,
    DatasetInfo,
    list_datasets,
    load_dataset,
    load_dataset_info,
    write_dataset,
)
from fer_core.data.synthetic import SIZE_PX, generate_schematic_faces, list_splits
from fer_core.errors import DataError, FerError
from fer_core.labels import EMOTIONS
from fer_core.provenance import SCHEMATIC
from fer_core.workspace import Workspace

NUM_IMAGES: Final[int] = 4000
_SEED: Final[int] = 20240
_WAIT_S: Final[float] = 120
"""Drawing takes about ten seconds; runs that start together wait for the one that draws."""


def write_schematic_faces(
    workspace: Workspace,
    name: str = SCHEMATIC_FACES,
    *,
    num_images: int = NUM_IMAGES,
    seed: int = _SEED,
    replace: bool = False,
    wait_s: float = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> DatasetInfo:
    """Draw the built-in data set into the workspace.

    Raises:
        FerError: a data set of that name exists and `replace` is False, or is being written now.
    """
    target = workspace.dataset(name)
    with claim_name(target, replace=replace, wait_s=wait_s), full_disk_as_error():
        return _draw(target, num_images, seed=seed, replace=replace, on_progress=on_progress)


def _draw(
    target: Path,
    num_images: int,
    *,
    seed: int,
    replace: bool,
    on_progress: Callable[[int, int], None] | None,
) -> DatasetInfo:
    faces = generate_schematic_faces(num_images, seed=seed, on_progress=on_progress)
    samples = pd.DataFrame(
        {
            "split": faces.split,
            "label": faces.labels,
            "source": [f"schematic-faces seed {seed}, face {index}" for index in range(num_images)],
            "image_name": "",
            **{column: faces.votes[:, index] for index, column in enumerate(VOTE_COLUMNS)},
        }
    )
    return write_dataset(
        target,
        images=faces.images,
        samples=samples,
        classes=EMOTIONS,
        importer=SCHEMATIC_FACES,
        source=f"drawn by this program, seed {seed}",
        terms=[SCHEMATIC],
        replace=replace,
    )


def open_dataset(name: str, workspace: Workspace) -> Dataset:
    """Open a data set by name; the built-in one is drawn if it is not there yet.

    Raises:
        DataError: no such data set, or it is damaged.
    """
    folder = workspace.dataset(name)
    if name == SCHEMATIC_FACES and not folder.exists():
        try:
            write_schematic_faces(workspace, wait_s=_WAIT_S)
        except FerError:
            if not folder.exists():  # else another process has just drawn it
                raise
    return load_dataset(folder)


def describe_dataset(name: str, workspace: Workspace) -> DatasetInfo:
    """What is known of a data set without its images; nothing is drawn.

    The built-in set has an empty fingerprint until it is drawn.

    Raises:
        DataError: there is no such data set, or it is damaged.
    """
    folder = workspace.dataset(name)
    if folder.exists():
        return load_dataset_info(folder)
    if name != SCHEMATIC_FACES:
        known = ", ".join(dict.fromkeys([SCHEMATIC_FACES, *(info.name for info in list_datasets(workspace))]))
        raise DataError(
            f"there is no data set {name!r} in {workspace.datasets}; import it with `fer import`. "
            f"Known: {known}"
        )
    return DatasetInfo(
        name=name,
        classes=EMOTIONS,
        color="gray",
        height=SIZE_PX,
        width=SIZE_PX,
        num_images=NUM_IMAGES,
        split_counts=Counter(list_splits(NUM_IMAGES)),
        has_votes=True,
        importer=SCHEMATIC_FACES,
        source=f"drawn by this program, seed {_SEED}",
        terms=(SCHEMATIC,),
        fingerprint="",
    )
