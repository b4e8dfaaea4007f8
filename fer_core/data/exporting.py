"""Taking a data set out of the workspace: class folders of PNG, or one CSV as FER2013's."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np

from fer_core.data.image_writer import full_disk_as_error
from fer_core.data.store import Dataset
from fer_core.errors import DataError, FerError
from fer_core.escaping import neutralise_cell
from fer_core.io import atomic_directory, atomic_path, place_in
from fer_core.results.columns import name_columns, neutralise_names

ExportFormat = Literal["folders", "csv"]


def export_dataset(
    dataset: Dataset,
    target: Path,
    kind: ExportFormat,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write a data set as split/class/row.png (`escape_name`), or as a CSV of its columns and the pixels.

    Raises:
        FerError: the target exists, or the disk is full.
    """
    if target.exists():
        raise FerError(f"{target} exists already; choose another name or remove it first")
    report = on_progress or (lambda done, total: None)
    with full_disk_as_error():
        if kind == "folders":
            _export_folders(dataset, target, report)
        else:
            _export_csv(dataset, target, report)


def _export_folders(dataset: Dataset, target: Path, report: Callable[[int, int], None]) -> None:
    from PIL import Image

    total = len(dataset.images)
    with atomic_directory(target) as folder:
        for row, (split, label) in enumerate(dataset.samples[["split", "label"]].itertuples(index=False)):
            path = place_in(folder, split, label or "unlabelled", f"{row:07d}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.asarray(dataset.images[row])).save(path)
            if row % 200 == 0 or row + 1 == total:
                report(row + 1, total)


def _export_csv(dataset: Dataset, target: Path, report: Callable[[int, int], None]) -> None:
    if dataset.info.color != "gray":
        raise DataError("a CSV of pixels holds grey images only; export class folders instead")
    total = len(dataset.images)
    with atomic_path(target) as path, path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        columns = name_columns(list(dataset.samples.columns), ["pixels"], kind="column")
        writer.writerow(neutralise_names([*columns, "pixels"]))
        for row, values in enumerate(dataset.samples.itertuples(index=False)):
            pixels = " ".join(map(str, np.asarray(dataset.images[row]).ravel().tolist()))
            writer.writerow([*map(neutralise_cell, values), pixels])
            if row % 200 == 0 or row + 1 == total:
                report(row + 1, total)
