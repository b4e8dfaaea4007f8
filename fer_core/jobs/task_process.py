"""The process of a background task: reports progress, result and how it ended."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Final

from fer_core.errors import FerError, RunError
from fer_core.io import remove_directory, write_json
from fer_core.jobs.tasks import (
    CANCEL_FILE,
    DISCARD_FILE,
    LOG_FILE,
    PROGRESS_FILE,
    RESULT_FILE,
    STATUS_FILE,
    TaskState,
    TaskStatus,
    count_before,
    load_task,
)
from fer_core.progress import Audience, Progress, ProgressFile, perform_for
from fer_core.redact import redact
from fer_core.runs.process import ProcessIdentity
from fer_core.workspace import Workspace

_LOG: Final = logging.getLogger(__name__)
INTERRUPTED: Final[int] = 130
"""Exit status of a command that was asked to end."""
_POLL_S: Final[float] = 0.5
_HEARTBEAT_S: Final[float] = 30.0
_PATIENCE_S: Final[float] = 10.0
"""What a cancelled command gets to put its things away; one inside a long computation never hears of it."""


class _CancelledError(BaseException):
    """Raised in the main thread by the signal; no `except Exception` holds it up."""


class _Status:
    """Writes status.json, from the main thread and from the one that keeps it fresh."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / STATUS_FILE
        self._process = ProcessIdentity.current().to_status()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._state: TaskState = "queued"

    def begin(self) -> None:
        self._write(self._state)
        threading.Thread(target=self._beat, name="fer-task-heartbeat", daemon=True).start()

    def run(self) -> None:
        self._state = "running"
        self._write(self._state)

    def end(self, state: TaskState, **facts: Any) -> None:
        self._ended.set()
        self._write(state, ended=time.time(), **facts)

    def _beat(self) -> None:
        while not self._ended.wait(_HEARTBEAT_S):
            with self._lock:
                if not self._ended.is_set():
                    self._write_unlocked(self._state)

    def _write(self, state: TaskState, **facts: Any) -> None:
        with self._lock:
            self._write_unlocked(state, **facts)

    def _write_unlocked(self, state: TaskState, **facts: Any) -> None:
        write_json(self._path, TaskStatus(state=state, heartbeat=time.time(), **self._process, **facts))


def work_on_task(folder: Path, run: Callable[[], int]) -> int:
    """Run a command as a task: what it reports, finds and dies of goes into the task's folder.

    Args:
        folder: of the task.
        run: the command; returns its exit status, or raises.

    Returns:
        The exit status.
    """
    code = _work(_Status(folder), folder, run)
    if (folder / DISCARD_FILE).exists():
        remove_directory(folder, f"task {folder.name!r}", RunError)
    return code


def _work(status: _Status, folder: Path, run: Callable[[], int]) -> int:
    status.begin()
    try:
        code, message = _run(status, folder, run)
    except _CancelledError:
        code, message = INTERRUPTED, ""
    _ignore_signals()
    if code == INTERRUPTED:
        status.end("cancelled")  # with a result, if the command kept what it had done so far
    elif code:
        status.end("failed", message=redact(message or _read_last_words(folder, code)))
    else:
        status.end("finished")
    return code


def _run(status: _Status, folder: Path, run: Callable[[], int]) -> tuple[int, str]:
    """The exit status of the command, and its error in words."""
    signal.signal(signal.SIGTERM, _cancel)
    if (folder / CANCEL_FILE).exists():
        raise _CancelledError
    progress = ProgressFile(folder / PROGRESS_FILE)

    def keep(values: Mapping[str, Any]) -> None:
        write_json(folder / RESULT_FILE, values)

    try:
        _wait_for_turn(folder, progress)
        status.run()
        with perform_for(Audience(progress.write, keep)):
            return run(), ""
    except FerError as error:
        _LOG.warning("%s", error)
        return 1, str(error)
    except SystemExit as end:  # wrong usage, which tyro has explained in the log
        return (end.code if isinstance(end.code, int) else 1), ""
    except Exception as error:  # noqa: BLE001 - logged; the page that waits must learn of it
        _LOG.exception("the command failed unexpectedly")
        return 1, f"{type(error).__name__}: {error}"


def _wait_for_turn(folder: Path, progress: ProgressFile) -> None:
    workspace = Workspace(folder.parent.parent)
    task = load_task(workspace, folder.name)
    while task.queue and (number := count_before(workspace, task)):
        progress.write(Progress(text=f"waiting for {number} before it"))
        time.sleep(_POLL_S)


def _cancel(number: int, frame: FrameType | None) -> None:
    _ignore_signals()
    timer = threading.Timer(_PATIENCE_S, os.killpg, (os.getpgrp(), signal.SIGKILL))
    timer.daemon = True
    timer.start()
    raise _CancelledError


def _ignore_signals() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _read_last_words(folder: Path, code: int) -> str:
    text = (folder / LOG_FILE).read_text(encoding="utf-8", errors="replace").strip()
    last = (text.splitlines() or ["it printed nothing"])[-1][-300:]
    return f"the command ended with status {code}: {last}"
