"""Breaking a program at each of its writes in turn.

Every change that Python code makes to the file system raises an audit event (`sys.addaudithook`) before it
happens, and `os.fsync` is wrapped. So the write points of an operation are counted, not guessed: run it once
and number them. What a process that is killed before the k-th leaves is what its files hold at that
moment, so one run gives a copy for each; then it runs again and is told that the disk is full at the k-th.
What libraries write without Python (Arrow, safetensors) is broken by the kernel: `RLIMIT_FSIZE` ends the
process, or a write, after n bytes of a file, and a tiny file system of its own, where the machine lets a
process mount one, is really full.
"""

import ctypes
import errno
import functools
import gc
import json
import os
import resource
import shutil
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_TIMEOUT_S = 120.0
_CHANGES = {
    "os.rename",
    "os.mkdir",
    "os.remove",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chmod",
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CLONE_NEWUSER, _CLONE_NEWNS = 0x10000000, 0x00020000
_MS_RDONLY, _MS_REMOUNT = 1, 32

Step = Callable[[], object]
Point = tuple[str, str]
"""What is about to be done, and to which path."""


@dataclass
class Outcome:
    """How an operation in a child ended."""

    exit_status: int
    """0, 1 after an exception, or minus the signal."""
    ends: list[int] = field(default_factory=list)
    """Write points that were passed when each step was acknowledged."""
    points: list[Point] = field(default_factory=list)
    """Write points that it came to."""
    error: str = ""
    """Type of the exception that ended it."""
    message: str = ""
    is_fer_error: bool = False
    trace: str = ""

    @property
    def num_done(self) -> int:
        """Steps that were acknowledged, as a person would have seen it."""
        return len(self.ends)

    def note_error(self, error: BaseException) -> None:
        """Keep what a person would read, and what a developer would."""
        from fer_core.errors import FerError

        self.exit_status = 1
        self.error, self.message = type(error).__name__, str(error)
        self.is_fer_error = isinstance(error, FerError)
        self.trace = "".join(traceback.format_exception(error))


Fault = Callable[[int, Point], None]
"""Called before each write with its number, from 0; may raise or never return."""


def copy_at_each(root: Path, folder: Path) -> Fault:
    """Copy `root` to `folder / "k"` before write k: what SIGKILL would leave, for nothing is cleaned up."""

    def fault(seen: int, _point: Point) -> None:
        shutil.copytree(root, folder / str(seen))

    return fault


def fail_at(number: int, code: int = errno.ENOSPC) -> Fault:
    """Let write `number`, and no other, end with an error of the system."""

    def fault(seen: int, point: Point) -> None:
        if seen == number:
            raise OSError(code, os.strerror(code), point[1])

    return fault


def fail_from(number: int, code: int = errno.ENOSPC) -> Fault:
    """From write `number` on nothing can be written or made any more; removing still works."""

    def fault(seen: int, point: Point) -> None:
        if seen >= number and point[0] not in ("os.remove", "os.rmdir"):
            raise OSError(code, os.strerror(code), point[1])

    return fault


def forbid(code: int = errno.EROFS) -> Fault:
    """Nothing can be changed, not even removed."""

    def fault(_seen: int, point: Point) -> None:
        raise OSError(code, os.strerror(code), point[1])

    return fault


_watchers: list[Callable[[str, object], None]] = []
"""Told of each write; an audit hook stays for good, so it is there once and asks these."""


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watchers:
        return
    if event == "open":
        path, mode, flags = arguments
        if (isinstance(mode, str) and set(mode) & set("wax+")) or (
            isinstance(flags, int) and flags & _WRITING
        ):
            _watchers[-1]("open", path)
    elif event in _CHANGES:
        _watchers[-1](event, arguments[1 if event == "os.rename" else 0])


@functools.cache
def _install_hook() -> None:
    sys.addaudithook(_hook)


@contextmanager
def _watch(root: Path, fault: Fault | None, points: list[Point]) -> Iterator[None]:
    """Watch the writes below `root`."""
    prefix, is_busy = os.fspath(root), False

    def come_to(what: str, path: object) -> None:
        nonlocal is_busy
        if is_busy or not isinstance(path, str | bytes | os.PathLike):
            return
        name = os.path.realpath(os.fsdecode(path))
        if not name.startswith(prefix):
            return
        is_busy = True
        try:
            points.append((what, name))
            if fault is not None:
                fault(len(points) - 1, points[-1])
        finally:
            is_busy = False

    original = os.fsync

    def fsync(file: Any) -> None:
        number = file if isinstance(file, int) else file.fileno()
        come_to("fsync", f"/proc/self/fd/{number}")
        original(file)

    os.fsync = fsync
    _install_hook()
    _watchers.append(come_to)
    try:
        yield
    finally:
        _watchers.remove(come_to)
        os.fsync = original


def run_here(steps: Sequence[Step], *, root: Path, fault: Fault) -> Outcome:
    """Take steps in this process, which goes on afterwards as a dashboard does, and tell how far they came.

    Args:
        steps: each is acknowledged when it returns.
        root: folder whose writes are watched.
        fault: called before each of them; it may raise.
    """
    outcome = Outcome(0)
    try:
        with _watch(root.resolve(), fault, outcome.points):
            for step in steps:
                step()
                outcome.ends.append(len(outcome.points))
    except Exception as error:  # noqa: BLE001 - the test judges it
        outcome.note_error(error)
    return outcome


def run_in_child(
    steps: Sequence[Step],
    *,
    root: Path | None = None,
    fault: Fault | None = None,
    max_file_bytes: int | None = None,
    is_killed_by_size: bool = True,
    before: Step | None = None,
    timeout_s: float = _TIMEOUT_S,
) -> Outcome:
    """Take steps in a forked child under a fault, and tell how far they came.

    Args:
        steps: each is acknowledged when it returns.
        root: folder whose writes are watched.
        fault: called before each of them.
        max_file_bytes: no file may grow beyond this.
        is_killed_by_size: the process ends when one would; otherwise the write fails.
        before: called first in the child, before anything is watched.
        timeout_s: what takes longer counts as hanging.
    """
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of forks beside threads
        pid = os.fork()
    if pid == 0:
        os.close(reader)
        _be_child(steps, writer, root, fault, max_file_bytes, is_killed_by_size, before)
    os.close(writer)
    status = _wait(pid, timeout_s)
    with os.fdopen(reader, encoding="utf-8") as stream:
        lines = [json.loads(line) for line in stream]
    outcome = Outcome(os.waitstatus_to_exitcode(status))
    for line in lines:
        outcome.ends += line.pop("ends", [])
        for name, value in line.items():
            setattr(outcome, name, value)
    outcome.points = [(what, path) for what, path in outcome.points]
    return outcome


def _be_child(
    steps: Sequence[Step],
    writer: int,
    root: Path | None,
    fault: Fault | None,
    max_file_bytes: int | None,
    is_killed_by_size: bool,
    before: Step | None,
) -> None:
    # Objects that other tests left to the collector may own threads, and those are not in the child.
    gc.disable()
    outcome = Outcome(0)
    try:
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(1)  # threads of the parent's pool are not in the child
        if before is not None:
            before()
        if max_file_bytes is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL if is_killed_by_size else signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_FSIZE, (max_file_bytes, resource.RLIM_INFINITY))
        with nullcontext() if root is None else _watch(root.resolve(), fault, outcome.points):
            for step in steps:
                step()
                _tell(writer, {"ends": [len(outcome.points)]})
    except BaseException as error:  # noqa: BLE001 - the parent judges it
        outcome.note_error(error)
    finally:
        status = outcome.exit_status
        _tell(
            writer, {key: value for key, value in vars(outcome).items() if key not in ("ends", "exit_status")}
        )
        os._exit(status)


def _tell(writer: int, value: dict[str, Any]) -> None:
    data = (json.dumps(value) + "\n").encode()
    while data:
        data = data[os.write(writer, data) :]


def _wait(pid: int, timeout_s: float) -> int:
    """Wait status of a child. Its report fits into the pipe (64 KB), so it need not be read meanwhile."""
    end = time.monotonic() + timeout_s
    pause_s = 0.001
    while time.monotonic() < end:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return status
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, 0.02)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise AssertionError(f"the child still ran after {timeout_s:.0f} s")


def mount_tiny(folder: Path, num_bytes: int) -> None:
    """Give the calling process a file system of its own at `folder`. Only in a child: it has one thread.

    Raises:
        OSError: the machine does not let it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    options = f"size={num_bytes},mode=777".encode()
    if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, options) != 0:
        raise OSError(ctypes.get_errno(), "mount")


def resize_tiny(folder: Path, num_bytes: int) -> None:
    """Change how much fits into what `mount_tiny` mounted."""
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"size={num_bytes}".encode()
    if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", _MS_REMOUNT, options) != 0:
        raise OSError(ctypes.get_errno(), "remount")


def remount_read_only(folder: Path) -> None:
    """Make what `mount_tiny` mounted read-only."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", _MS_REMOUNT | _MS_RDONLY, None) != 0:
        raise OSError(ctypes.get_errno(), "remount")


def can_mount(folder: Path) -> bool:
    """Whether this machine lets a process without rights mount a file system for itself."""
    if sys.platform != "linux":
        return False
    return run_in_child([lambda: mount_tiny(folder, 1 << 16)]).exit_status == 0
