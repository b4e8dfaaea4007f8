"""Breaking a program at each of its writes in turn.

Every change that Python code makes to the file system raises an audit event (`sys.addaudithook`) before it
happens, and `os.fsync` is wrapped. So the write points of an operation are counted, not guessed: run it once
and number them, then run it again in a forked child that is killed, or told that the disk is full, at the
k-th. What libraries write without Python (Arrow, safetensors) is broken by the kernel: `RLIMIT_FSIZE` ends a
write after n bytes of a file, and a tiny file system of its own, where the machine lets a process mount one,
is really full.
"""

import ctypes
import errno
import gc
import json
import os
import resource
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KILLED = 137
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
    """0, `KILLED`, or minus the signal."""
    num_done: int = 0
    """Steps that were acknowledged, as a person would have seen it."""
    points: list[Point] = field(default_factory=list)
    """Write points that it came to."""
    error: str = ""
    """Type of the exception that ended it."""
    message: str = ""
    is_fer_error: bool = False
    trace: str = ""


Fault = Callable[[int, Point], None]
"""Called before each write with its number, from 0; may raise or never return."""


def kill_at(number: int) -> Fault:
    """End the process before write `number`, as SIGKILL would: nothing is cleaned up."""

    def fault(seen: int, _point: Point) -> None:
        if seen == number:
            os._exit(KILLED)

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


def _install(root: Path, fault: Fault | None, points: list[Point]) -> None:
    """Watch the writes below `root`; for good, so only in a child."""
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

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            if (isinstance(mode, str) and set(mode) & set("wax+")) or (
                isinstance(flags, int) and flags & _WRITING
            ):
                come_to("open", path)
        elif event in _CHANGES:
            come_to(event, arguments[1 if event == "os.rename" else 0])

    original = os.fsync

    def fsync(file: Any) -> None:
        number = file if isinstance(file, int) else file.fileno()
        come_to("fsync", f"/proc/self/fd/{number}")
        original(file)

    os.fsync = fsync
    sys.addaudithook(hook)


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
        outcome.num_done += line.pop("done", 0)
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
    status = 1
    points: list[Point] = []
    try:
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(1)  # threads of the parent's pool are not in the child
        if before is not None:
            before()
        if max_file_bytes is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL if is_killed_by_size else signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_FSIZE, (max_file_bytes, resource.RLIM_INFINITY))
        if root is not None:
            _install(root.resolve(), fault, points)
        for step in steps:
            step()
            _tell(writer, {"done": 1})
        status = 0
    except BaseException as error:  # noqa: BLE001 - the parent judges it
        from fer_core.errors import FerError

        _tell(
            writer,
            {
                "error": type(error).__name__,
                "message": str(error),
                "is_fer_error": isinstance(error, FerError),
                "trace": traceback.format_exc(),
            },
        )
    finally:
        _tell(writer, {"points": points})
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
