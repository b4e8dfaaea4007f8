"""What pages read of a run: once, and again only when the file has changed. Never loads torch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fer_core.runs.adaptation import ADAPTATION_FILE
from fer_core.runs.cache import read_cached
from fer_core.runs.reader import Run
from fer_core.runs.records import EpochRecord, GradientRecord, RunMeta, StepRecord, ValidationRecord
from fer_core.runs.run_files import (
    GRADIENTS_FILE,
    LOG_FILE,
    META_FILE,
    METRICS_FILE,
    REPORT_FILE,
    STEPS_FILE,
    VALIDATION_FILE,
)
from fer_core.titles import NOTES_FILE, read_title, shorten_name
from fer_core.workspace import Workspace

_SHOWN_FILES: Final[tuple[str, ...]] = (
    METRICS_FILE,
    GRADIENTS_FILE,
    VALIDATION_FILE,
    LOG_FILE,
    NOTES_FILE,
    REPORT_FILE,
    ADAPTATION_FILE,
)
LOG_LINES: Final[int] = 200


def load_metrics(run: Run) -> Sequence[EpochRecord]:
    """One record per finished epoch."""

    def read(_path: Path) -> Sequence[EpochRecord]:
        return run.load_metrics()

    return read_cached(run.folder / METRICS_FILE, read) or ()


def load_steps(run: Run) -> Sequence[StepRecord]:
    """The training within the epochs; empty before the first step."""

    def read(_path: Path) -> Sequence[StepRecord]:
        return run.load_steps()

    return read_cached(run.folder / STEPS_FILE, read) or ()


def load_gradients(run: Run) -> Sequence[GradientRecord]:
    """One record per finished epoch; empty where they were not logged."""

    def read(_path: Path) -> Sequence[GradientRecord]:
        return run.load_gradients()

    return read_cached(run.folder / GRADIENTS_FILE, read) or ()


def load_validation(run: Run) -> ValidationRecord | None:
    """What the best epoch gave; None before the first."""

    def read(_path: Path) -> ValidationRecord | None:
        return run.load_validation()

    return read_cached(run.folder / VALIDATION_FILE, read)


def load_meta(run: Run) -> RunMeta:
    """Versions, machine and data of the run; empty while they are not written."""

    def read(_path: Path) -> RunMeta:
        return run.meta

    return read_cached(run.folder / META_FILE, read) or RunMeta()


def load_log_tail(run: Run) -> Sequence[str]:
    """The last lines of the log."""
    from fer_core.runs.log_tail import read_log_tail

    def read(_path: Path) -> Sequence[str]:
        return read_log_tail(run, LOG_LINES)

    return read_cached(run.folder / LOG_FILE, read) or ()


def name_model(key: str, workspace: Workspace) -> str:
    """What people read for the key of a checkpoint; that of a run has the run's title. Plain text."""
    run, slash, part = key.partition("/")
    folder = workspace.runs / run
    title = read_cached(folder / NOTES_FILE, _read_title_beside) or shorten_name(run)
    return f"{title}{slash}{part}"


def _read_title_beside(path: Path) -> str:
    return read_title(path.parent)


def find_best(records: Sequence[EpochRecord]) -> EpochRecord | None:
    """The record of the best epoch so far."""
    return next((record for record in reversed(records) if record.is_best), None)


def compute_stamp(run: Run) -> tuple[object, ...]:
    """Equal as long as there is nothing new to show but the time: state, queue, and when files changed."""
    changes = []
    for name in _SHOWN_FILES:
        try:
            stat = (run.folder / name).stat()
            changes.append((stat.st_mtime_ns, stat.st_size))
        except OSError:
            changes.append((0, 0))
    return (run.name, run.state, run.queue_position, run.status.message, *changes)
