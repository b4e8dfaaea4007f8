"""Temporary files, in a folder of this process, which the next process removes if this one is killed.

The folder is `fer-<user>-<random>` in the system's temporary folder (`$TMPDIR`), or in one that the caller
names. A lock on the file `<folder>.lock` beside it is held as long as the process lives; the kernel frees it
however that ends.
"""

import atexit
import contextlib
import functools
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fer_core.errors import StorageError
from fer_core.io import storage_errors

if TYPE_CHECKING:
    import filelock

_LOCK: Final[str] = ".lock"
_STALE_S: Final[float] = 24 * 3600.0
"""After this a folder without a lock file is nobody's: its process died before it made one."""
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
    for path in list(base.glob(f"{_prefix()}*")):
        with contextlib.suppress(OSError):  # a lock that is held is one, too
            if path.suffix == _LOCK:
                _remove_if_free(path)
            elif not _lock_file(path).exists() and time.time() - path.stat().st_mtime > _STALE_S:
                _remove_own(path)


def _find_system_folder() -> Path:
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError as cause:  # which tries to write to each
        raise StorageError(
            f"temporary files can't be written: {cause.strerror}; free some space there, or let TMPDIR name "
            "a folder with space"
        ) from cause


def _prefix() -> str:
    return f"fer-{_get_user()}-"


def _get_user() -> int:
    """Number of the user, as files have it: 0 on Windows, whose temporary folders are private."""
    return os.getuid() if sys.platform != "win32" else 0


def _lock_file(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}{_LOCK}")


def _hold(lock_file: Path) -> "filelock.BaseFileLock":
    """Hold a lock file from now on, in all threads.

    Raises:
        filelock.Timeout: another process holds it, or another call.
    """
    import filelock

    lock = filelock.FileLock(lock_file, timeout=0, mode=0o600, thread_local=False)
    lock.acquire()
    return lock


def _remove_if_free(lock_file: Path) -> None:
    if _is_own(lock_file):
        lock = _hold(lock_file)
        _remove_own(lock_file.with_suffix(""))
        _let_go(lock, lock_file)


def _let_go(lock: "filelock.BaseFileLock", lock_file: Path) -> None:
    """Nobody takes the name again: names are random, and whoever waits for the lock removes only."""
    lock.release()
    lock_file.unlink(missing_ok=True)


def _remove_own(folder: Path) -> None:
    if folder.exists() and _is_own(folder):
        shutil.rmtree(folder, ignore_errors=True)


def _is_own(path: Path) -> bool:
    """In a folder that all users write to, another could have made one of this name, or a link."""
    return not path.is_symlink() and path.stat().st_uid == _get_user()


@functools.cache
def _get_process_folder(base: Path, pid: int) -> Path:
    base.mkdir(parents=True, exist_ok=True)
    remove_leftovers(base)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_prefix(), dir=base))
        lock_file = _lock_file(folder)
        with contextlib.suppress(TimeoutError):
            lock = _hold(lock_file)  # until the process ends
            if folder.is_dir():  # or another process took it for a leftover, before its lock was held
                atexit.register(_remove_at_exit, folder, lock, pid)
                return folder
            _let_go(lock, lock_file)


def _remove_at_exit(folder: Path, lock: "filelock.BaseFileLock", pid: int) -> None:
    if os.getpid() == pid:  # a fork inherits this call
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            _let_go(lock, _lock_file(folder))
