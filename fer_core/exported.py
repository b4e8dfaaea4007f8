"""The exported files beside a checkpoint: `exports.json` says what each is and how it was checked."""

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from filelock import Timeout

from fer_core.errors import CheckpointError
from fer_core.io import hold_lock, read_json, write_json
from fer_core.onnx_file import check_format_name
from fer_core.workspace import Workspace

EXPORTS_FILE: Final[str] = "exports.json"
LOCK_FILE: Final[str] = ".exports.lock"
_LOCK_S: Final[float] = 10.0
SCHEMA_VERSION: Final[int] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """How an exported file compared with the network it came from, on the same faces."""

    dataset: str
    split: str
    num_images: int
    max_difference: float
    """Largest difference of a logit."""
    max_probability_difference: float
    """Largest difference of a probability, 0 to 1."""
    label_agreement: float
    """Fraction of the faces that get the same class."""
    accuracy: float
    """Of the file, as a fraction, on those faces."""
    accuracy_torch: float
    """Of the network on the same faces."""
    protocol: str
    """Rule by which the faces were labelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRecord:
    """One exported file."""

    path: Path
    precision: str
    """Name of the export format."""
    embedding: bool
    uint8_input: bool
    num_bytes: int
    """Of the file, and of its external data if it has any."""
    sha256: str
    """As written in the file's own metadata."""
    weights_sha256: str
    """Of the weights that were exported."""
    parity: Parity
    created: str
    """UTC, ISO 8601."""


def list_exports(folder: Path, *, weights_sha256: str = "") -> list[ExportRecord]:
    """The exported files in a checkpoint's folder, in the order they were made; missing files are left out.

    Args:
        folder: the checkpoint's folder.
        weights_sha256: leave out what was exported from other weights; empty lists all.

    Raises:
        CheckpointError: `exports.json` is damaged.
    """
    path = folder / EXPORTS_FILE
    if not path.is_file():
        return []

    def locate(_kind: type, name: object) -> Path:
        if not re.fullmatch(r"model-[\w.-]+", str(name)):
            raise ValueError(f"file name {name!r}")
        return folder / str(name)

    try:
        files = read_json(path, CheckpointError).get("files")
        records = msgspec.convert(files, list[ExportRecord], dec_hook=locate)
        for record in records:
            check_format_name(record.precision)
    except ValueError as cause:
        raise CheckpointError(f"{path} is damaged ({cause}); delete it and export the model again") from cause
    return [
        record
        for record in records
        if record.path.is_file() and weights_sha256 in ("", record.weights_sha256)
    ]


def get_exports_folder(folder: Path, workspace: Workspace) -> Path:
    """Where files exported from a checkpoint go: beside it, or into the workspace if it ships.

    Args:
        folder: the checkpoint's.
        workspace: the one that works with it.
    """
    ships = folder.resolve().parent == workspace.checkpoints.resolve()
    return workspace.exports / folder.name if ships else folder


def find_exports(folder: Path, workspace: Workspace, *, weights_sha256: str = "") -> list[ExportRecord]:
    """All exported files of a checkpoint: those beside it, and in place of them those of the workspace.

    Args:
        folder: the checkpoint's.
        workspace: the one that works with it.
        weights_sha256: as for `list_exports`.

    Raises:
        CheckpointError: an `exports.json` is damaged.
    """
    places = dict.fromkeys((folder, get_exports_folder(folder, workspace)))
    found = [record for place in places for record in list_exports(place, weights_sha256=weights_sha256)]
    return list({record.path.name: record for record in found}.values())


def add_export(folder: Path, record: ExportRecord) -> None:
    """Note `record` in the folder's `exports.json`, in place of an earlier one of the same file.

    Raises:
        CheckpointError: `exports.json` is damaged, or another program keeps it.
        StorageError: it can't be written.
    """
    try:
        with hold_lock(folder / LOCK_FILE, timeout_s=_LOCK_S):  # two exports may end at once
            others = [item for item in list_exports(folder) if item.path.name != record.path.name]
            save_exports(folder, [*others, record])
    except Timeout as cause:
        raise CheckpointError(
            f"{folder / EXPORTS_FILE} is being written by another program; try again"
        ) from cause


def save_exports(folder: Path, records: list[ExportRecord]) -> None:
    """Write the folder's `exports.json`."""
    files = [{**dataclasses.asdict(item), "path": item.path.name} for item in records]
    write_json(folder / EXPORTS_FILE, {"schema_version": SCHEMA_VERSION, "files": files})
