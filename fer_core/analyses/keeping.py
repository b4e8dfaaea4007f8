"""Keeping an analysis: whole or not at all; renaming, exporting and deleting one."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import filelock

from fer_core.analyses.records import (
    MAX_NAME,
    RECORD_FILE,
    TABLE_FILE,
    AnalysisRecord,
    KeptAnalysis,
    KeptFile,
    load_analysis,
)
from fer_core.errors import AnalysisError, ConfigError
from fer_core.io import (
    atomic_directory,
    atomic_path,
    hold_lock,
    remove_directory,
    sha256_file,
    write_bytes,
    write_json,
)
from fer_core.results import RESULTS, encode_table, list_extensions
from fer_core.scratch import scratch_folder
from fer_core.workspace import Workspace
from fer_core.zip_file import write_zip_file

if TYPE_CHECKING:
    import pandas as pd

_LOCK_FILE: Final[str] = ".lock"
_LOCK_WAIT_S: Final[float] = 30.0


def validate_title(name: str) -> str:
    """The name of an analysis, without the spaces around it.

    Raises:
        ConfigError: it is empty, too long, or holds what can't be seen.
    """
    title = " ".join(name.split())
    if not title or len(title) > MAX_NAME or not title.isprintable():
        raise ConfigError(
            f"{name!r} can't be the name of an analysis; use 1 to {MAX_NAME} letters, digits and signs"
        )
    return title


@dataclass(slots=True)
class Draft:
    """An analysis that is being written."""

    key: str
    """Its id."""
    folder: Path
    """Write `faces.parquet` here, and what else is to be kept."""
    record: AnalysisRecord | None = None
    """Set this before the block ends; name, figures of the table and files are filled in."""


@contextmanager
def keep_analysis(workspace: Workspace, name: str, owner: str = "") -> Iterator[Draft]:
    """Yield a folder to write an analysis into; it is one of the list when the block ends well.

    Args:
        workspace: where it is kept.
        name: in the user's words.
        owner: who keeps it, where the dashboard has a login.

    Raises:
        ConfigError: it can't be called that.
        StorageError: the disk is full or read-only, or the folder may not be written.
    """
    title = validate_title(name)
    key = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    with atomic_directory(workspace.analyses / key) as folder:
        draft = Draft(key, folder)
        yield draft
        assert draft.record is not None
        record = replace(draft.record, name=title, owner=owner)
        write_json(folder / RECORD_FILE, _complete(record, folder))


def _complete(record: AnalysisRecord, folder: Path) -> dict[str, Any]:
    import msgspec
    import pandas as pd

    figures = _summarise(pd.read_parquet(folder / TABLE_FILE), record.classes)
    files = {
        path.relative_to(folder).as_posix(): KeptFile(num_bytes=path.stat().st_size, sha256=sha256_file(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    value: dict[str, Any] = msgspec.to_builtins(replace(record, files=files, **figures))
    return value


def _summarise(table: "pd.DataFrame", classes: tuple[str, ...]) -> Mapping[str, Any]:
    """`num_faces`, `num_rows`, `mean_shares` and `labels` of a table of faces, for its `AnalysisRecord`."""
    faces = table[table["num_faces"] > 0]
    if faces.empty:
        return {"num_faces": 0, "num_rows": 0, "mean_shares": {}, "labels": {}}
    return {
        "num_faces": int(faces["track_id"].nunique()) if "track_id" in faces else len(faces),
        "num_rows": len(faces),
        "mean_shares": {name: float(faces[name].mean()) for name in classes},
        "labels": {str(name): int(count) for name, count in faces["label"].value_counts().items()},
    }


def rename_analysis(workspace: Workspace, key: str, name: str) -> None:
    """Give an analysis another name.

    Raises:
        ConfigError: it can't be called that.
        AnalysisError: there is none with this id, or it is damaged.
    """
    import msgspec

    title = validate_title(name)
    with _hold(workspace):
        analysis = load_analysis(workspace, key)
        value = msgspec.to_builtins(replace(analysis.facts, name=title))
        write_json(analysis.folder / RECORD_FILE, value)


def delete_analysis(workspace: Workspace, key: str) -> None:
    """Remove an analysis with everything in it; a damaged one too.

    Raises:
        AnalysisError: there is none with this id, or it can't be removed.
    """
    with _hold(workspace):
        folder = load_analysis(workspace, key).folder
        remove_directory(folder, f"analysis {key!r}", AnalysisError)


@contextmanager
def _hold(workspace: Workspace) -> Iterator[None]:
    """One change at a time: a name written while another process deletes would bring half of it back."""
    try:
        with hold_lock(workspace.analyses / _LOCK_FILE, timeout_s=_LOCK_WAIT_S):
            yield
    except filelock.Timeout as cause:
        raise AnalysisError("another process changes the analyses; try again") from cause


def export_analysis(analysis: KeptAnalysis, target: Path) -> None:
    """Write an analysis as one file: all of it as a `.zip`, or its table in a results format.

    Args:
        analysis: to write.
        target: the file; an existing one is replaced.

    Raises:
        AnalysisError: the analysis is damaged.
        ConfigError: the file's name ends in none of these.
        StorageError: it can't be written.
    """
    suffix = target.suffix.lower().removeprefix(".")
    if suffix == "zip":
        files = {RECORD_FILE: analysis.folder / RECORD_FILE}
        files |= {name: analysis.folder / name for name in analysis.facts.files}
        with atomic_path(target) as temporary:
            write_zip_file(temporary, {f"{analysis.key}/{name}": path for name, path in files.items()})
    elif suffix in RESULTS:
        write_bytes(target, encode_table(analysis.load_table(), suffix))
    else:
        raise ConfigError(f"{target.name!r} ends in {target.suffix!r}; expected .zip, {list_extensions()}")


def encode_zip(analysis: KeptAnalysis) -> bytes:
    """The zip of `export_analysis` in memory, for a browser.

    Raises:
        AnalysisError: the analysis is damaged.
        StorageError: the temporary folder is full.
    """
    with scratch_folder() as folder:
        export_analysis(analysis, folder / "analysis.zip")
        return (folder / "analysis.zip").read_bytes()
