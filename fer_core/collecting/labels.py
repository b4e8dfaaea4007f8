"""What people say faces look like, on the disk at every keystroke.

`labels.jsonl` has one line a decision, in the order in which they were made: the last one of an annotator
about a face counts, and one without labels takes the one before it back. Lines are only ever appended, in one
write that is on the disk before it is acknowledged; so a process that is killed loses none, and neither do
two that write at once. Each line has an id from where it was made: sent twice, it counts once.
"""

import os
import re
import threading
from collections.abc import Collection as AnyOf
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import filelock
import msgspec

from fer_core.collecting.collection import LABELS_FILE, Collection, clean_person
from fer_core.errors import CollectionError, ConfigError
from fer_core.io import atomic_path, hold_lock, storage_errors

UNSURE: Final[str] = "unsure"
"""The annotator can't say."""
NO_FACE: Final[str] = "no face"
"""The picture shows none, or none that can be read."""
_ID: Final[re.Pattern[str]] = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LOCK_WAIT_S: Final[float] = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One decision of one annotator about one face: a line of `labels.jsonl`."""

    id: str
    """Made where the key was pressed; the same decision, sent again, has the same."""
    face: str
    annotator: str
    labels: tuple[str, ...] = ()
    """Classes, one or several that share the vote; `unsure`; `no face`. None takes the last one back."""
    time: datetime
    again: bool = False
    """Whether it was made after a disagreement had come back."""


_decoder: Final = msgspec.json.Decoder(Vote)
Votes = Mapping[tuple[str, str], Vote]
"""The votes that count, by face and annotator."""


@dataclass(slots=True)
class LabelBook:
    """The labels of one collection, read as far as they have been written. Safe to share between threads."""

    path: Path
    """Of `labels.jsonl`."""
    _votes: dict[tuple[str, str], Vote] = field(default_factory=dict)
    """The last ones, those that take one back too."""
    _ids: set[str] = field(default_factory=set)
    _size: int = 0
    _inode: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self) -> Votes:
        """The votes that count as of now, those of other processes too.

        Raises:
            CollectionError: the file is gone or damaged.
        """
        with self._lock:
            self._catch_up()
            return {key: vote for key, vote in self._votes.items() if vote.labels}

    def add(self, votes: Sequence[Vote], *, only_newer: bool = False) -> int:
        """Write votes; they are on the disk when this returns. What is there already is not written again.

        Args:
            votes: in the order in which they were made.
            only_newer: leave out those that are older than the last of the same annotator about the same
                face, for votes that were made elsewhere and come late.

        Returns:
            How many were not left out.

        Raises:
            CollectionError: the file is gone or damaged, or another process holds it for too long.
            StorageError: the disk is full or read-only.
        """
        if not self.path.is_file():
            raise CollectionError(f"{self.path} is gone: its collection was deleted, so nothing was saved")
        try:
            with self._lock, hold_lock(_lock_file(self.path), timeout_s=_LOCK_WAIT_S):
                self._catch_up()
                taken = [vote for vote in votes if not only_newer or self._is_newest(vote)]
                new = list({vote.id: vote for vote in taken if vote.id not in self._ids}.values())
                if new:
                    with storage_errors(self.path):
                        _append(self.path, new)
                    self._catch_up()
        except filelock.Timeout as cause:
            raise CollectionError(f"{self.path} is held by another process; try again") from cause
        return len(taken)

    def _is_newest(self, vote: Vote) -> bool:
        last = self._votes.get((vote.face, vote.annotator))
        return last is None or vote.time >= last.time

    def _catch_up(self) -> None:
        try:
            with self.path.open("rb") as file:
                stat = os.fstat(file.fileno())
                if stat.st_ino != self._inode or stat.st_size < self._size:  # faces were removed
                    self._votes, self._ids, self._size, self._inode = {}, set(), 0, stat.st_ino
                file.seek(self._size)
                new = file.read()
        except OSError as cause:
            raise CollectionError(f"{self.path} can't be read: {cause}; restore it") from cause
        whole = new[: new.rfind(b"\n") + 1]  # what a power cut left of a line was never acknowledged
        for line in whole.splitlines():
            if line.strip() and (vote := _parse(line, self.path)) is not None and vote.id not in self._ids:
                self._ids.add(vote.id)
                self._votes[vote.face, vote.annotator] = vote
        self._size += len(whole)


def _lock_file(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")


def _append(path: Path, votes: Iterable[Vote]) -> None:
    data = b"".join(msgspec.json.encode(vote) + b"\n" for vote in votes)
    handle = os.open(path, os.O_RDWR | os.O_APPEND)
    try:
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":
            data = b"\n" + data
        try:
            while data:  # of what does not fit, the first part is written, and the next one says why
                data = data[os.write(handle, data) :]
        except OSError:
            os.ftruncate(handle, size)  # or half a line would stay
            raise
        os.fsync(handle)
    finally:
        os.close(handle)


def _parse(line: bytes, path: Path) -> Vote | None:
    """A line; None for what a power cut left of one, which a later line was set apart from."""
    try:
        return _decoder.decode(line)
    except msgspec.ValidationError as cause:
        raise CollectionError(f"{path}: {line[:80]!r} is no label: {cause}; restore the file") from cause
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def open_labels(collection: Collection) -> LabelBook:
    """The labels of a collection."""
    return LabelBook(collection.folder / LABELS_FILE)


def check_vote(collection: Collection, faces: AnyOf[str], vote: Vote) -> Vote:
    """A vote that came from elsewhere, with its annotator's name cleaned.

    Args:
        collection: which it is about.
        faces: the ids of its faces.
        vote: to check.

    Raises:
        ConfigError: an unknown face or label, labels that exclude each other, or a name that can't be seen.
    """
    if vote.face not in faces:
        raise ConfigError(f"there is no face {vote.face[:20]!r} in {collection.name!r}")
    known = (*collection.classes, UNSURE, NO_FACE)
    if strange := [label for label in vote.labels if label not in known]:
        raise ConfigError(
            f"{strange[0][:80]!r} is no label of {collection.name!r}; expected {', '.join(known)}"
        )
    labels = tuple(dict.fromkeys(vote.labels))
    if len(labels) > 1 and not set(labels) <= set(collection.classes):
        raise ConfigError(f"{UNSURE!r} and {NO_FACE!r} stand alone; got {', '.join(labels)}")
    annotator = clean_person(vote.annotator)
    if not annotator:
        raise ConfigError("a label needs the name of who gave it")
    if not _ID.fullmatch(vote.id):
        raise ConfigError(
            f"{vote.id[:80]!r} can't be the id of a label; use 1 to 64 letters, digits, _ and -"
        )
    return Vote(
        id=vote.id, face=vote.face, annotator=annotator, labels=labels, time=vote.time, again=vote.again
    )


def drop_labels(path: Path, faces: AnyOf[str]) -> None:
    """Remove every line about some faces: a person's labels go with their pictures.

    Raises:
        CollectionError: another process holds the file, or it is damaged.
    """
    try:
        with hold_lock(_lock_file(path), timeout_s=_LOCK_WAIT_S):
            lines = path.read_bytes().splitlines()
            votes = [(line, _parse(line, path)) for line in lines if line.strip()]
            kept = [line + b"\n" for line, vote in votes if vote is not None and vote.face not in faces]
            with atomic_path(path) as temporary:
                temporary.write_bytes(b"".join(kept))
    except filelock.Timeout as cause:
        raise CollectionError(f"{path} is held by another process; try again") from cause


def now() -> datetime:
    """When a vote is made."""
    return datetime.now(UTC)


def share_votes(vote: Vote) -> dict[str, float]:
    """How one annotator's vote is divided: 1 in all.

    Examples:
        >>> share_votes(Vote(id="1", face="000001", annotator="Ann", labels=("fear", "surprise"), time=now()))
        {'fear': 0.5, 'surprise': 0.5}
    """
    return {label: 1 / len(vote.labels) for label in vote.labels}
