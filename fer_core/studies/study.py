"""What a study is on the disk: `study.toml` and its place; making, finding, listing and deleting one."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import filelock
import msgspec

from fer_core import __version__
from fer_core.checkpoint import (
    CheckpointEntry,
    default_checkpoint,
    find_checkpoint,
    list_checkpoint_folders,
    require_kind,
)
from fer_core.errors import ConfigError, StudyError
from fer_core.io import atomic_directory, hold_lock, remove_directory, write_text
from fer_core.plain import parse_toml
from fer_core.studies.tables import EVENT_COLUMNS, RECORDING_COLUMNS, read_table, write_table
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

STUDY_FILE: Final[str] = "study.toml"
RECORDINGS_FILE: Final[str] = "recordings.parquet"
EVENTS_FILE: Final[str] = "events.parquet"
PERSONS_FILE: Final[str] = "persons.parquet"
RESULTS_FOLDER: Final[str] = "results"
FAILURES_FOLDER: Final[str] = "failures"
RUNNING_FOLDER: Final[str] = "running"
STRETCHES_FOLDER: Final[str] = "stretches"
MEDIA_FOLDER: Final[str] = "media"
TABLE_FILE: Final[str] = "faces.parquet"
SUMMARY_FILE: Final[str] = "summary.json"
SCHEMA_VERSION: Final[int] = 1
MAX_CODES: Final[int] = 9
"""Codes have a key each, 1 to 9."""
_EDIT_LOCK: Final[str] = ".edit.lock"
RUN_LOCK: Final[str] = ".run.lock"
_LOCK_WAIT_S: Final[float] = 30.0
_MOST_SAID: Final[int] = 5
"""Recordings that a message names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisSettings:
    """How the recordings of a study are analyzed: all of them alike."""

    model: str
    """A checkpoint, as `fer annotate --model` names it."""
    model_sha256: str
    """Of its weights, so that no other model takes its place unsaid."""
    detector: str
    """Name in the detector registry."""
    prior: str = "general"
    """Expected shares of the classes, as `fer annotate --prior` takes them."""
    detect_every: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 5
    """Faces are looked for in every so-many-th frame."""
    smoothing_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0.4
    """Time constant of the smoothing of probabilities in seconds; 0 is off."""
    voice: str = ""
    """A model of voices that listens, too; empty if none does."""
    voice_sha256: str = ""
    """Of its weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRecord:
    """study.toml."""

    schema_version: int = SCHEMA_VERSION
    created: datetime
    version: str = __version__
    """Of the program that made it."""
    owner: str = ""
    """Who made it, where the dashboard has a login; empty for everybody."""
    codes: tuple[str, ...] = ()
    """Of events, in the order of their keys 1 to 9 on the player."""
    analysis: AnalysisSettings


@dataclass(frozen=True, slots=True)
class Study:
    """A study in a workspace."""

    folder: Path
    record: StudyRecord = field(compare=False)

    @property
    def name(self) -> str:
        """That of its folder."""
        return self.folder.name

    @property
    def settings(self) -> AnalysisSettings:
        """How its recordings are analyzed."""
        return self.record.analysis

    def is_of(self, visitor: str) -> bool:
        """Whether a page shows it to a visitor; to an empty one, without a login, it shows all."""
        return not visitor or self.record.owner in ("", visitor)

    def load_recordings(self) -> "pd.DataFrame":
        """One row per recording: `RECORDING_COLUMNS` and further ones, in the order in which they were added.

        Raises:
            StudyError: the table is damaged.
        """
        return read_table(self.folder / RECORDINGS_FILE, RECORDING_COLUMNS)

    def check_recordings(self, recordings: Iterable[str]) -> None:
        """Refuse ids of recordings that the study does not have.

        Raises:
            StudyError: it lacks one of them, or its table is damaged.
        """
        known = list(self.load_recordings()["recording"])
        if unknown := set(recordings) - set(known):
            shown = ", ".join(known[:_MOST_SAID]) + (", …" if len(known) > _MOST_SAID else "")
            raise StudyError(
                f"there is no recording {min(unknown)!r} in study {self.name!r}; it has {shown or 'none yet'}"
            )

    def load_events(self) -> "pd.DataFrame":
        """One row per event: `EVENT_COLUMNS`, by recording and start.

        Raises:
            StudyError: the table is damaged.
        """
        return read_table(self.folder / EVENTS_FILE, EVENT_COLUMNS)

    def result_folder(self, recording: str) -> Path:
        """Where the result of a recording is, or will be."""
        return self.folder / RESULTS_FOLDER / recording

    def stretches_folder(self, recording: str) -> Path:
        """Where the stretches of a long recording are until they are joined."""
        return self.folder / STRETCHES_FOLDER / recording

    def locate(self, path: str) -> Path:
        """The file of a recording, whose path may be relative to the study."""
        return self.folder / path

    def edit(self) -> AbstractContextManager[None]:
        """Hold the tables against changes of other processes until the block ends; StudyError after 30 s."""
        return hold_folder(
            self.folder, _EDIT_LOCK, _LOCK_WAIT_S, "is being changed by another process; try again"
        )

    def claim(self) -> AbstractContextManager[None]:
        """Be the only one that runs the study until the block ends; StudyError if another process does."""
        return hold_folder(
            self.folder, RUN_LOCK, 0, "is being run already; `fer study status` shows how far it is"
        )


@contextmanager
def hold_folder(folder: Path, lock: str, timeout_s: float, problem: str) -> Iterator[None]:
    """Hold one of the locks of a study until the block ends.

    Raises:
        StudyError: another process holds it; the message ends in `problem`.
    """
    try:
        with hold_lock(folder / lock, timeout_s=timeout_s):
            yield
    except filelock.Timeout as cause:
        raise StudyError(f"study {folder.name!r} {problem}") from cause


def create_study(  # noqa: PLR0913 - its settings
    workspace: Workspace,
    name: str,
    *,
    model: str | None = None,
    detector: str | None = None,
    prior: str = "general",
    detect_every: int = 5,
    smoothing_s: float = 0.4,
    voice: str | None = None,
    codes: Sequence[str] = (),
    owner: str = "",
) -> Study:
    """Make an empty study.

    Args:
        workspace: where it is made.
        name: of its folder.
        model: as `fer annotate --model` takes it; the shipped default if not given.
        detector: of faces; the best that is installed if not given.
        prior: how often each class is expected.
        detect_every: look for faces in every so-many-th frame.
        smoothing_s: time constant of the smoothing of probabilities; 0 is off.
        voice: a model of voices that listens, too; none if not given.
        codes: of events, for the keys 1 to 9.
        owner: who makes it, where the dashboard has a login.

    Raises:
        ConfigError: nothing can be called that, there is a study of that name, or a setting is wrong.
        CheckpointError: there is no such model.
        StorageError: it can't be written.
    """
    from fer_core.inference.class_prior import build_adjustment
    from fer_core.inference.detectors import choose_detector

    folder = workspace.study(name)
    if folder.exists():
        raise ConfigError(f"there is a study {name!r} already; choose another name, or delete it first")
    entry = find_checkpoint(model, workspace) if model else default_checkpoint(workspace)
    build_adjustment(entry.info, prior)
    listener = find_checkpoint(voice, workspace) if voice else None
    if listener is not None:
        require_kind(listener.info, "sound")
    settings = AnalysisSettings(
        model=_refer_to(entry, workspace),
        model_sha256=entry.info.weights_sha256,
        detector=detector or choose_detector(workspace).name,
        prior=prior,
        detect_every=detect_every,
        smoothing_s=smoothing_s,
        voice=_refer_to(listener, workspace) if listener else "",
        voice_sha256=listener.info.weights_sha256 if listener else "",
    )
    _check(settings)
    record = StudyRecord(created=datetime.now(UTC), owner=owner, codes=clean_codes(codes), analysis=settings)
    with atomic_directory(folder) as temporary:
        (temporary / STUDY_FILE).write_text(_dump(record), encoding="utf-8")
        for file, columns in ((RECORDINGS_FILE, RECORDING_COLUMNS), (EVENTS_FILE, EVENT_COLUMNS)):
            write_table(temporary / file, read_table(temporary / file, columns), columns)
    return load_study(workspace, name)


def _refer_to(entry: CheckpointEntry, workspace: Workspace) -> str:
    """How a study names a model: by its key, or by its folder where that is elsewhere."""
    is_listed = any(key == entry.key for key, _ in list_checkpoint_folders(workspace))
    return entry.key if is_listed else str(entry.folder.resolve())


def _check(settings: AnalysisSettings) -> None:
    from fer_core.inference.detectors import DETECTORS
    from fer_core.inference.tracker import TemporalConfig

    if settings.detector not in DETECTORS:
        raise ConfigError(f"unknown detector {settings.detector!r}; known: {', '.join(DETECTORS)}")
    TemporalConfig(detect_every=settings.detect_every, smoothing_s=settings.smoothing_s)


def clean_codes(codes: Sequence[str]) -> tuple[str, ...]:
    """Codes of events without the spaces around them, each once.

    Raises:
        ConfigError: there are more than keys, or one can't be seen.
    """
    cleaned = tuple(dict.fromkeys(code for code in (" ".join(code.split()) for code in codes) if code))
    wrong = next((code for code in cleaned if not code.isprintable() or len(code) > 100), None)
    if wrong is not None:
        raise ConfigError(f"{wrong[:100]!r} can't be a code; use 1 to 100 letters, digits and signs")
    if len(cleaned) > MAX_CODES:
        raise ConfigError(f"{len(cleaned)} codes; expected at most {MAX_CODES}, one for each key 1 to 9")
    return cleaned


def set_codes(study: Study, codes: Sequence[str]) -> Study:
    """Exchange the codes that the keys 1 to 9 stand for; events keep theirs.

    Raises:
        ConfigError: as `clean_codes`.
        StorageError: it can't be written.
    """
    with study.edit():
        record = replace(study.record, codes=clean_codes(codes))
        write_text(study.folder / STUDY_FILE, _dump(record))
    return Study(study.folder, record)


def load_study(workspace: Workspace, name: str) -> Study:
    """Read a study.

    Raises:
        ConfigError: nothing can be called that.
        StudyError: there is none of that name, or its `study.toml` is damaged.
    """
    folder = workspace.study(name)
    if not folder.is_dir():
        raise StudyError(f"there is no study {name!r}; `fer study` lists them, `fer study create` makes one")
    return Study(folder, _read_record(folder / STUDY_FILE))


def list_studies(workspace: Workspace, problems: dict[str, str] | None = None) -> list[Study]:
    """The readable studies, newest first.

    Args:
        workspace: where they are.
        problems: takes why which others can't be read, if given.
    """
    found = []
    for folder in _list_folders(workspace):
        try:
            found.append(Study(folder, _read_record(folder / STUDY_FILE)))
        except StudyError as error:
            if problems is not None:
                problems[folder.name] = str(error)
    return sorted(found, key=lambda study: study.record.created, reverse=True)


def delete_study(workspace: Workspace, name: str) -> None:
    """Remove a study with everything in it; recordings elsewhere on the disk stay.

    Raises:
        StudyError: there is none of that name, it is being run, or it can't be removed.
    """
    folder = workspace.study(name)
    if not folder.is_dir():
        raise StudyError(f"there is no study {name!r}; `fer study` lists them")
    with hold_folder(folder, RUN_LOCK, 0, "is being run; stop that first"):
        remove_directory(folder, f"study {name!r}", StudyError)


def _list_folders(workspace: Workspace) -> list[Path]:
    try:
        entries = sorted(os.scandir(workspace.studies), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [Path(entry.path) for entry in entries if entry.name[0] != "." and entry.is_dir()]


def _read_record(path: Path) -> StudyRecord:
    try:
        record = msgspec.convert(parse_toml(path.read_text(encoding="utf-8")), StudyRecord)
    except FileNotFoundError as cause:
        raise StudyError(f"{path} is missing; restore it, or delete its folder") from cause
    except (OSError, ValueError) as cause:
        raise StudyError(f"{path} can't be read: {cause}; restore it, or delete its folder") from cause
    if record.schema_version != SCHEMA_VERSION:
        raise StudyError(
            f"{path} has schema_version {record.schema_version}; this program reads {SCHEMA_VERSION}"
        )
    return record


def _dump(record: StudyRecord) -> str:
    import tomli_w

    return tomli_w.dumps(msgspec.to_builtins(record))
