"""Work in the background: a `fer` command in a separate process that outlives page, browser and server.

A task is a folder `workspace/tasks/<utc>-<kind>-<id>/`: `task.json` says what was asked, `status.json` which
process works on it, `progress.jsonl` how far it is, `result.json` what it found, `log.txt` what it printed;
`inputs/` is what it was given and `files/` what it made. This module starts, finds, cancels and removes
tasks; `fer_core.jobs.task_process` is the other side.
"""

import contextlib
import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final, Literal, TypeVar

from fer_core.errors import RunError
from fer_core.io import atomic_directory, read_json, read_record, remove_directory, storage_errors, write_json
from fer_core.jobs.launch import start_detached
from fer_core.progress import Progress, read_progress
from fer_core.runs.cache import read_cached
from fer_core.runs.process import ProcessStatus, Seconds, get_host, is_at_work, request_stop
from fer_core.workspace import TASK_VARIABLE, Workspace, validate_name

TASK_FILE: Final[str] = "task.json"
STATUS_FILE: Final[str] = "status.json"
PROGRESS_FILE: Final[str] = "progress.jsonl"
RESULT_FILE: Final[str] = "result.json"
LOG_FILE: Final[str] = "log.txt"
CANCEL_FILE: Final[str] = "cancel-requested"
"""Empty; there from the moment a task is to be cancelled."""
DISCARD_FILE: Final[str] = "discard-requested"
"""Empty; there from the moment a task at work is to be removed: nobody sees it any more."""
INPUTS_FOLDER: Final[str] = "inputs"
FILES_FOLDER: Final[str] = "files"
SCHEMA_VERSION: Final[int] = 1

TaskState = Literal["queued", "running", "finished", "failed", "cancelled", "interrupted"]
"""`interrupted` is never written: it is what a reader calls a task whose process is gone."""
ACTIVE_STATES: Final[frozenset[str]] = frozenset({"queued", "running"})

KEPT_S: Final[float] = 7 * 24 * 3600.0
"""Ended tasks are removed after a week."""
SAFE_S: Final[float] = 24 * 3600.0
"""Of those that ended longer ago than this, only the newest `KEPT_COUNT` are kept."""
KEPT_COUNT: Final[int] = 50
_LOG_TAIL: Final[int] = 2000
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskStatus(ProcessStatus):
    """status.json: how far a task is, and who works on it."""

    schema_version: int = SCHEMA_VERSION
    state: TaskState = "interrupted"
    """As written; `BackgroundTask.state` also knows whether the process is still there."""
    message: str | None = None
    """Why it failed."""
    ended: Seconds | None = None
    """Unix time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDescription:
    """task.json: what was asked."""

    schema_version: int = SCHEMA_VERSION
    kind: str
    """What sort of work it is: "export"."""
    title: str
    """What it does, in the words of the navigation."""
    command: tuple[str, ...]
    """Arguments of `fer`."""
    page: str
    """The page it belongs to, as in a link: `models?model=fer-small`."""
    facts: dict[str, Any]
    """What the page wants to know again when it returns."""
    created: Seconds
    """Unix time in seconds."""
    kept_s: Seconds = KEPT_S
    """How long its folder is kept after it ended, in seconds."""
    queue: str = ""
    """Tasks of one queue work one after the other, in the order in which they were started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundTask(TaskDescription):
    """A task as its folder tells it, at the moment it was read."""

    folder: Path
    state: TaskState
    status: TaskStatus

    @property
    def name(self) -> str:
        """Name of the task: that of its folder."""
        return self.folder.name

    @property
    def is_active(self) -> bool:
        """Whether it waits or works."""
        return self.state in ACTIVE_STATES

    @property
    def is_cancelling(self) -> bool:
        """Whether it was asked to end, and has not yet."""
        return self.is_active and (self.folder / CANCEL_FILE).exists()

    @property
    def is_discarded(self) -> bool:
        """Whether it is to be removed as soon as it has ended."""
        return (self.folder / DISCARD_FILE).exists()

    @property
    def files(self) -> Path:
        """Folder of what it makes."""
        return self.folder / FILES_FOLDER

    @property
    def inputs(self) -> Path:
        """Folder of what it was given."""
        return self.folder / INPUTS_FOLDER

    @property
    def ended(self) -> float | None:
        """Unix time in seconds when it ended, as far as that is known; None while it is active."""
        if self.is_active:
            return None
        return self.status.ended or self.status.heartbeat or self.created

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return read_progress(self.folder / PROGRESS_FILE)

    def result(self) -> dict[str, Any] | None:
        """What the command found (`keep_result`); None if it kept nothing, or has not yet.

        Raises:
            RunError: the file is damaged.
        """
        return read_cached(self.folder / RESULT_FILE, _read_object)

    def read_result(self, kind: type[T]) -> T:
        """What the command found, as a record.

        Raises:
            RunError: it found nothing, or it does not fit.
        """
        return read_record(self.folder / RESULT_FILE, kind, RunError, advice="do it again")

    @property
    def error(self) -> str:
        """Why it failed, in words; empty while it is active, and if it finished or was cancelled."""
        if self.state == "failed":
            return self.status.message or "it ended without saying why"
        if self.state == "interrupted":
            last = (self.read_log().strip().splitlines() or [""])[-1][-300:]
            return (
                "its process was ended from outside before it was done (killed, out of memory, or the "
                "machine was restarted); start it again" + (f". The last it said: {last}" if last else "")
            )
        return ""

    def read_log(self) -> str:
        """The end of what it printed."""
        try:
            with (self.folder / LOG_FILE).open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _LOG_TAIL))
                return file.read().decode(errors="replace")
        except OSError:
            return ""


def start_task(  # noqa: PLR0913 - each is a choice of its own
    workspace: Workspace,
    *,
    kind: str,
    title: str,
    command: Sequence[str],
    page: str,
    facts: Mapping[str, Any] | None = None,
    inputs: Mapping[str, bytes | Path | IO[bytes]] | None = None,
    environment: Mapping[str, str] | None = None,
    kept_s: float = KEPT_S,
    queue: str = "",
) -> BackgroundTask:
    """Start a `fer` command in the background and return at once.

    Args:
        workspace: where it works.
        kind: what sort of work it is, a word or two of letters, digits and hyphens.
        title: what it does, for a person.
        command: arguments of `fer`. `{inputs}` and `{files}` at the beginning of one, or after the `=` of an
            option, stand for the task's folders.
        page: the page it belongs to: its file's name without `.py`, and with `?` the query parameters with
            which it shows the task: `models?model=fer-small`.
        facts: what the page wants to know again when it returns; plain values that JSON can hold.
        inputs: files for the command by name: their bytes, a path to copy, or an open file to read.
        environment: variables beside the usual ones.
        kept_s: how long its folder is kept after it ended, in seconds.
        queue: tasks of one queue work one after the other; empty for one that waits for nobody.

    Raises:
        ConfigError: a name can't be used.
        RunError: the system can't start it.
        StorageError: the workspace can't be written.
    """
    prune_tasks(workspace)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")[:-3]
    name = validate_name(f"{stamp}-{kind}-{secrets.token_hex(3)}", "task")
    folder = workspace.tasks / name
    arguments = [_fill_in(part, folder) for part in command]
    described = TaskDescription(
        kind=kind,
        title=title,
        command=tuple(arguments),
        page=page,
        facts=dict(facts or {}),
        created=time.time(),
        kept_s=kept_s,
        queue=queue,
    )
    with atomic_directory(folder) as temporary:
        (temporary / FILES_FOLDER).mkdir()
        (temporary / INPUTS_FOLDER).mkdir()
        for file_name, content in (inputs or {}).items():
            _write_input(temporary / INPUTS_FOLDER / validate_name(file_name, "file"), content)
        write_json(temporary / TASK_FILE, described)
        status = TaskStatus(state="queued", host=get_host(), heartbeat=time.time())
        write_json(temporary / STATUS_FILE, status)
    program = [sys.executable, "-m", "fer_core", *arguments]
    mark = {**(environment or {}), TASK_VARIABLE: str(folder)}
    try:
        start_detached(program, folder / LOG_FILE, workspace, environment=mark)
    except RunError:
        remove_directory(folder, f"task {name!r}", RunError)
        raise
    return load_task(workspace, name)


def _fill_in(part: str, folder: Path) -> str:
    option, sign, value = part.partition("=") if part.startswith("--") else ("", "", part)
    for mark, inside in (("{inputs}", INPUTS_FOLDER), ("{files}", FILES_FOLDER)):
        if value.startswith(mark):
            value = f"{folder / inside}{value.removeprefix(mark)}"
    return f"{option}{sign}{value}"


def _write_input(path: Path, content: "bytes | Path | IO[bytes]") -> None:
    if isinstance(content, Path):
        shutil.copyfile(content, path)
        return
    with path.open("wb") as file:
        if isinstance(content, bytes):
            file.write(content)
        else:
            shutil.copyfileobj(content, file)


def load_task(workspace: Workspace, name: str) -> BackgroundTask:
    """Read one task.

    Raises:
        ConfigError: nothing can have that name.
        RunError: there is no such task, or its files are damaged.
    """
    folder = workspace.tasks / validate_name(name, "task")
    described = read_cached(folder / TASK_FILE, _read_task)
    if described is None:
        raise RunError(f"there is no task {name!r}; `fer tasks` lists them")
    status = read_cached(folder / STATUS_FILE, _read_status) or TaskStatus()
    state = status.state
    if state in ACTIVE_STATES and not is_at_work(folder, status):
        state = "cancelled" if (folder / CANCEL_FILE).exists() else "interrupted"
    return BackgroundTask(folder=folder, state=state, status=status, **asdict(described))


def _read_object(path: Path) -> dict[str, Any]:
    return read_json(path, RunError)


def _read_task(path: Path) -> TaskDescription:
    return read_record(path, TaskDescription, RunError, advice="delete its folder")


def _read_status(path: Path) -> TaskStatus:
    return read_record(path, TaskStatus, RunError, advice="delete its folder")


def list_tasks(workspace: Workspace) -> list[BackgroundTask]:
    """Every readable task of the workspace, newest first; damaged folders are left out."""
    return [task for task in _iterate_tasks(workspace) if not task.is_discarded]


def _iterate_tasks(workspace: Workspace) -> Iterator[BackgroundTask]:
    try:
        names = sorted((entry.name for entry in os.scandir(workspace.tasks)), reverse=True)
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        if not name.startswith("."):  # being made or removed
            with contextlib.suppress(RunError, ValueError):
                yield load_task(workspace, name)


def find_task(
    workspace: Workspace, kind: str, facts: Mapping[str, Any] | None = None
) -> BackgroundTask | None:
    """The newest task of a kind whose facts hold these."""
    return next(find_tasks(workspace, kind, facts), None)


def find_tasks(
    workspace: Workspace, kind: str, facts: Mapping[str, Any] | None = None
) -> Iterator[BackgroundTask]:
    """The tasks of a kind whose facts hold these, newest first."""
    wanted = json.loads(json.dumps(dict(facts or {})))  # as they are read: lists for tuples
    for task in _iterate_tasks(workspace):
        is_meant = task.kind == kind and {key: task.facts.get(key) for key in wanted} == wanted
        if is_meant and not task.is_discarded:
            yield task


def count_before(workspace: Workspace, task: BackgroundTask) -> int:
    """How many tasks of its queue must end before it is its turn."""
    return sum(
        other.queue == task.queue != "" and other.name < task.name and other.is_active
        for other in _iterate_tasks(workspace)
    )


def cancel_task(workspace: Workspace, name: str) -> None:
    """Ask a task to end; it cleans up and does. One that has ended already stays as it is.

    Raises:
        RunError: there is no such task, or its process belongs to another machine, container or program.
    """
    task = load_task(workspace, name)
    if not task.is_active:
        return
    request_stop(task.status, task.folder / CANCEL_FILE, f"task {name!r}")


def delete_task(workspace: Workspace, name: str) -> None:
    """Remove a task that has ended, with all it made.

    Raises:
        RunError: there is no such task, it is active, or it can't be removed.
    """
    folder = workspace.tasks / validate_name(name, "task")
    if not folder.is_dir():
        raise RunError(f"there is no task {name!r}; `fer tasks` lists them")
    try:
        is_active = load_task(workspace, name).is_active
    except RunError:  # damaged ones can be removed too
        is_active = False
    if is_active:
        raise RunError(f"task {name!r} is at work; cancel it first")
    remove_directory(folder, f"task {name!r}", RunError)


def discard_task(workspace: Workspace, name: str) -> None:
    """Remove a task with all it was given and made; one at work is cancelled, and removed when it has ended.

    Raises:
        RunError: there is no such task, it works on another machine, or it can't be removed.
    """
    task = load_task(workspace, name)
    if task.is_active:
        with storage_errors(task.folder / DISCARD_FILE):
            (task.folder / DISCARD_FILE).touch()  # its process removes the folder, or else `prune_tasks`
        cancel_task(workspace, name)
        return
    delete_task(workspace, name)


def prune_tasks(workspace: Workspace) -> None:
    """Remove what is discarded or has been kept long enough, and of what ended over a day ago all but 50."""
    now = time.time()
    ended = [task for task in _iterate_tasks(workspace) if task.ended is not None]
    for place, task in enumerate(ended):
        age_s = now - (task.ended or now)
        if task.is_discarded or age_s > task.kept_s or (age_s > SAFE_S and place >= KEPT_COUNT):
            with contextlib.suppress(RunError):
                delete_task(workspace, task.name)
