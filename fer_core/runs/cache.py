"""Small files parsed once for as long as they stay as they are: what lists a thousand runs at once."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

T = TypeVar("T")

_MAX_ENTRIES: Final[int] = 20_000
_LOCK: Final = threading.Lock()
_ENTRIES: Final[dict[tuple[str, str], tuple[tuple[int, int, int], Any]]] = {}


def read_cached(path: Path, read: Callable[[Path], T]) -> T | None:
    """Return `read(path)`, from memory if the file is the one that was read before; None if it is missing.

    A file counts as the same by inode, size and time of change: every replacement of a file of a run is a new
    inode. The value is shared between callers and must not be changed.
    """
    try:
        stat = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    signature = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
    key = (os.fspath(path), read.__qualname__)
    with _LOCK:
        known = _ENTRIES.get(key)
    if known is not None and known[0] == signature:
        value: T = known[1]
        return value
    value = read(path)
    with _LOCK:
        if len(_ENTRIES) >= _MAX_ENTRIES:
            _ENTRIES.clear()
        _ENTRIES[key] = (signature, value)
    return value
