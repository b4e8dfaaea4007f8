"""One device runs one job; the others wait in the order of their submission.

A device is held by a file lock that the kernel frees when the process ends, however it ends: there is no
stale lock. The status files of the runs say whose turn it is; whoever is gone is skipped.
"""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from filelock import Timeout

from fer_core.errors import RunError
from fer_core.io import hold_lock
from fer_core.jobs.devices import DeviceRequest
from fer_core.jobs.stopping import StopSignal
from fer_core.runs.process import get_host
from fer_core.runs.reader import Run, get_ticket, get_wanted_devices, list_runs
from fer_core.runs.writer import RunWriter
from fer_core.workspace import Workspace

_LOG: Final = logging.getLogger(__name__)
LOCKS_FOLDER: Final[str] = "locks"
_POLL_S: Final[float] = 0.5
_LOOK_EVERY: Final[int] = 10
"""Looks at the locks between two looks at who holds them."""
_HEARTBEAT_S: Final[float] = 30.0
_MUTEX_TIMEOUT_S: Final[float] = 60.0


WhenBusy = Literal["wait", "share", "refuse"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a run has to wait."""

    devices: tuple[str, ...]
    """What it waits for."""
    ahead: tuple[str, ...]
    """Runs that go first: those on the device, then those that wait longer."""

    def __str__(self) -> str:
        """For people."""
        used_by = f", used by {', '.join(self.ahead)}" if self.ahead else ", used by another program"
        return f"waiting for {' or '.join(self.devices)}{used_by}"


WaitObserver = Callable[[Waiting], None]
"""Told what a run waits for, whenever that changes."""


@contextmanager
def queue_mutex(workspace: Workspace) -> Iterator[None]:
    """Hold the lock under which the order of runs is read and changed; held for moments only.

    Raises:
        RunError: another program holds it for a minute.
        StorageError: the workspace can't be written.
    """
    path = get_locks_folder(workspace) / "queue.lock"
    with ExitStack() as held:
        try:
            held.enter_context(hold_lock(path, timeout_s=_MUTEX_TIMEOUT_S))
        except Timeout as cause:
            raise RunError(f"another program has held {path} for a minute; end it and try again") from cause
        yield


def get_locks_folder(workspace: Workspace) -> Path:
    """Folder of this machine's locks, which need not exist."""
    return workspace.root / LOCKS_FOLDER / re.sub(r"[^A-Za-z0-9_-]", "_", get_host())


@contextmanager
def hold_devices(
    writer: RunWriter,
    workspace: Workspace,
    request: DeviceRequest,
    *,
    stop: StopSignal,
    when_busy: WhenBusy = "wait",
    on_wait: WaitObserver | None = None,
) -> Iterator[tuple[str, ...]]:
    """Wait for a run's turn, then hold what it asked for until the block ends.

    Args:
        writer: the run, in state `queued`.
        workspace: whose runs stand in the queue.
        request: what it wants.
        stop: ends the waiting.
        when_busy: `wait` for the devices, `share` them with who has them, or `refuse` to begin.
        on_wait: told what it waits for.

    Yields:
        Names of the devices' locks; all are held, unless a device is shared.

    Raises:
        StopRequestedError: a stop was asked for meanwhile.
        RunError: the device is in use and `when_busy` is `refuse`, or the workspace can't be written.
    """
    with ExitStack() as held:
        locks = _wait_for_turn(held, writer, workspace, request, stop, when_busy, on_wait)
        _LOG.info("run %s is on %s", writer.name, ", ".join(locks))
        yield locks


def _wait_for_turn(
    held: ExitStack,
    writer: RunWriter,
    workspace: Workspace,
    request: DeviceRequest,
    stop: StopSignal,
    when_busy: WhenBusy,
    on_wait: WaitObserver | None,
) -> tuple[str, ...]:
    num_looks, told = 0, ""
    while True:
        stop.check()
        with queue_mutex(workspace):
            locks = _try_to_take(held, workspace, request)
            ahead = _find_waiting_ahead(writer.name, workspace) if locks else []
            if locks and not ahead:
                return locks
            held.close()
        if when_busy == "share":
            _LOG.warning("run %s begins on a device that is in use", writer.name)
            return request.candidates[: request.num_devices]
        if num_looks % _LOOK_EVERY == 0:
            waiting = Waiting(request.candidates, tuple(_find_ahead(writer.name, workspace, request)))
            if when_busy == "refuse":
                raise RunError(f"{waiting}; stop that first, wait for it, or begin beside it (--no-wait)")
            if str(waiting) != told:
                told = str(waiting)
                _LOG.info("run %s is %s", writer.name, told)
                if on_wait is not None:
                    on_wait(waiting)
        num_looks += 1
        writer.write_heartbeat("queued", every_s=_HEARTBEAT_S)
        stop.sleep(_POLL_S)


def _try_to_take(held: ExitStack, workspace: Workspace, request: DeviceRequest) -> tuple[str, ...]:
    """Take as many devices as are needed, or none."""
    taken: list[str] = []
    for name in request.candidates:
        try:
            path = get_locks_folder(workspace) / f"device-{name}.lock"
            held.enter_context(hold_lock(path, timeout_s=0))
        except Timeout:
            continue
        taken.append(name)
        if len(taken) == request.num_devices:
            return tuple(taken)
    held.close()
    return ()


def _find_waiting_ahead(name: str, workspace: Workspace) -> list[Run]:
    """Runs that wait for one of the same devices and were submitted before, in their order."""
    queued = sorted((run for run in list_runs(workspace) if run.state == "queued"), key=get_ticket)
    mine = next((run for run in queued if run.name == name), None)
    if mine is None:
        return []
    wanted = get_wanted_devices(mine)
    return [run for run in queued[: queued.index(mine)] if wanted & get_wanted_devices(run)]


def _find_ahead(name: str, workspace: Workspace, request: DeviceRequest) -> list[str]:
    """Names of the runs on the devices, then of those that wait longer."""
    host = get_host()
    holders = [
        run.name
        for run in sorted(list_runs(workspace), key=get_ticket)
        if run.state in ("running", "stopping")
        and run.status.host == host
        and set(run.status.locks) & set(request.candidates)
    ]
    return holders + [run.name for run in _find_waiting_ahead(name, workspace)]
