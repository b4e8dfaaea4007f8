"""Telling a living process from a dead one, across pid reuse and reboots."""

import functools
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from msgspec import Meta

from fer_core.runs.heartbeat import is_fresh
from fer_core.runs.run_files import HEARTBEAT_TIMEOUT_S, LAUNCH_TIMEOUT_S

Seconds = Annotated[float, Meta(ge=0, le=1e11)]
"""The largest are Unix times; this limit is in the year 5138."""
Pid = Annotated[int, Meta(ge=1, lt=2**31)]

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

    def to_status(self) -> dict[str, Any]:
        """Fields of `ProcessStatus`."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStatus:
    """The part of a status.json that says who works on a run or task."""

    host: str | None = None
    pid: Pid | None = None
    """None while it waits for a process that was launched for it."""
    process_started: Seconds | None = None
    process_birth: str | None = None
    heartbeat: Seconds | None = None
    """Unix time of the last sign of life."""

    @property
    def process(self) -> ProcessIdentity | None:
        """Who works on it; None if it names nobody, or not clearly."""
        if self.host is None or self.pid is None or self.process_started is None:
            return None
        return ProcessIdentity(self.host, self.pid, self.process_started, self.process_birth or "")


def is_at_work(folder: Path, status: ProcessStatus) -> bool:
    """Whether the process that the status of a run or task names lives, or was launched a moment ago.

    One of another machine can't be seen from here and lives by its heartbeat.
    """
    process = status.process
    if process is None:  # launched, but not yet up
        return status.pid is None and is_fresh(folder, status.heartbeat, LAUNCH_TIMEOUT_S)
    alive = process.is_alive()
    return is_fresh(folder, status.heartbeat, HEARTBEAT_TIMEOUT_S) if alive is None else alive


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
