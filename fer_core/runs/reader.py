"""Reading run folders: cheap, tolerant of what a crash leaves behind, and without torch."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

from fer_core.config import TrainConfig
from fer_core.errors import RunError
from fer_core.io import read_json
from fer_core.plain import parse_json, parse_toml
from fer_core.runs.cache import read_cached
from fer_core.runs.notes import Notes, read_notes
from fer_core.runs.process import is_at_work
from fer_core.runs.run_files import (
    ACTIVE_STATES,
    CONFIG_FILE,
    GRADIENTS_FILE,
    META_FILE,
    METRICS_FILE,
    NOTES_FILE,
    STATUS_FILE,
    STOP_FILE,
    VALIDATION_FILE,
    State,
)
from fer_core.workspace import Workspace

_TABLES: Final[frozenset[str]] = frozenset(
    item.name for item in dataclasses.fields(TrainConfig) if dataclasses.is_dataclass(item.type)
)
"""Settings of a run that are tables themselves."""
_NUMBERS: Final[frozenset[str]] = frozenset(
    {"heartbeat", "pid", "process_started", "epoch", "num_epochs", "step", "num_steps", "eta_s"}
)
_MAX_NUMBER: Final[float] = 1e11
"""The largest of them are times in seconds; this is in the year 5138."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its folder tells it."""

    folder: Path
    state: str
    """One of `fer_core.runs.run_files.State`; `interrupted` if its process is gone."""
    status: Mapping[str, Any]
    config: Mapping[str, Any]
    """Nested plain values of config.toml."""
    tags: tuple[str, ...] = ()
    """Words a person filed it under."""
    queue_position: int | None = None
    """1 for the next to begin among the runs that wait for the same device. Only `list_runs` knows it, and
    only of runs in state `queued`."""

    @property
    def name(self) -> str:
        """Name of the run: that of its folder."""
        return self.folder.name

    @property
    def is_active(self) -> bool:
        """Whether a process works on it, or waits to."""
        return self.state in ACTIVE_STATES

    @property
    def meta(self) -> dict[str, Any]:
        """What meta.json says: versions, device, data."""
        return read_json(self.folder / META_FILE, RunError)

    def load_metrics(self) -> list[dict[str, Any]]:
        """One record per finished epoch; a line cut short by a crash is skipped."""
        return _read_lines(self.folder / METRICS_FILE)

    def load_gradients(self) -> list[dict[str, Any]]:
        """One record per finished epoch: `epoch`, `layers` (norms of gradient and weights) and `warnings`."""
        return _read_lines(self.folder / GRADIENTS_FILE)

    def load_validation(self) -> dict[str, Any] | None:
        """Confusion matrix and sample predictions of the best epoch; None before the first.

        Raises:
            RunError: the file is damaged.
        """
        path = self.folder / VALIDATION_FILE
        if not path.is_file():
            return None
        value = read_json(path, RunError)
        if not _is_validation(value):
            raise RunError(
                f"{path} holds no square confusion matrix with its classes and samples; delete it, and the "
                "next best epoch writes it anew"
            )
        return value


def _is_validation(value: Mapping[str, Any]) -> bool:
    classes, confusion, samples = (value.get(key) for key in ("classes", "confusion", "samples"))
    if not (isinstance(classes, list) and isinstance(confusion, list) and isinstance(samples, list)):
        return False
    rows = [row for row in confusion if isinstance(row, list) and len(row) == len(classes)]
    return (
        all(isinstance(name, str) for name in classes)
        and len(rows) == len(confusion) == len(classes)
        and all(isinstance(count, int) and count >= 0 for row in rows for count in row)
        and all(isinstance(item, Mapping) for item in samples)
        and isinstance(value.get("epoch"), int)
    )


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """Records of a file, whole lines only; none if it is no file, not yet or not any more."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, IsADirectoryError):
        return []
    records = []
    for line in text.splitlines():
        try:
            record = parse_json(line)
        except ValueError:
            continue
        if isinstance(record, dict) and isinstance(record.get("epoch"), int):
            records.append(record)
    return records


def load_run(folder: Path) -> Run:
    """Read one run.

    Raises:
        RunError: the folder is no run, or its files are damaged.
    """
    config = read_cached(folder / CONFIG_FILE, _read_config)
    if config is None:
        raise RunError(f"{folder} is no run: it has no {CONFIG_FILE}")
    # A process killed right after making the folder has written no status yet.
    status = read_cached(folder / STATUS_FILE, _read_status) or {}
    notes = read_cached(folder / NOTES_FILE, _read_notes_beside) or Notes()
    return Run(folder, _effective_state(folder, status), status, config, notes.tags)


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = parse_toml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as cause:
        raise RunError(f"{path} can't be read: {cause}; restore it, or delete the run") from cause
    if not config:
        raise RunError(f"{path} is empty; restore it, or delete the run")
    for name in _TABLES & config.keys():
        if not isinstance(config[name], Mapping):
            raise RunError(f"{path}: {name} is {config[name]!r}; expected a table of settings")
    return config


def _read_status(path: Path) -> dict[str, Any]:
    status = read_json(path, RunError)
    queue = status.get("queue")
    numbers = {key: status.get(key) for key in _NUMBERS}
    numbers["queue.submitted"] = queue.get("submitted") if isinstance(queue, Mapping) else None
    for key, value in numbers.items():
        good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _MAX_NUMBER
        if value is not None and not good:
            raise RunError(f"{path}: {key} is {value!r}; expected a number from 0 to {_MAX_NUMBER:.0e}")
    if status.get("state", "interrupted") not in get_args(State):
        raise RunError(
            f"{path}: the state is {status['state']!r}; expected one of {', '.join(get_args(State))}"
        )
    return status


def _read_notes_beside(path: Path) -> Notes:
    return read_notes(path.parent)


def _effective_state(folder: Path, status: Mapping[str, Any]) -> str:
    state = str(status.get("state", "interrupted"))
    if state not in ACTIVE_STATES:
        return state
    if not is_at_work(folder, status):
        return "interrupted"
    return "stopping" if (folder / STOP_FILE).exists() else state


def list_runs(workspace: Workspace) -> list[Run]:
    """Every readable run of the workspace, newest first; damaged folders are left out."""
    try:
        names = sorted((entry.name for entry in os.scandir(workspace.runs)), reverse=True)
    except (FileNotFoundError, NotADirectoryError):
        return []
    runs = []
    for name in names:
        if name.startswith("."):  # being made or removed
            continue
        try:
            runs.append(load_run(workspace.runs / name))
        except RunError:
            continue
    positions = compute_queue_positions(runs)
    return [dataclasses.replace(run, queue_position=positions.get(run.name)) for run in runs]


def get_ticket(run: Run) -> tuple[float, str]:
    """Place of a run in the order of submission; smaller goes first."""
    queue = run.status.get("queue")
    submitted = queue.get("submitted") if isinstance(queue, Mapping) else None
    return (float(submitted) if isinstance(submitted, int | float) else float("inf"), run.name)


def get_wanted_devices(run: Run) -> frozenset[str]:
    """Machine and name of each device that a queued run may take."""
    queue = run.status.get("queue")
    candidates = queue.get("candidates", []) if isinstance(queue, Mapping) else []
    return frozenset(f"{run.status.get('host')}/{device}" for device in candidates)


def compute_queue_positions(runs: Sequence[Run]) -> dict[str, int]:
    """Place of each queued run among those that want one of the same devices, from 1, by name."""
    queued = sorted((run for run in runs if run.state == "queued"), key=get_ticket)
    wanted = [get_wanted_devices(run) for run in queued]
    return {
        run.name: 1 + sum(bool(devices & wanted[index]) for devices in wanted[:index])
        for index, run in enumerate(queued)
    }
