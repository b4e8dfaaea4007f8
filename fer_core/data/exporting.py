"""Taking a data set out of the workspace: class folders of PNG, or one CSV as FER2013's."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np

from fer_core.data.image_writer import full_disk_as_error
from fer_core.data.store import Dataset
from fer_core.errors import DataError, FerError
from fer_core.io import atomic_directory, atomic_path

ExportFormat = Literal["folders", "csv"]


def export_dataset(
    dataset: Dataset,
    target: Path,
    kind: ExportFormat,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write a data set as split/class/row.png, or as a CSV of split, label, pixels and the other columns.

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
            place = folder / split / (label or "unlabelled")
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.asarray(dataset.images[row])).save(place / f"{row:07d}.png")
            if row % 200 == 0 or row + 1 == total:
                report(row + 1, total)


def _export_csv(dataset: Dataset, target: Path, report: Callable[[int, int], None]) -> None:
    if dataset.info.color != "gray":
        raise DataError("a CSV of pixels holds grey images only; export class folders instead")
    total = len(dataset.images)
    with atomic_path(target) as path, path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*dataset.samples.columns, "pixels"])
        for row, values in enumerate(dataset.samples.itertuples(index=False)):
            pixels = " ".join(map(str, np.asarray(dataset.images[row]).ravel().tolist()))
            writer.writerow([*values, pixels])
            if row % 200 == 0 or row + 1 == total:
                report(row + 1, total)
