"""Telling a living process from a dead one, across pid reuse and reboots."""

import functools
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fer_core.runs.heartbeat import is_fresh
from fer_core.runs.run_files import HEARTBEAT_TIMEOUT_S, LAUNCH_TIMEOUT_S

_START_TOLERANCE_S: Final[float] = 2.0
"""Start times are derived from boot time and clock; both may shift a little."""
_PROC: Final[Path] = Path("/proc")


def get_host() -> str:
    """Name of this machine."""
    return socket.gethostname()


def is_first_process() -> bool:
    """Whether the calling process is the only one of its training, or the first of several."""
    return int(os.environ.get("RANK", "0")) == 0


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process of some machine: a pid alone is reused, a pid with its birth is not."""

    host: str
    pid: int
    started: float
    """Unix time in seconds."""
    birth: str = ""
    """Boot and clock tick of the start, which no step of the clock changes; empty where the system does not
    tell (anything but Linux), and then `started` decides."""

    @classmethod
    def current(cls) -> "ProcessIdentity":
        """The calling process."""
        import psutil

        pid = os.getpid()
        return cls(get_host(), pid, psutil.Process().create_time(), _read_birth(pid) or "")

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> "ProcessIdentity | None":
        """The process that status.json names; None if it names none, or not clearly."""
        try:
            return cls(
                str(status["host"]),
                int(status["pid"]),
                float(status["process_started"]),
                str(status.get("process_birth") or ""),
            )
        except (KeyError, TypeError, ValueError):
            return None

    def to_status(self) -> dict[str, Any]:
        """As written to status.json."""
        return {
            "host": self.host,
            "pid": self.pid,
            "process_started": self.started,
            "process_birth": self.birth,
        }

    @property
    def is_local(self) -> bool:
        """Whether it is a process of this machine."""
        return self.host == get_host()

    def is_alive(self) -> bool | None:
        """Whether it still runs; None if it belongs to another machine and can't be seen from here."""
        if not self.is_local:
            return None
        if self.birth and _read_boot_id():
            return _read_birth(self.pid) == self.birth
        return self._is_alive_by_start_time()

    def _is_alive_by_start_time(self) -> bool:
        import psutil

        try:
            process = psutil.Process(self.pid)
            same: bool = abs(process.create_time() - self.started) <= _START_TOLERANCE_S
            return same and bool(process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False


def is_at_work(folder: Path, status: Mapping[str, Any]) -> bool:
    """Whether the process that the status of a run or task names lives, or was launched a moment ago.

    One of another machine can't be seen from here and lives by its heartbeat.
    """
    process, heartbeat = ProcessIdentity.from_status(status), status.get("heartbeat")
    if process is None:  # launched, but not yet up
        return status.get("pid", 0) is None and is_fresh(folder, heartbeat, LAUNCH_TIMEOUT_S)
    alive = process.is_alive()
    return is_fresh(folder, heartbeat, HEARTBEAT_TIMEOUT_S) if alive is None else alive


@functools.cache
def _read_boot_id() -> str:
    """Random name of this boot of the machine; empty where there is none."""
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _read_birth(pid: int) -> str | None:
    """Boot and start tick of a process; None if it is gone, or only waits to be reaped."""
    boot = _read_boot_id()
    if not boot:
        return None
    try:
        stat = (_PROC / str(pid) / "stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the program's name in brackets and may hold anything; see proc(5).
    state, *fields = stat.rpartition(b")")[2].split()
    if state in (b"Z", b"X", b"x"):
        return None
    return f"{boot}/{fields[18].decode()}"
