"""Exporting a checkpoint: write, check against torch, and only then put in place."""

import contextlib
import copy
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fer_core.checkpoint import CheckpointInfo, find_checkpoint
from fer_core.errors import ExportError
from fer_core.export.formats import EXPORTS, ExportSource
from fer_core.export.formats.foreign import predict_by_foreign, require_file
from fer_core.export.options import ExportOptions
from fer_core.exported import ExportRecord, Parity, add_export, get_exports_folder
from fer_core.io import storage_errors
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from fer_core.data.store import Dataset
    from fer_core.models import FerModel

Progress = Callable[[str], None]


def export_checkpoint(
    reference: str,
    workspace: Workspace,
    options: ExportOptions = ExportOptions(),  # noqa: B008  frozen
    *,
    data: str | None = None,
    out: Path | None = None,
    progress: Progress | None = None,
) -> ExportRecord:
    """Export a checkpoint beside its weights, after checking the file against torch on faces.

    What is exported from one that ships goes into the workspace: its own files belong to the project.

    Args:
        reference: what `find_checkpoint` understands.
        workspace: where runs and data sets are.
        options: format and form.
        data: data set for calibration and check; None takes the one the model learnt from, or the built-in
            faces where that one is not here.
        out: another folder; the record goes there too.
        progress: told in words what happens next.

    Raises:
        CheckpointError, DataError, ConfigError: something named is missing or damaged.
        ExportError: the network can't be expressed, the file does not predict as the network does, or it
            can't be written; nothing is left behind.
    """
    from fer_core.export.faces import choose_dataset
    from fer_core.models import load_checkpoint

    tell = progress or (lambda _text: None)
    entry = find_checkpoint(reference, workspace)
    model, info = load_checkpoint(entry.folder)
    dataset = choose_dataset(info, workspace, data)
    folder = out or get_exports_folder(entry.folder, workspace)
    with _scratch_folder(folder) as scratch:
        made = write_file(model, info, dataset, options, scratch / options.file_name, tell)
        parity = _check(model, info, dataset, options, made, tell)
        record = ExportRecord(
            path=folder / options.file_name,
            precision=options.format,
            embedding=options.embedding,
            uint8_input=options.uint8_input,
            num_bytes=sum(path.stat().st_size for path in made.paths),
            sha256=made.sha256,
            weights_sha256=info.weights_sha256,
            parity=parity,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        for path in reversed(made.paths):  # the graph last: it names the data
            path.replace(folder / path.name)
    add_export(folder, record)
    return record


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A described, not yet checked file."""

    paths: tuple[Path, ...]
    """The file, then its data if they are in a second one."""
    sha256: str


def write_file(
    model: "FerModel",
    info: CheckpointInfo,
    dataset: "Dataset",
    options: ExportOptions,
    target: Path,
    tell: Progress,
) -> WrittenFile:
    """Write `model` at `target`, in a folder that may hold scratch files; nothing is compared yet.

    Raises:
        ExportError: the network can't be expressed in that format, or that is an installed package's and does
            not work.
        DataError: there are no faces to calibrate on.
    """
    # A package's may halve or fuse what it gets: of a copy, or the comparison would be with its own work.
    given = copy.deepcopy(model) if EXPORTS.is_foreign(options.format) else model
    source = ExportSource(model=given, info=info, dataset=dataset, options=options, target=target, tell=tell)
    with (
        EXPORTS.blame(options.format, ExportError, f"write {target.name}"),
        storage_errors(target, is_ours=False),  # a full disk is no fault of theirs
    ):
        sha256 = EXPORTS[options.format].write(source)
        if EXPORTS.is_foreign(options.format):
            require_file(options.format, target, sha256)
    data = target.with_name(target.name + ".data")
    return WrittenFile((target, *([data] if data.is_file() else [])), sha256)


def _check(
    model: "FerModel",
    info: CheckpointInfo,
    dataset: "Dataset",
    options: ExportOptions,
    made: WrittenFile,
    tell: Progress,
) -> Parity:
    from fer_core.export import faces, parity

    split = faces.choose_split(dataset, ("valid", "test", "train"))
    chosen = faces.load_faces(dataset, split, info, num_faces=options.num_faces)
    tell(f"comparing with torch on {len(chosen.crops):,} faces of {dataset.name} {split}")
    expected = parity.compute_torch_outputs(model, info, chosen)
    if EXPORTS.is_foreign(options.format):
        found = predict_by_foreign(options.format, made.paths[0], chosen, expected[0].shape)
    else:
        found = EXPORTS[options.format].predict(made.paths[0], chosen)
    result = parity.compare_outputs(expected, found, chosen)
    parity.require_parity(result, options.format)
    return result


@contextlib.contextmanager
def _scratch_folder(folder: Path) -> Iterator[Path]:
    """A folder on the same disk as `folder`, which is made; gone at the end, with all that is left in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".export-", dir=folder))
    except OSError as cause:
        raise ExportError(
            f"{folder} can't be written: {cause.strerror or cause}; choose another with --out"
        ) from cause
    try:
        yield scratch
    except OSError as cause:
        raise ExportError(f"{folder} can't be written: {cause.strerror or cause}; make room there") from cause
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
