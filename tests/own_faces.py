"""Data sets of own faces that a test makes for itself: a few people, each in some clips."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from fer_core.data.store import DatasetInfo, write_dataset
from fer_core.data.synthetic import draw_face
from fer_core.workspace import Workspace


def write_own_faces(
    workspace: Workspace,
    name: str = "own",
    *,
    classes: Sequence[str] = ("neutral", "happiness", "surprise"),
    num_people: int = 10,
    faces_each: int = 6,
    is_drawn: bool = False,
    **columns: Any,
) -> DatasetInfo:
    """Write labelled faces with a column `person`; all in split `train`, as a folder of pictures imports.

    Args:
        workspace: where.
        name: of the data set.
        classes: in turn, one a face.
        num_people: named p0, p1, ...
        faces_each: of every person.
        is_drawn: drawn faces; noise otherwise, which costs nothing.
        columns: further columns, or others in place of the usual ones; None leaves one out.
    """
    count = num_people * faces_each
    rng = np.random.default_rng(0)
    labels = [classes[index % len(classes)] for index in range(count)]
    if is_drawn:
        images = np.stack([draw_face(label, rng) for label in labels])
    else:
        images = rng.integers(0, 256, (count, 48, 48), dtype=np.uint8)
    usual = {
        "split": "train",
        "label": labels,
        "source": "",
        "image_name": [f"{index}.png" for index in range(count)],
        "person": [f"p{index // faces_each}" for index in range(count)],
    }
    table = {key: value for key, value in {**usual, **columns}.items() if value is not None}
    return write_dataset(
        workspace.dataset(name),
        images=images,
        samples=pd.DataFrame(table),
        classes=tuple(classes),
        importer="test",
        source="made by a test",
    )
