"""Reading and writing small files so that a reader never sees half of one."""

import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fer_core.errors import FerError


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


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`; rename it onto `target` when the block ends well.

    If the block raises, the temporary file is removed and `target` is as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        sync_file(temporary)
        # mkstemp makes private files; what we write is meant to be read by the person's other tools.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
        _sync_directory(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def atomic_directory(target: Path, *, replace: bool = False) -> Iterator[Path]:
    """Yield a temporary folder beside `target`; move it into place when the block ends well.

    Args:
        target: the folder to make.
        replace: exchange an existing `target` for the new one; without it an existing one is an error.

    Raises:
        FerError: `target` exists and `replace` is False (before the block runs, and again at the end).
    """
    if target.exists() and not replace:
        raise FerError(f"{target} exists already; choose another name or remove it first")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if target.exists():
            if not replace:
                raise FerError(f"{target} was made by someone else meanwhile; nothing was changed")
            retired = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".old", dir=target.parent))
            target.replace(retired / "old")
            temporary.replace(target)
            shutil.rmtree(retired, ignore_errors=True)
        else:
            temporary.replace(target)
        _sync_directory(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Replace the file at `path` by `data`, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Replace the file at `path` by `text` (UTF-8), atomically."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Replace the file at `path` by `value` as indented JSON, atomically. NaN is written as null."""
    write_text(path, json.dumps(_without_nan(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def to_json_line(value: Mapping[str, Any]) -> str:
    """One line of JSON without a line end. NaN is written as null."""
    return json.dumps(_without_nan(value), ensure_ascii=False, allow_nan=False)


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return None
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
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as cause:
        raise error(f"{path} is missing") from cause
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as cause:
        raise error(f"{path} can't be read as JSON: {cause}") from cause
    if not isinstance(value, dict):
        raise error(f"{path} holds a JSON {type(value).__name__}; expected an object")
    return value


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
