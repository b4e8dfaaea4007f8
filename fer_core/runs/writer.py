"""Writing a run folder. One process writes, any number read."""

import json
import logging
import os
import platform
import secrets
import subprocess
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from fer_core.errors import RunError
from fer_core.io import read_json, to_json_line, write_json, write_text
from fer_core.runs.layout import (
    CONFIG_FILE,
    GRADIENTS_FILE,
    LOG_FILE,
    META_FILE,
    METRICS_FILE,
    SCHEMA_VERSION,
    STATUS_FILE,
    VALIDATION_FILE,
    State,
)
from fer_core.runs.process import ProcessIdentity
from fer_core.workspace import PROJECT_ROOT, Workspace, validate_name

_HEARTBEAT_S: Final[float] = 2.0
_PACKAGES: Final[tuple[str, ...]] = ("torch", "torchvision", "timm", "accelerate", "kornia", "numpy")


def new_run_name(model: str, dataset: str, *, now: datetime | None = None) -> str:
    """A sortable, unique folder name: `<utc>-<model>-<dataset>-<id>`."""
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%S")
    return f"{stamp}-{model}-{dataset}-{secrets.token_hex(2)}"


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


def _git_commit() -> str | None:
    command = ["git", "-C", str(PROJECT_ROOT), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


class RunWriter:
    """Writes what a training process has to tell into its run folder."""

    def __init__(self, folder: Path) -> None:
        """Write into an existing run folder; `create` makes a new one."""
        self.folder = folder
        self._process = ProcessIdentity.current()
        self._last_heartbeat = 0.0
        self._status: dict[str, Any] = {}

    @classmethod
    def create(
        cls, workspace: Workspace, name: str, *, config_toml: str, meta: Mapping[str, Any]
    ) -> "RunWriter":
        """Make a run folder.

        Raises:
            RunError: a run of that name exists.
        """
        folder = workspace.runs / validate_name(name, "run")
        try:
            folder.mkdir(parents=True)
        except FileExistsError as cause:
            raise RunError(f"run {name!r} exists already; choose another name or resume it") from cause
        write_text(folder / CONFIG_FILE, config_toml)
        write_json(folder / META_FILE, {"schema_version": SCHEMA_VERSION, **describe_environment(), **meta})
        return cls(folder)

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.folder.name

    def set_state(self, state: State, **facts: Any) -> None:
        """Write status.json at once. `facts` are kept until replaced."""
        self._status |= facts
        now = time.time()
        self._last_heartbeat = time.monotonic()
        write_json(
            self.folder / STATUS_FILE,
            {
                "schema_version": SCHEMA_VERSION,
                "state": state,
                "host": self._process.host,
                "pid": self._process.pid,
                "process_started": self._process.started,
                "heartbeat": now,
                **self._status,
            },
        )

    def beat(self, state: State, **facts: Any) -> None:
        """Write status.json if the last time is long enough ago; cheap to call every step."""
        if time.monotonic() - self._last_heartbeat >= _HEARTBEAT_S:
            self.set_state(state, **facts)

    def append_metrics(self, record: Mapping[str, Any]) -> None:
        """Add the line of one epoch, whole and flushed to the disk."""
        self._append(METRICS_FILE, record)

    def append_gradients(self, record: Mapping[str, Any]) -> None:
        """Add the gradient norms of one epoch, whole and flushed to the disk."""
        self._append(GRADIENTS_FILE, record)

    def _append(self, name: str, record: Mapping[str, Any]) -> None:
        with (self.folder / name).open("a", encoding="utf-8") as file:
            file.write(to_json_line(record) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def write_validation(self, record: Mapping[str, Any]) -> None:
        """Replace what is known of the best epoch's validation: confusion matrix and sample predictions."""
        write_json(self.folder / VALIDATION_FILE, {"schema_version": SCHEMA_VERSION, **record})

    def truncate_records(self, num_epochs: int) -> None:
        """Keep the lines of the first `num_epochs` epochs: those after the state that is resumed from go."""
        for path in (self.folder / METRICS_FILE, self.folder / GRADIENTS_FILE):
            if path.exists():
                lines = path.read_text(encoding="utf-8").splitlines()
                kept = [line for line in lines if _epoch_of(line) <= num_epochs]
                write_text(path, "".join(line + "\n" for line in kept))

    def update_meta(self, **facts: Any) -> None:
        """Add facts to meta.json."""
        meta = read_json(self.folder / META_FILE, RunError)
        write_json(self.folder / META_FILE, {**meta, **facts})

    def open_log(self) -> logging.Handler:
        """A handler that writes log records into log.txt; the caller adds and removes it."""
        handler = logging.FileHandler(self.folder / LOG_FILE, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        return handler


def _epoch_of(line: str) -> float:
    try:
        return int(json.loads(line)["epoch"])
    except (ValueError, KeyError, TypeError):
        return float("inf")  # a line cut short by a crash belongs to no finished epoch
