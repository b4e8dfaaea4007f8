"""Temporary files, in a folder of this process, which the next process removes if this one is killed.

The folder is `fer-<user>-<random>` in the system's temporary folder (`$TMPDIR`), or in one that the caller
names. A lock on a file in it is held as long as the process lives; the kernel frees it however that ends.
"""

import atexit
import contextlib
import fcntl
import functools
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fer_core.errors import StorageError
from fer_core.io import storage_errors

_LOCK_FILE: Final[str] = "lock"
_BEING_MADE: Final[str] = "."
"""Before the name of a folder whose lock is not held yet."""
_STALE_S: Final[float] = 24 * 3600.0
_making = threading.Lock()


@contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """A temporary folder, removed with its content when the block ends.

    Raises:
        StorageError: nothing can be written there, or its disk became full in the block.
    """
    folder = make_scratch_folder(parent)
    try:
        with storage_errors(folder, is_ours=False):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_scratch_folder(parent: Path | None = None) -> Path:
    """A temporary folder that the caller removes, or else the end of the process, or the next process.

    Args:
        parent: where the process has its folder; the system's temporary folder if not given.

    Raises:
        StorageError: nothing can be written there.
    """
    base = parent or _find_system_folder()
    with storage_errors(base), _making:  # two threads make one folder
        if not _get_process_folder(base, os.getpid()).is_dir():  # a service that clears old files took it
            _get_process_folder.cache_clear()
        return Path(tempfile.mkdtemp(dir=_get_process_folder(base, os.getpid())))


def remove_leftovers(parent: Path | None = None) -> None:
    """Remove the folders of processes of this user that are gone."""
    base = parent or _find_system_folder()
    for folder in base.glob(f"{_prefix()}*"):
        with contextlib.suppress(OSError):
            _remove_if_free(folder)
    for folder in base.glob(f"{_BEING_MADE}{_prefix()}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > _STALE_S:
                _remove_own(folder)


def _find_system_folder() -> Path:
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError as cause:  # which tries to write to each
        raise StorageError(
            f"temporary files can't be written: {cause.strerror}; free some space there, or let TMPDIR name "
            "a folder with space"
        ) from cause


def _prefix() -> str:
    return f"fer-{os.getuid()}-"


def _remove_if_free(folder: Path) -> None:
    with (folder / _LOCK_FILE).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove_own(folder)


def _remove_own(folder: Path) -> None:
    """In a folder that all users write to, another could have made one of this name, or a link."""
    if not folder.is_symlink() and folder.stat().st_uid == os.getuid():
        shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def _get_process_folder(base: Path, pid: int) -> Path:
    base.mkdir(parents=True, exist_ok=True)
    remove_leftovers(base)
    made = Path(tempfile.mkdtemp(prefix=f"{_BEING_MADE}{_prefix()}", dir=base))
    handle = os.open(made / _LOCK_FILE, os.O_CREAT | os.O_RDWR, 0o600)  # held until the process ends
    fcntl.flock(handle, fcntl.LOCK_EX)
    folder = made.rename(base / made.name.removeprefix(_BEING_MADE))
    atexit.register(_remove_at_exit, folder, pid)
    return folder


def _remove_at_exit(folder: Path, pid: int) -> None:
    if os.getpid() == pid:  # a fork inherits this call
        shutil.rmtree(folder, ignore_errors=True)
