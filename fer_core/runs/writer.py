"""Writing a run folder. One process writes, any number read."""

import errno
import functools
import json
import logging
import os
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from fer_core.errors import FerError, RunError
from fer_core.io import atomic_directory, storage_errors, to_json_line, write_json, write_text
from fer_core.redact import RedactingFormatter
from fer_core.runs.process import ProcessIdentity
from fer_core.runs.reader import load_run, load_status
from fer_core.runs.records import (
    EpochRecord,
    GradientRecord,
    RunMeta,
    RunStatus,
    StepRecord,
    ValidationRecord,
)
from fer_core.runs.run_files import (
    CONFIG_FILE,
    GRADIENTS_FILE,
    LOG_FILE,
    META_FILE,
    METRICS_FILE,
    STATUS_FILE,
    STEPS_FILE,
    VALIDATION_FILE,
    State,
)
from fer_core.titles import iterate_free_names, remember_number
from fer_core.workspace import PROJECT_ROOT, Workspace

_LOG: Final = logging.getLogger(__name__)
_HEARTBEAT_S: Final[float] = 2.0
_PACKAGES: Final[tuple[str, ...]] = ("torch", "torchvision", "timm", "accelerate", "kornia", "numpy")


def describe_environment() -> dict[str, Any]:
    """Versions, machine and git commit: what one needs to know to repeat a run."""
    versions: dict[str, str | None] = {}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu_count": os.cpu_count(),
        "packages": versions,
        "git_commit": _git_commit(),
    }


@functools.cache
def _git_commit() -> str | None:
    """The commit of this process's code, which does not change while it runs."""
    command = ["git", "-C", str(PROJECT_ROOT), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


class RunWriter:
    """Writes what a training process has to tell into its run folder."""

    def __init__(self, folder: Path, *, status: RunStatus | None = None) -> None:
        """Write into an existing run folder as the calling process; `create` makes a new one.

        Args:
            folder: the run folder.
            status: what status.json says beyond state and process, until replaced.
        """
        self.folder = folder
        self._process = ProcessIdentity.current()
        self._last_heartbeat = 0.0
        self._status = status or RunStatus()

    @classmethod
    def attach(cls, folder: Path) -> "RunWriter":
        """Take up an existing run: what its status says of progress and queue is kept.

        Raises:
            RunError: the status is damaged.
        """
        return cls(folder, status=replace(load_status(folder), message=None, share=None, eta_s=None))

    @classmethod
    def create(
        cls,
        workspace: Workspace,
        name: str,
        *,
        config_toml: str,
        meta: Mapping[str, Any],
        status: RunStatus | None = None,
        is_launched: bool = False,
    ) -> "RunWriter":
        """Make a run folder, complete or not at all, in state `queued`.

        Args:
            workspace: where.
            name: what the run is called; one that ends in `-#` gets the next free number there.
            config_toml: its settings.
            meta: fields of `RunMeta`, beside those of the machine.
            status: progress and queue for status.json.
            is_launched: another process will take up the run; until then the run has none.

        Raises:
            ConfigError: the name can't be used.
            RunError: a run of that name exists, or the workspace can't be written.
        """
        for free in iterate_free_names(name, workspace):
            writer = cls(workspace.runs / free, status=replace(status or RunStatus(), created=time.time()))
            try:
                if free != name:
                    remember_number(free, workspace)
                with atomic_directory(writer.folder) as temporary:
                    write_text(temporary / CONFIG_FILE, config_toml)
                    write_json(temporary / META_FILE, RunMeta(**describe_environment(), **meta))
                    writer._write_status(temporary, "queued", has_process=not is_launched)
            except OSError as cause:
                raise RunError(
                    f"run {free!r} can't be written into {workspace.runs}: {cause.strerror or cause}; make "
                    "room, or set FER_WORKSPACE to a folder that can be written"
                ) from cause
            except FerError as cause:
                if free != name and writer.folder.exists():
                    continue  # another program took the number in this moment
                raise RunError(f"run {free!r} exists already; choose another name or resume it") from cause
            return writer
        raise AssertionError("unreachable")

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.folder.name

    def set_state(self, state: State, *, has_process: bool = True, **facts: Any) -> None:
        """Write status.json at once. `facts`, fields of `RunStatus`, are kept until replaced.

        Without `has_process` the run waits for a process that was or will be launched for it.
        """
        self._status = replace(self._status, **facts)
        self._last_heartbeat = time.monotonic()
        self._write_status(self.folder, state, has_process=has_process)

    def _write_status(self, folder: Path, state: State, *, has_process: bool) -> None:
        process = self._process.to_status()
        if not has_process:
            process = {key: value if key == "host" else None for key, value in process.items()}
        write_json(folder / STATUS_FILE, replace(self._status, state=state, heartbeat=time.time(), **process))

    def write_heartbeat(self, state: State, *, every_s: float = _HEARTBEAT_S, **facts: Any) -> None:
        """Write status.json if the last time is long enough ago; cheap to call every step.

        A disk that is full for a while is told in the log: a heartbeat is not worth a run.
        """
        if time.monotonic() - self._last_heartbeat >= every_s:
            try:
                self.set_state(state, **facts)
            except OSError as error:
                _LOG.warning("status of run %s can't be written: %s", self.name, error)

    def append_metrics(self, record: EpochRecord) -> None:
        """Add the line of one epoch, whole and flushed to the disk."""
        self._append(METRICS_FILE, record)

    def append_gradients(self, record: GradientRecord) -> None:
        """Add the gradient norms of one epoch, whole and flushed to the disk."""
        self._append(GRADIENTS_FILE, record)

    def append_step(self, record: StepRecord) -> None:
        """Add a line on the training within an epoch, not flushed to the disk: that would slow steps down.

        Raises:
            StorageError: the disk is full; the lines before are still there.
        """
        self._append(STEPS_FILE, record, is_flushed=False)

    def replace_steps(self, records: Sequence[StepRecord]) -> None:
        """Replace all lines on the training within the epochs."""
        write_text(self.folder / STEPS_FILE, "".join(to_json_line(record) + "\n" for record in records))

    def _append(self, name: str, record: object, *, is_flushed: bool = True) -> None:
        line = (to_json_line(record) + "\n").encode()
        path = self.folder / name
        with storage_errors(path), path.open("ab", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            try:
                # A full disk may take a part and report no error before the next write.
                written = file.write(line)
                if written != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
                if is_flushed:
                    os.fsync(file.fileno())
            except OSError:
                file.truncate(size)
                raise

    def write_validation(self, record: ValidationRecord) -> None:
        """Replace what is known of the best epoch's validation: confusion matrix and sample predictions."""
        write_json(self.folder / VALIDATION_FILE, record)

    def truncate_records(self, num_epochs: int, step: int = 0) -> None:
        """Keep what the state knows that is resumed from: lines after it go, and those cut short.

        Args:
            num_epochs: finished epochs.
            step: finished steps of the epoch after those.
        """
        for name, last in {
            METRICS_FILE: (num_epochs, 0),
            GRADIENTS_FILE: (num_epochs, 0),
            STEPS_FILE: (num_epochs + 1, step),
        }.items():
            path = self.folder / name
            if path.exists():
                lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
                write_text(path, "".join(line + "\n" for line in lines if _place_of(line) <= last))

    def update_meta(self, **facts: Any) -> None:
        """Replace fields of meta.json."""
        write_json(self.folder / META_FILE, replace(load_run(self.folder).meta, **facts))

    def open_log(self) -> logging.Handler:
        """A handler that writes log records into log.txt; the caller adds and removes it."""
        handler = logging.FileHandler(self.folder / LOG_FILE, encoding="utf-8")
        handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        return handler


def _place_of(line: str) -> tuple[float, int]:
    """Epoch and step of a line; one of a whole epoch stands at its step 0."""
    try:
        values = json.loads(line)
        return int(values["epoch"]), int(values.get("step", 0))
    except (ValueError, KeyError, TypeError, AttributeError):
        return float("inf"), 0  # a line cut short by a crash belongs nowhere
