"""Telling a living process from a dead one, across pid reuse and reboots."""

import functools
import os
import signal
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final

from msgspec import Meta

from fer_core.errors import RunError
from fer_core.io import storage_errors
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
    namespace: str = ""
    """Where its pid counts: containers may share a name, and each numbers its processes from 1. Empty where
    the system does not tell."""

    @classmethod
    def current(cls) -> "ProcessIdentity":
        """The calling process."""
        import psutil

        pid = os.getpid()
        started = psutil.Process().create_time()
        return cls(get_host(), pid, started, _read_birth(pid) or "", _read_namespace())

    def to_status(self) -> dict[str, Any]:
        """Fields of `ProcessStatus`."""
        return {
            "host": self.host,
            "pid": self.pid,
            "process_started": self.started,
            "process_birth": self.birth,
            "process_namespace": self.namespace,
        }

    @property
    def is_local(self) -> bool:
        """Whether its pid means the same here as where it was written: same machine, same container."""
        namespaces = {self.namespace, _read_namespace()} - {""}
        return self.host == get_host() and len(namespaces) <= 1

    def is_alive(self) -> bool | None:
        """Whether it still runs; None if it can't be seen from here (another machine, container or user)."""
        if not self.is_local:
            return None
        try:
            if self.birth and _read_boot_id():
                return _read_birth(self.pid) == self.birth
            return self._is_alive_by_start_time()
        except PermissionError:
            return None

    def _is_alive_by_start_time(self) -> bool:
        import psutil

        try:
            process = psutil.Process(self.pid)
            same: bool = abs(process.create_time() - self.started) <= _START_TOLERANCE_S
            return same and bool(process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False
        except psutil.AccessDenied as cause:
            raise PermissionError from cause

    def check_is_ours(self, name: str) -> None:
        """Make sure that a stop may be sent: files of others can name any process.

        Args:
            name: of what it works on, for messages.

        Raises:
            RunError: it is of another machine, container or program.
        """
        import psutil

        if self.host != get_host():
            raise RunError(f"{name} belongs to the machine {self.host!r}; stop it there")
        is_alive = self.is_alive()
        if is_alive is None:
            raise RunError(f"{name} belongs to another container or user of this machine; stop it there")
        try:
            is_ours = not is_alive or _is_our_command(psutil.Process(self.pid).cmdline())
        except psutil.Error:  # gone meanwhile, or of another user, whom no signal reaches
            return
        if not is_ours and self.is_alive():
            raise RunError(
                f"{name} names process {self.pid}, which runs no command of this program; expected "
                "`fer ...` or `python -m fer_core...`. If it does work on it, stop it where it was started"
            )

    def terminate(self) -> None:
        """Ask it to end (SIGTERM) if it is still there; `check_is_ours` goes before.

        Raises:
            RunError: the system forbids it.
        """
        if not self.is_alive():
            return
        try:
            os.kill(self.pid, signal.SIGTERM)
        except ProcessLookupError:
            return
        except OSError as cause:
            raise RunError(f"process {self.pid} can't be stopped: {cause}") from cause


def _is_our_command(command: Sequence[str]) -> bool:
    """Whether a command line is `fer ...` or `python -m fer_core...`, however Python is called."""
    program, *arguments = command or [""]
    if Path(program).stem == "fer":
        return True
    if not Path(program).name.lower().startswith(("python", "pypy")):
        return False
    modules = [after for option, after in pairwise(arguments) if option == "-m"]
    script = next((part for part in arguments if not part.startswith("-")), "")
    return Path(script).stem == "fer" or any(module.split(".")[0] == "fer_core" for module in modules)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStatus:
    """The part of a status.json that says who works on a run or task."""

    host: str | None = None
    pid: Pid | None = None
    """None while it waits for a process that was launched for it."""
    process_started: Seconds | None = None
    process_birth: str | None = None
    process_namespace: str | None = None
    heartbeat: Seconds | None = None
    """Unix time of the last sign of life."""

    @property
    def process(self) -> ProcessIdentity | None:
        """Who works on it; None if it names nobody, or not clearly."""
        if self.host is None or self.pid is None or self.process_started is None:
            return None
        birth, namespace = self.process_birth or "", self.process_namespace or ""
        return ProcessIdentity(self.host, self.pid, self.process_started, birth, namespace)


def is_at_work(folder: Path, status: ProcessStatus, *, trusts_clock: bool = True) -> bool:
    """Whether the process that the status of a run or task names lives, or was launched a moment ago.

    One of another machine or container can't be seen from here and lives by its heartbeat.

    Args:
        folder: of what it works on, or another path that is its own.
        status: who works on it.
        trusts_clock: as for `is_fresh`.
    """
    process = status.process
    if process is None:  # launched, but not yet up
        limit_s, alive = LAUNCH_TIMEOUT_S, None if status.pid is None else False
    else:
        limit_s, alive = HEARTBEAT_TIMEOUT_S, process.is_alive()
    if alive is None:
        return is_fresh(folder, status.heartbeat, limit_s, trusts_clock=trusts_clock)
    return alive


def request_stop(status: ProcessStatus, marker: Path, name: str) -> None:
    """Ask the process that a status names to end; one that is not up yet looks for the marker.

    Args:
        status: of a run, task or worker.
        marker: the file that means stop; made only if the stop is allowed.
        name: of what it works on, for messages.

    Raises:
        RunError: the process is of another machine, container, program or user; no signal was sent.
        StorageError: the marker can't be written.
    """
    process = status.process
    if process is not None:
        process.check_is_ours(name)
    with storage_errors(marker):
        marker.touch()
    if process is not None:
        process.terminate()


@functools.cache
def _read_boot_id() -> str:
    """Random name of this boot of the machine; empty where there is none."""
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


@functools.cache
def _read_namespace() -> str:
    """The kernel's name for the pid namespace of this process; empty where there is none (not Linux)."""
    try:
        return os.readlink(_PROC / "self/ns/pid")  # noqa: PTH115 - no path: `pid:[4026531836]`
    except OSError:
        return ""


def _read_birth(pid: int) -> str | None:
    """Boot and start tick of a process; None if it is gone, or only waits to be reaped.

    Raises:
        PermissionError: processes of others are hidden.
    """
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
