"""Reading and writing small files so that a reader never sees half of one."""

import contextlib
import ctypes
import dataclasses
import errno
import hashlib
import json
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from fer_core.errors import FerError, StorageError
from fer_core.escaping import escape_name
from fer_core.plain import parse_json

T = TypeVar("T")

_FULL: Final[frozenset[int]] = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN: Final[frozenset[int]] = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_OCCUPIED: Final[frozenset[int]] = frozenset({errno.ENOTEMPTY, errno.EEXIST})
_AT_FDCWD: Final[int] = -100
_EXCHANGE: Final[int] = 2
"""The same number means so for Linux's renameat2 and for macOS's renamex_np."""


def _read_umask() -> int:
    """What the user's umask takes away from the mode of new files.

    Only Linux tells it; elsewhere it has to be set to be read, which is not safe between threads.
    """
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace").splitlines()
        return int(next(line for line in lines if line.startswith("Umask:")).split()[1], 8)
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


_UMASK: Final[int] = _read_umask()
"""Read once, at the start: threads share it."""


@contextmanager
def storage_errors(target: Path, *, is_ours: bool = True) -> Iterator[None]:
    """Turn the system's refusal to write into a message that the user can act on.

    Args:
        target: what is being written.
        is_ours: the block does nothing but write; otherwise an error that need not be about writing (a source
            that may not be read) passes as it is.

    Raises:
        StorageError: the disk is full or read-only, or the folder may not be written.
    """
    try:
        yield
    except (StorageError, TimeoutError):  # the latter: a lock that somebody else holds
        raise
    except OSError as cause:
        if not (is_ours or cause.errno in _FULL or cause.errno == errno.EROFS):
            raise
        raise _describe(cause, target) from cause


def _describe(cause: OSError, target: Path) -> StorageError:
    if cause.errno in _FULL:
        text = f"{target} can't be written: {cause.strerror}; free some space there and try again"
    elif cause.errno in _FORBIDDEN:
        text = (
            f"{target} can't be written: {cause.strerror}; choose a folder that this user may write to (the "
            "workspace with FER_WORKSPACE)"
        )
    else:
        text = f"{target} can't be written: {cause.strerror or cause}"
    error = StorageError(text)
    error.errno, error.strerror = cause.errno, cause.strerror
    return error


def sync_file(path: Path) -> None:
    """Make the content of `path` survive a power cut."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    """Make a rename inside `path` survive a power cut, where the system can (POSIX)."""
    if os.name == "posix":
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def check_writable(target: Path) -> None:
    """Find out before long work whether `atomic_path` could write there; `target` stays as it is.

    Raises:
        StorageError: the disk is full or read-only, or the folder may not be written.
    """
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target.parent):
            pass


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`; rename it onto `target` when the block ends well.

    If the block raises, the temporary file is removed and `target` is as it was.

    Raises:
        StorageError: the disk is full or read-only, or the folder may not be written.
    """
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
        os.close(handle)
    temporary = Path(name)
    try:
        with storage_errors(target, is_ours=False):
            yield temporary
        with storage_errors(target):
            sync_file(temporary)
            # mkstemp makes private files; what we write is meant to be read by the user's other tools.
            temporary.chmod(0o666 & ~_UMASK)
            temporary.replace(target)
            _sync_directory(target.parent)
    finally:
        with contextlib.suppress(OSError):  # what is left has a name that every reader skips
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_directory(target: Path, *, replace: bool = False) -> Iterator[Path]:
    """Yield a temporary folder beside `target`; move it into place when the block ends well.

    What is in it has reached the disk by then. An existing folder is exchanged in one step where the system
    can (Linux, macOS); elsewhere a crash between two renames leaves it aside, and the next call puts it back.

    Args:
        target: the folder to make.
        replace: exchange an existing `target` for the new one; without it an existing one is an error.

    Raises:
        FerError: `target` exists and `replace` is False (before the block runs, and again at the end).
        StorageError: the disk is full or read-only, or the folder may not be written.
    """
    with storage_errors(target):
        _put_back(target)
        if target.exists() and not replace:
            raise FerError(f"{target} exists already; choose another name or remove it first")
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent))
    try:
        with storage_errors(target, is_ours=False):
            yield temporary
        with storage_errors(target):
            temporary.chmod(0o777 & ~_UMASK)
            _sync_tree(temporary)
            _put_in_place(temporary, target, replace=replace)
            _sync_directory(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _put_in_place(temporary: Path, target: Path, *, replace: bool) -> None:
    taken = FerError(f"{target} was made by someone else meanwhile; nothing was changed")
    if not target.exists():
        try:
            temporary.replace(target)
        except OSError as cause:  # between the question and the answer
            if cause.errno in _OCCUPIED:
                raise taken from cause
            raise
    elif not replace:
        raise taken
    elif not exchange_paths(temporary, target):
        retired = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".old", dir=target.parent))
        target.replace(retired / "old")
        temporary.replace(target)
        shutil.rmtree(retired, ignore_errors=True)


def _put_back(target: Path) -> None:
    """Undo an exchange in two steps that a crash cut in half."""
    if target.exists() or not target.parent.is_dir():
        return
    for left in target.parent.iterdir():
        is_retired = left.name.startswith(f".{target.name}.") and left.name.endswith(".old")
        if is_retired and (left / "old").is_dir():
            (left / "old").replace(target)
            left.rmdir()
            return


@contextmanager
def hold_lock(path: Path, *, timeout_s: float) -> Iterator[None]:
    """Hold the lock file at `path` until the block ends; it is made with its folder and stays.

    The kernel frees it when a process ends, however it ends. A lock file is never removed: another process
    could hold the removed one.

    Raises:
        filelock.Timeout: another holds it for longer than `timeout_s`.
        StorageError: it can't be made.
    """
    import filelock

    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(path)
        lock.acquire(timeout=timeout_s)
    try:
        yield
    finally:
        lock.release()


def exchange_paths(first: Path, second: Path) -> bool:
    """Let two existing paths of one file system change places in one step; False where that can't be done."""
    sys.audit("os.rename", os.fspath(first), os.fspath(second), -1, -1)  # as os.rename does
    libc = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(first), os.fsencode(second)
    if sys.platform == "linux" and hasattr(libc, "renameat2"):
        result: int = libc.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _EXCHANGE)
    elif sys.platform == "darwin" and hasattr(libc, "renamex_np"):
        result = libc.renamex_np(names[0], names[1], _EXCHANGE)
    else:
        return False
    return result == 0


def remove_directory(folder: Path, name: str, error: type[FerError]) -> None:
    """Remove a folder with everything in it; nobody meets half of it, whatever happens meanwhile.

    Args:
        folder: to remove.
        name: of what it holds, for messages.
        error: what to raise.

    Raises:
        FerError: as `error`, if it can't be removed.
    """
    try:
        # Out of sight in one step.
        retired = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".old", dir=folder.parent))
        folder.replace(retired / "removed")
    except OSError as cause:
        raise error(f"{name} can't be removed: {cause}") from cause
    try:
        shutil.rmtree(retired)
    except OSError as cause:
        raise error(f"{name} is gone from the list, but {retired} can't be removed: {cause}") from cause


def _sync_tree(folder: Path) -> None:
    for place, _, names in os.walk(folder):
        for name in names:
            sync_file(Path(place, name))
        _sync_directory(Path(place))


def place_in(folder: Path, *names: str) -> Path:
    """A path in `folder` made of foreign names (of classes, splits, data sets), each one part of it.

    Raises:
        StorageError: something there leads out of the folder: a link.
    """
    path = folder.joinpath(*map(escape_name, names))
    if not path.parent.resolve().is_relative_to(folder.resolve()):
        raise StorageError(
            f"{path} leads out of {folder} by a link; remove the link, or choose another folder"
        )
    return path


def write_bytes(path: Path, data: bytes) -> None:
    """Replace the file at `path` by `data`, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Replace the file at `path` by `text` (UTF-8), atomically."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: object) -> None:
    """Replace the file at `path` by a mapping or dataclass as indented JSON, atomically; NaN becomes null."""
    write_text(path, json.dumps(_without_nan(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def to_json_line(value: object) -> str:
    """A mapping or dataclass as one line of JSON without a line end. NaN is written as null."""
    return json.dumps(_without_nan(value), ensure_ascii=False, allow_nan=False)


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return value


def read_json(path: Path, error: type[FerError]) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        FerError: as `error`, if the file is missing, unreadable, or holds no JSON object.
    """
    try:
        value = parse_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as cause:
        raise error(f"{path} is missing") from cause
    except (OSError, ValueError) as cause:
        raise error(f"{path} can't be read as JSON: {cause}") from cause
    if not isinstance(value, dict):
        raise error(f"{path} holds a JSON {type(value).__name__}; expected an object")
    return value


def to_record(value: Mapping[str, Any], kind: type[T]) -> T:
    """A JSON object as a dataclass.

    Raises:
        ValueError: a field is missing, unknown or of another type; `schema_version` is passed over.
    """
    known = getattr(kind, "__dataclass_fields__", {}).keys() | {"schema_version"}
    if unknown := value.keys() - known:
        raise ValueError(f"unknown field {min(unknown)!r}")
    return msgspec.convert(value, kind)


def read_record(
    path: Path,
    kind: type[T],
    error: type[FerError],
    *,
    advice: str,
    schema_version: int | None = None,
    upgrade: Callable[[dict[str, Any]], dict[str, Any]] = lambda value: value,
) -> T:
    """Read a JSON object into a dataclass: fields are checked against their types, unknown ones skipped.

    Args:
        path: of the file.
        kind: the dataclass.
        error: what to raise.
        advice: what the user can do about a file that does not fit.
        schema_version: the only one that is read, and then without unknown fields; None for any.
        upgrade: makes an object of an older schema one of this; leaves others alone.

    Raises:
        FerError: as `error`, if the file is missing, unreadable, or does not fit.
    """
    value = upgrade(read_json(path, error))
    found = value.get("schema_version")
    if schema_version not in (None, found):
        raise error(f"{path} has schema_version {found!r}; this program reads {schema_version}; {advice}")
    try:
        return msgspec.convert(value, kind) if schema_version is None else to_record(value, kind)
    except ValueError as cause:
        raise error(f"{path} does not hold what it should: {cause}; {advice}") from cause


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
