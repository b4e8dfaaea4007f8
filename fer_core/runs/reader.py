"""Reading run folders: cheap, tolerant of what a crash leaves behind, and without torch."""

import contextlib
import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from fer_core.config import TrainConfig
from fer_core.errors import RunError
from fer_core.io import read_record
from fer_core.plain import parse_json, parse_toml
from fer_core.runs.cache import read_cached
from fer_core.runs.notes import load_notes
from fer_core.runs.process import is_at_work
from fer_core.runs.records import (
    EpochRecord,
    GradientRecord,
    Notes,
    RunMeta,
    RunStatus,
    StepRecord,
    ValidationRecord,
)
from fer_core.runs.run_files import (
    ACTIVE_STATES,
    CONFIG_FILE,
    GRADIENTS_FILE,
    META_FILE,
    METRICS_FILE,
    STATUS_FILE,
    STEPS_FILE,
    STOP_FILE,
    VALIDATION_FILE,
    State,
)
from fer_core.titles import NOTES_FILE, find_titled_run, shorten_name
from fer_core.workspace import Workspace

T = TypeVar("T")

_RESTORE: Final[str] = "restore it, or delete the run"
_TABLES: Final[frozenset[str]] = frozenset(
    item.name for item in dataclasses.fields(TrainConfig) if dataclasses.is_dataclass(item.type)
)
"""Settings of a run that are tables themselves."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its folder tells it."""

    folder: Path
    state: State
    """`interrupted` if its process is gone."""
    status: RunStatus
    config: Mapping[str, Any]
    """Nested plain values of config.toml."""
    tags: tuple[str, ...] = ()
    """Words a person filed it under."""
    queue_position: int | None = None
    """1 for the next to begin among the runs that wait for the same device. Only `list_runs` knows it, and
    only of runs in state `queued`."""

    given_title: str = ""
    """What a person called it; empty if nobody did."""

    @property
    def name(self) -> str:
        """Name of the run: that of its folder."""
        return self.folder.name

    @property
    def title(self) -> str:
        """What it is called where people read it; plain text, which a page must escape."""
        return self.given_title or shorten_name(self.name)

    @property
    def created(self) -> datetime | None:
        """When it was made, in UTC: its status or its name says so."""
        seconds = self.status.created
        if seconds is None:
            with contextlib.suppress(ValueError):
                stamp = self.name.partition("-")[0]
                return datetime.strptime(stamp, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
            seconds = self.status.queue.submitted or self.status.process_started
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)

    @property
    def best(self) -> float | None:
        """What is monitored (accuracy, macro-F1 or loss) in the best epoch; None before the first."""
        score = self.status.best_score
        return -score if score is not None and self.config.get("monitor") == "loss" else score

    @property
    def is_active(self) -> bool:
        """Whether a process works on it, or waits to."""
        return self.state in ACTIVE_STATES

    @property
    def meta(self) -> RunMeta:
        """What meta.json says: versions, machine, data.

        Raises:
            RunError: the file is missing or damaged.
        """
        return read_record(self.folder / META_FILE, RunMeta, RunError, advice=_RESTORE)

    def load_metrics(self) -> list[EpochRecord]:
        """One record per finished epoch; a line cut short by a crash is skipped."""
        return _read_lines(self.folder / METRICS_FILE, EpochRecord)

    def load_steps(self) -> list[StepRecord]:
        """The training within the epochs, means over a few steps each; empty for runs without them."""
        return _read_lines(self.folder / STEPS_FILE, StepRecord)

    def load_gradients(self) -> list[GradientRecord]:
        """One record per finished epoch; empty where gradients were not logged."""
        return _read_lines(self.folder / GRADIENTS_FILE, GradientRecord)

    def load_validation(self) -> ValidationRecord | None:
        """Confusion matrix and sample predictions of the best epoch; None before the first.

        Raises:
            RunError: the file is damaged.
        """
        path = self.folder / VALIDATION_FILE
        if not path.is_file():
            return None
        advice = "delete it, and the next best epoch writes it anew"
        return read_record(path, ValidationRecord, RunError, advice=advice)


def _read_lines(path: Path, kind: type[T]) -> list[T]:
    """Records of a file, whole lines only; none if it is no file, not yet or not any more."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, IsADirectoryError):
        return []
    records = []
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            records.append(msgspec.convert(parse_json(line), kind))
    return records


def load_run(folder: Path) -> Run:
    """Read one run.

    Raises:
        RunError: the folder is no run, or its files are damaged.
    """
    config = read_cached(folder / CONFIG_FILE, _read_config)
    if config is None:
        if not folder.is_dir():
            raise RunError(f"there is no run {folder.name!r}; `fer runs` lists those that there are")
        raise RunError(f"{folder} is no run: it has no {CONFIG_FILE}")
    status = load_status(folder)
    notes = read_cached(folder / NOTES_FILE, _read_notes_beside) or Notes()
    state = _effective_state(folder, status)
    return Run(folder, state, status, config, notes.tags, given_title=notes.title)


def find_run(reference: str, workspace: Workspace) -> Run:
    """Read the run that a person means: by the name of its folder, or by its title.

    Raises:
        RunError: there is none, or it is damaged.
        ConfigError: nothing can be called so.
    """
    return load_run(find_titled_run(reference, workspace) or workspace.run(reference))


def load_status(folder: Path) -> RunStatus:
    """What status.json says; nothing yet where a process was killed right after making the folder.

    Raises:
        RunError: the file is damaged.
    """
    return read_cached(folder / STATUS_FILE, _read_status) or RunStatus()


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


def _read_status(path: Path) -> RunStatus:
    return read_record(path, RunStatus, RunError, advice=_RESTORE)


def _read_notes_beside(path: Path) -> Notes:
    return load_notes(path.parent)


def _effective_state(folder: Path, status: RunStatus) -> State:
    if status.state not in ACTIVE_STATES:
        return status.state
    if not is_at_work(folder, status):
        return "interrupted"
    return "stopping" if (folder / STOP_FILE).exists() else status.state


def list_runs(workspace: Workspace) -> list[Run]:
    """Every readable run of the workspace, newest first; damaged folders are left out."""
    try:
        names = [entry.name for entry in os.scandir(workspace.runs)]
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
    runs.sort(key=lambda run: (run.created.timestamp() if run.created else 0.0, run.name), reverse=True)
    positions = compute_queue_positions(runs)
    return [dataclasses.replace(run, queue_position=positions.get(run.name)) for run in runs]


def get_ticket(run: Run) -> tuple[float, str]:
    """Place of a run in the order of submission; smaller goes first."""
    submitted = run.status.queue.submitted
    return (math.inf if submitted is None else submitted, run.name)


def get_wanted_devices(run: Run) -> frozenset[str]:
    """Machine and name of each device that a queued run may take."""
    return frozenset(f"{run.status.host}/{device}" for device in run.status.queue.candidates)


def compute_queue_positions(runs: Sequence[Run]) -> dict[str, int]:
    """Place of each queued run among those that want one of the same devices, from 1, by name."""
    queued = sorted((run for run in runs if run.state == "queued"), key=get_ticket)
    wanted = [get_wanted_devices(run) for run in queued]
    return {
        run.name: 1 + sum(bool(devices & wanted[index]) for devices in wanted[:index])
        for index, run in enumerate(queued)
    }
