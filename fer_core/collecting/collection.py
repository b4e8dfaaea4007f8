"""A collection: faces of one's own, picked to be labelled. Making, finding, reading and deleting one.

A folder `workspace/collections/<name>/`: `collection.json`, `faces.parquet` with a row a face, a PNG of each
in `faces/`, a small picture of the frame it is from in `frames/`, and `labels.jsonl`
(`fer_core.collecting.labels`).
"""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import filelock

from fer_core import __version__
from fer_core.data.store import list_datasets
from fer_core.errors import CollectionError, ConfigError, FerError
from fer_core.io import (
    atomic_directory,
    atomic_path,
    hold_lock,
    read_record,
    remove_directory,
    storage_errors,
    write_json,
)
from fer_core.labels import EMOTIONS, validate_classes
from fer_core.results import FACE_FIELDS
from fer_core.runs.cache import read_cached
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

RECORD_FILE: Final[str] = "collection.json"
TABLE_FILE: Final[str] = "faces.parquet"
LABELS_FILE: Final[str] = "labels.jsonl"
FACES_FOLDER: Final[str] = "faces"
FRAMES_FOLDER: Final[str] = "frames"
SCHEMA_VERSION: Final[int] = 1
IMPORTER: Final[str] = "collection"
"""What made a data set of labelled faces, as its description says; its `source` is the collection's name."""
COLUMNS: Final[tuple[str, ...]] = (
    *("face", "clip", "source", "origin", "person", "track_id", "time_s", "crop_side_px"),
    *FACE_FIELDS,
    *("model", "model_sha256", "method", "added", "embedding"),
)
"""Of `faces.parquet`, before one column a class of the models that looked at the faces (docs/LABEL.md)."""
_ID: Final[str] = r"[0-9]{6,9}"
_MAX_NAME: Final[int] = 60
_LOCK: Final[str] = ".edit.lock"
_LOCK_WAIT_S: Final[float] = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionRecord:
    """collection.json."""

    schema_version: int = SCHEMA_VERSION
    created: datetime
    version: str = __version__
    """Of the program that made it."""
    owner: str = ""
    """Who made it, where the dashboard has a login; empty for everybody."""
    classes: tuple[str, ...] = EMOTIONS
    """What faces can be labelled as, in the order of the keys 1 to 8."""
    last_face: int = 0
    """Highest id that a face had when faces were deleted: an id is never given twice, for labels that come
    late, from an open tab or from Label Studio, name the face by it."""


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection in a workspace."""

    folder: Path
    record: CollectionRecord = field(compare=False)

    @property
    def name(self) -> str:
        """That of its folder."""
        return self.folder.name

    @property
    def classes(self) -> tuple[str, ...]:
        """What its faces can be labelled as."""
        return self.record.classes

    def is_of(self, visitor: str) -> bool:
        """Whether a page shows it to a visitor; to an empty one, without a login, it shows all."""
        return not visitor or self.record.owner in ("", visitor)

    def load_faces(self) -> "pd.DataFrame":
        """One row a face: `COLUMNS` and one a class, in the order in which they came. Not to be changed.

        Raises:
            CollectionError: the table is damaged.
        """
        found: pd.DataFrame | None = read_cached(self.folder / TABLE_FILE, load_table)
        return _empty_table() if found is None else found

    def face_file(self, face: str) -> Path:
        """The PNG of a face, RGB."""
        return self.folder / FACES_FOLDER / f"{face}.png"

    def frame_file(self, face: str) -> Path:
        """The small JPEG of the picture that a face is from."""
        return self.folder / FRAMES_FOLDER / f"{face}.jpg"

    @contextmanager
    def edit(self) -> Iterator[None]:
        """Hold the collection against changes of others until the block ends; CollectionError after 30 s."""
        if not self.folder.is_dir():  # or its lock would bring the folder back
            raise CollectionError(f"the collection {self.name!r} is gone; `fer collections` lists them")
        try:
            with hold_lock(self.folder / _LOCK, timeout_s=_LOCK_WAIT_S):
                yield
        except filelock.Timeout as cause:
            raise CollectionError(
                f"the collection {self.name!r} is being changed by another process; try again"
            ) from cause


def create_collection(
    workspace: Workspace, name: str, *, classes: Sequence[str] = EMOTIONS, owner: str = ""
) -> Collection:
    """Make an empty collection.

    Args:
        workspace: where it is made.
        name: of its folder.
        classes: what faces can be labelled as, some of `EMOTIONS`.
        owner: who makes it, where there is a login.

    Raises:
        ConfigError: nothing can be called that, or a class is no emotion.
        FerError: it exists already.
    """
    folder = workspace.collection(name)
    if strangers := [item for item in validate_classes(classes) if item not in EMOTIONS]:
        raise ConfigError(
            f"faces can't be labelled as {strangers[0]!r}; expected some of {', '.join(EMOTIONS)}"
        )
    record = CollectionRecord(created=datetime.now(UTC), owner=owner, classes=tuple(classes))
    with atomic_directory(folder) as temporary:
        for part in (FACES_FOLDER, FRAMES_FOLDER):
            (temporary / part).mkdir()
        (temporary / LABELS_FILE).touch()
        write_json(temporary / RECORD_FILE, _to_json(record))
    return Collection(folder, record)


def open_or_create(workspace: Workspace, name: str, *, owner: str = "") -> Collection:
    """The collection of a name, made if there is none.

    Raises:
        ConfigError: nothing can be called that.
        CollectionError: it is damaged.
    """
    if not workspace.collection(name).is_dir():
        try:
            return create_collection(workspace, name, owner=owner)
        except FerError:
            if not workspace.collection(name).is_dir():
                raise  # else another process made it in the meantime
    return load_collection(workspace, name)


def _to_json(record: CollectionRecord) -> Mapping[str, Any]:
    import msgspec

    found: Mapping[str, Any] = msgspec.to_builtins(record)
    return found


def load_collection(workspace: Workspace, name: str) -> Collection:
    """Open a collection.

    Raises:
        ConfigError: nothing can be called that.
        CollectionError: there is none of that name, or its description is damaged.
    """
    folder = workspace.collection(name)
    if not folder.is_dir():
        raise CollectionError(
            f"there is no collection {name!r}; `fer collections` lists them, `fer collect {name} FILES` "
            "makes one"
        )
    return _open(folder)


def _open(folder: Path) -> Collection:
    advice = "restore it, or delete the collection"
    record = read_record(
        folder / RECORD_FILE, CollectionRecord, CollectionError, advice=advice, schema_version=SCHEMA_VERSION
    )
    return Collection(folder, record)


def list_collections(workspace: Workspace, problems: dict[str, str] | None = None) -> list[Collection]:
    """The readable collections, newest first.

    Args:
        workspace: where they are.
        problems: takes why which others can't be read, if given.
    """
    try:
        folders = [Path(item.path) for item in os.scandir(workspace.collections) if item.is_dir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    found = []
    for folder in sorted(folders):
        if folder.name.startswith("."):  # being made or removed
            continue
        try:
            found.append(_open(folder))
        except CollectionError as error:
            if problems is not None:
                problems[folder.name] = str(error)
    return sorted(found, key=lambda item: item.record.created, reverse=True)


def clean_person(name: str) -> str:
    """The name of a person or an annotator, without the spaces around it.

    Raises:
        ConfigError: it can't be seen, or is too long.
    """
    cleaned = " ".join(name.split())
    if not cleaned.isprintable() or len(cleaned) > _MAX_NAME:
        raise ConfigError(f"{name[:80]!r} can't be a name; use 1 to {_MAX_NAME} letters, digits and signs")
    return cleaned


def load_table(path: Path) -> "pd.DataFrame":
    """Read `faces.parquet`; see `Collection.load_faces`."""
    import pandas as pd

    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError, KeyError, TypeError, NotImplementedError) as cause:
        raise CollectionError(f"{path} is no table: {cause}; restore it, or delete the collection") from cause
    if "source" not in frame:  # a table of before there was this column
        frame["source"] = ""
    frame["source"] = frame["source"].fillna("")
    if missing := set(COLUMNS) - set(frame.columns):
        raise CollectionError(
            f"{path} lacks the column {min(missing)!r}; restore it, or delete the collection"
        )
    ids = frame["face"].astype("string")
    if not ids.str.fullmatch(_ID).all() or ids.duplicated().any():  # they name files
        raise CollectionError(
            f"{path}: faces are not numbered as expected, such as 000001, each once; restore it, or delete "
            "the collection"
        )
    return frame


def _empty_table() -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(columns=list(COLUMNS))


def add_faces(
    collection: Collection,
    rows: Sequence[Mapping[str, Any]],
    files: Sequence[tuple[Path, Path]],
    *,
    settle: "Callable[[pd.DataFrame], Sequence[Mapping[str, Any] | None]] | None" = None,
) -> list[str]:
    """Add faces to the end of a collection: all of them, or none.

    Args:
        collection: to which.
        rows: a mapping a face from `COLUMNS` (without `face`) and class columns to values.
        files: (PNG of the face, JPEG of its picture) of each.
        settle: told the faces that are there, while nobody else can add any; returns of each row what else is
            to stand in it, or None for one that is not to be added.

    Returns:
        Their ids.

    Raises:
        CollectionError: it is gone, or being changed by another process.
        StorageError: the disk is full.
    """
    import pandas as pd

    with collection.edit():
        before = collection.load_faces()
        settled = settle(before) if settle is not None else [{}] * len(rows)
        added = [
            ({**row, **facts}, paths)
            for row, facts, paths in zip(rows, settled, files, strict=True)
            if facts is not None
        ]
        if not added:
            return []
        first = _find_last(before, _open(collection.folder).record) + 1
        ids = [f"{first + place:06d}" for place in range(len(added))]
        with storage_errors(collection.folder / FACES_FOLDER):
            for face, (_, (png, jpeg)) in zip(ids, added, strict=True):
                shutil.copyfile(png, collection.face_file(face))
                shutil.copyfile(jpeg, collection.frame_file(face))
        new = pd.DataFrame([{"face": face, **row} for face, (row, _) in zip(ids, added, strict=True)])
        # Files without a row are overwritten by the next ones; a row always has its files.
        _write_faces(collection, new if before.empty else pd.concat([before, new], ignore_index=True))
    return ids


def _find_last(faces: "pd.DataFrame", record: CollectionRecord) -> int:
    """The highest id that a face has or had."""
    return max([record.last_face, *map(int, faces["face"])])


def _write_faces(collection: Collection, faces: "pd.DataFrame") -> None:
    with atomic_path(collection.folder / TABLE_FILE) as temporary:
        faces.to_parquet(temporary, index=False)


def remove_faces(collection: Collection, is_meant: "Callable[[pd.DataFrame], Any]") -> list[str]:
    """Delete faces with their pictures and labels.

    Args:
        collection: of which.
        is_meant: which rows of the table to delete, as a mask.

    Returns:
        Their ids.
    """
    from fer_core.collecting.labels import drop_labels

    with collection.edit():
        faces = collection.load_faces()
        mask = is_meant(faces)
        gone = [str(face) for face in faces.loc[mask, "face"]]
        if gone:
            record = _open(collection.folder).record
            kept = replace(record, last_face=_find_last(faces, record))
            write_json(collection.folder / RECORD_FILE, _to_json(kept))
            drop_labels(collection.folder / LABELS_FILE, frozenset(gone))
            _write_faces(collection, faces[~mask].reset_index(drop=True))
            for face in gone:
                collection.face_file(face).unlink(missing_ok=True)
                collection.frame_file(face).unlink(missing_ok=True)
    return gone


def remove_person(workspace: Workspace, collection: Collection, person: str) -> list[str]:
    """Delete every face of a person, and the data sets made of the collection, which hold copies of them.

    Returns:
        The names of the data sets.

    Raises:
        CollectionError: nobody is called that, or something can't be removed.
    """
    if not remove_faces(collection, lambda faces: faces["person"] == person):
        known = sorted(set(map(str, collection.load_faces()["person"])))
        raise CollectionError(
            f"nobody in {collection.name!r} is called {person!r}; known: {', '.join(known)}"
        )
    return _remove_datasets(workspace, collection.name)


def delete_collection(workspace: Workspace, name: str) -> list[str]:
    """Delete a collection with its faces and labels, and the data sets made of it, which hold copies of them.

    Runs stay: what a model has learnt can't be taken out of it.

    Returns:
        The names of the data sets.

    Raises:
        CollectionError: there is none of that name, or it can't be removed.
    """
    folder = workspace.collection(name)
    if not folder.is_dir():
        raise CollectionError(f"there is no collection {name!r}; `fer collections` lists them")
    remove_directory(folder, f"collection {name!r}", CollectionError)
    return _remove_datasets(workspace, name)


def find_datasets(workspace: Workspace, name: str) -> list[str]:
    """The data sets that were made of a collection, and what was derived from these, by name."""
    infos = list_datasets(workspace)
    found = {info.name for info in infos if info.importer == IMPORTER and info.source == name}
    roots = set(found)
    for info in infos:  # a history names every step back to the first
        found |= {info.name} if roots & {str(step.get("parent")) for step in info.history} else set()
    return sorted(found)


def _remove_datasets(workspace: Workspace, name: str) -> list[str]:
    found = find_datasets(workspace, name)
    for item in found:
        remove_directory(workspace.dataset(item), f"data set {item!r}", CollectionError)
    return found
