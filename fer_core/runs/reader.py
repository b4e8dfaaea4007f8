"""Reading run folders: cheap, tolerant of what a crash leaves behind, and without torch."""

import json
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fer_core.errors import RunError
from fer_core.io import read_json
from fer_core.runs.layout import (
    ACTIVE_STATES,
    CONFIG_FILE,
    HEARTBEAT_TIMEOUT_S,
    META_FILE,
    METRICS_FILE,
    STATUS_FILE,
)
from fer_core.runs.process import ProcessIdentity
from fer_core.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its folder tells it."""

    folder: Path
    state: str
    """One of `fer_core.runs.layout.State`; `interrupted` if its process is gone."""
    status: Mapping[str, Any]
    config: Mapping[str, Any]
    """Nested plain values of config.toml."""

    @property
    def name(self) -> str:
        """Name of the run: that of its folder."""
        return self.folder.name

    @property
    def meta(self) -> dict[str, Any]:
        """What meta.json says: versions, device, data."""
        return read_json(self.folder / META_FILE, RunError)

    def load_metrics(self) -> list[dict[str, Any]]:
        """One record a finished epoch; a line cut short by a crash is passed over."""
        path = self.folder / METRICS_FILE
        records = []
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
            try:
                record = json.loads(line)
            except json.JSONDecodeError:
                continue
            if isinstance(record, dict):
                records.append(record)
        return records


def load_run(folder: Path) -> Run:
    """Read one run.

    Raises:
        RunError: the folder is no run, or its files are damaged.
    """
    if not (folder / CONFIG_FILE).is_file():
        raise RunError(f"{folder} is no run: it has no {CONFIG_FILE}")
    try:
        config = tomllib.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as cause:
        raise RunError(f"{folder / CONFIG_FILE} can't be read: {cause}") from cause
    # A process killed right after making the folder has written no status yet.
    status = read_json(folder / STATUS_FILE, RunError) if (folder / STATUS_FILE).is_file() else {}
    return Run(folder, _effective_state(status), status, config)


def _effective_state(status: Mapping[str, Any]) -> str:
    state = str(status.get("state", "interrupted"))
    if state not in ACTIVE_STATES:
        return state
    try:
        process = ProcessIdentity(str(status["host"]), int(status["pid"]), float(status["process_started"]))
        heartbeat = float(status["heartbeat"])
    except (KeyError, TypeError, ValueError):
        return "interrupted"
    alive = process.is_alive()
    if alive is None:
        alive = time.time() - heartbeat < HEARTBEAT_TIMEOUT_S
    return state if alive else "interrupted"


def list_runs(workspace: Workspace) -> list[Run]:
    """Every readable run of the workspace, newest first; damaged folders are left out."""
    runs = []
    for path in sorted(workspace.runs.glob(f"*/{CONFIG_FILE}"), reverse=True):
        try:
            runs.append(load_run(path.parent))
        except RunError:
            continue
    return runs
