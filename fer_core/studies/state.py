"""How far a study is: what its files say of each recording. Loads no torch, opens no recording."""

import contextlib
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec

from fer_core import __version__
from fer_core.errors import StudyError
from fer_core.io import read_record
from fer_core.runs.cache import read_cached
from fer_core.runs.process import ProcessStatus, is_at_work
from fer_core.studies.study import (
    FAILURES_FOLDER,
    RESULTS_FOLDER,
    RUNNING_FOLDER,
    SUMMARY_FILE,
    TABLE_FILE,
    AnalysisSettings,
    Study,
    list_studies,
)
from fer_core.types import VoiceSummary
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

State = Literal["waiting", "running", "done", "failed"]
STATES: Final[tuple[State, ...]] = ("running", "failed", "waiting", "done")
Count = Annotated[int, msgspec.Meta(ge=0)]
SCHEMA_VERSION: Final[int] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultSummary:
    """summary.json: what became of a recording. Equal inputs give equal bytes."""

    schema_version: int = SCHEMA_VERSION
    recording: str
    sha256: str
    """Of the file that was read."""
    settings: AnalysisSettings
    version: str = __version__
    """Of the program."""
    classes: tuple[str, ...]
    """Columns of the table that hold probabilities."""
    width_px: Count
    height_px: Count
    fps: float
    duration_s: float
    """Time of the last frame, in seconds."""
    num_frames: Count
    num_faces: Count
    """Different faces (tracks)."""
    num_rows: Count
    """Faces summed over all frames."""
    num_empty_frames: Count
    num_label_changes: Count
    mean_shares: Mapping[str, float]
    """Mean probability of each class over all rows; empty without a face."""
    voice: VoiceSummary | None = None
    """What was heard; None if nobody listened."""
    notes: tuple[str, ...] = ()
    """What the user should know of the file."""
    stretch_s: float = 0.0
    """Length of the stretches that it was read in, side by side; 0 if it was read from beginning to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRecord:
    """failures/<recording>.json: why a recording could not be analyzed."""

    schema_version: int = SCHEMA_VERSION
    sha256: str
    settings: AnalysisSettings
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkStatus(ProcessStatus):
    """running/<recording>.json: who works on a recording; of a stretch of it, <recording>@<number>.json."""

    schema_version: int = SCHEMA_VERSION
    num_done: Count = 0
    """Frames."""
    num_total: Count = 0
    """Frames; 0 if that is not known."""
    num_parts: Annotated[int, msgspec.Meta(ge=1)] = 1
    """Stretches that the recording is read in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingState:
    """Where a recording stands."""

    state: State
    reason: str = ""
    """Why it failed, or why an earlier result no longer counts; what to know of it, if it is done."""
    share: float = 0.0
    """Fraction that is done, 0 to 1."""
    summary: ResultSummary | None = None
    """What was found, if it is done."""


@dataclass(frozen=True, slots=True)
class StudyState:
    """Where all recordings of a study stand."""

    recordings: Mapping[str, RecordingState] = field(default_factory=dict)
    """By id, in the order of the table."""

    @property
    def counts(self) -> Counter[State]:
        """Number of recordings in each state."""
        return Counter(item.state for item in self.recordings.values())

    @property
    def share(self) -> float:
        """Fraction of the recordings that is done with, failed ones too, 0 to 1."""
        if not self.recordings:
            return 0.0
        return sum(item.share for item in self.recordings.values()) / len(self.recordings)


def read_state(study: Study, recordings: "pd.DataFrame | None" = None) -> StudyState:
    """Where each recording stands, by the study's files alone.

    Args:
        study: to look at.
        recordings: its table, if it is loaded already.

    Raises:
        StudyError: the table of recordings is damaged.
    """
    table = study.load_recordings() if recordings is None else recordings
    results = _list_names(study.folder / RESULTS_FOLDER)
    failures = _list_names(study.folder / FAILURES_FOLDER)
    running = _list_work(study)
    found = {}
    for recording, sha256 in zip(table["recording"], table["sha256"], strict=True):
        state = RecordingState(state="waiting")
        if recording in results:
            state = _judge_result(study, recording, sha256)
        if state.state != "done" and f"{recording}.json" in failures:
            state = _judge_failure(study, recording, sha256) or state
        if state.state != "done" and recording in running:
            state = _judge_work(study, recording, running[recording]) or state
        found[recording] = state
    return StudyState(found)


def survey_studies(workspace: Workspace) -> tuple[dict[Study, StudyState], dict[str, str]]:
    """Every study with where it stands, newest first; and why which can't be read, by name."""
    problems = dict[str, str]()
    found = dict[Study, StudyState]()
    for study in list_studies(workspace, problems):
        try:
            found[study] = read_state(study)
        except StudyError as error:
            problems[study.name] = str(error)
    return found, problems


def failure_file(study: Study, recording: str) -> Path:
    """Where it is said why a recording failed."""
    return study.folder / FAILURES_FOLDER / f"{recording}.json"


def running_file(study: Study, recording: str, stretch: int | None = None) -> Path:
    """Where it is said who works on a recording, or a stretch of it."""
    # No recording has an @ in its name.
    name = recording if stretch is None else f"{recording}@{stretch}"
    return study.folder / RUNNING_FOLDER / f"{name}.json"


def measure_work(study: Study) -> float:
    """The fractions of the recordings that are being read now, summed; reads nothing but small files."""
    states = (_judge_work(study, recording, files) for recording, files in _list_work(study).items())
    return sum(state.share for state in states if state is not None)


def _list_work(study: Study) -> dict[str, list[str]]:
    """Who says to work on which recording: names of files."""
    found: dict[str, list[str]] = {}
    for name in sorted(_list_names(study.folder / RUNNING_FOLDER)):
        if name[0] != ".":
            found.setdefault(name.removesuffix(".json").partition("@")[0], []).append(name)
    return found


def read_summary(study: Study, recording: str) -> ResultSummary | None:
    """What was found in a recording, whatever settings it was found with; None without a readable result.

    Of the table of faces only the end is read, which says where its columns are.
    """
    folder = study.result_folder(recording)
    with contextlib.suppress(StudyError, OSError):
        if read_cached(folder / TABLE_FILE, _has_footer):
            return read_cached(folder / SUMMARY_FILE, _read_summary)
    return None


def _has_footer(path: Path) -> bool:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        parquet.read_metadata(path)
    except (OSError, pa.ArrowException):
        return False
    return True


def is_current(summary: ResultSummary | None, sha256: str, settings: AnalysisSettings) -> bool:
    """Whether a result is of this file and these settings."""
    return summary is not None and summary.sha256 == sha256 and summary.settings == settings


def _judge_result(study: Study, recording: str, sha256: str) -> RecordingState:
    summary = read_summary(study, recording)
    if summary is not None and is_current(summary, sha256, study.settings):
        return RecordingState(state="done", reason=" ".join(summary.notes), share=1.0, summary=summary)
    if summary is None:
        return RecordingState(state="waiting", reason="its result is damaged")
    what = "settings" if summary.sha256 == sha256 else "file"
    return RecordingState(state="waiting", reason=f"its result is of another {what}")


def _judge_failure(study: Study, recording: str, sha256: str) -> RecordingState | None:
    with contextlib.suppress(StudyError):
        failure = read_cached(failure_file(study, recording), _read_failure)
        if failure and failure.sha256 == sha256 and failure.settings == study.settings:
            return RecordingState(state="failed", reason=failure.reason, share=1.0)
    return None


def _judge_work(study: Study, recording: str, names: list[str]) -> RecordingState | None:
    at_work = []
    for path in (study.folder / RUNNING_FOLDER / name for name in names):
        with contextlib.suppress(StudyError):
            status = read_cached(path, _read_work)
            if status and is_at_work(path, status):
                at_work.append(status)
    if not at_work:
        return None
    done = sum(min(1.0, item.num_done / item.num_total) for item in at_work if item.num_total)
    if at_work[0].num_parts > 1:
        names = list(_list_names(study.stretches_folder(recording)))
        done += sum(name[0] != "." for name in names)
    return RecordingState(state="running", share=min(1.0, done / at_work[0].num_parts))


def _list_names(folder: Path) -> set[str]:
    try:
        return {entry.name for entry in os.scandir(folder)}
    except (FileNotFoundError, NotADirectoryError):
        return set()


_ADVICE: Final[str] = "delete it and run the study again"


def _read_summary(path: Path) -> ResultSummary:
    return read_record(path, ResultSummary, StudyError, advice=_ADVICE, schema_version=SCHEMA_VERSION)


def _read_failure(path: Path) -> FailureRecord:
    return read_record(path, FailureRecord, StudyError, advice=_ADVICE, schema_version=SCHEMA_VERSION)


def _read_work(path: Path) -> WorkStatus:
    return read_record(path, WorkStatus, StudyError, advice=_ADVICE, schema_version=SCHEMA_VERSION)
