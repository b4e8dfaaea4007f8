"""What a kept analysis is on the disk, and reading it.

`workspace/analyses/<id>/` holds `analysis.json` (name, date, model, settings, sources, summary), the table of
faces as `faces.parquet`, and only if the user asked for it `annotated/` and `faces/`. All of it can be read
without this program.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec

from fer_core import __version__
from fer_core.errors import AnalysisError, ConfigError
from fer_core.io import read_record, sha256_file
from fer_core.workspace import Workspace, validate_name

if TYPE_CHECKING:
    import pandas as pd

RECORD_FILE: Final[str] = "analysis.json"
TABLE_FILE: Final[str] = "faces.parquet"
ANNOTATED_FOLDER: Final[str] = "annotated"
"""Pictures or the video with the faces marked."""
FACES_FOLDER: Final[str] = "faces"
"""A small picture of each face."""
SCHEMA_VERSION: Final[int] = 1
MAX_NAME: Final[int] = 100

Kind = Literal["pictures", "video"]
Share = Annotated[float, msgspec.Meta(ge=0, le=1.001)]
Count = Annotated[int, msgspec.Meta(ge=0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptModel:
    """The model that was used."""

    name: str
    sha256: str
    """Of its weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSource:
    """A picture or video that was analyzed; itself not kept."""

    name: str
    """No two of an analysis are called the same."""
    sha256: str
    """Of the file."""
    width_px: Count
    height_px: Count
    num_frames: Count | None = None
    """Of a video."""
    duration_s: Annotated[float, msgspec.Meta(ge=0)] | None = None
    """Of a video, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFile:
    """A file beside analysis.json."""

    num_bytes: Count
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisRecord:
    """analysis.json."""

    schema_version: int = SCHEMA_VERSION
    name: str = ""
    """In the user's words."""
    owner: str = ""
    """Who kept it, where the dashboard has a login; empty for everybody."""
    kind: Kind
    created: datetime
    """When it was analyzed, with its time zone."""
    version: str = __version__
    """Of this program."""
    model: KeptModel
    detector: str
    """Name in the detector registry."""
    settings: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    """What else changes the result, as the command line calls it."""
    classes: tuple[str, ...]
    """Columns of the table that hold probabilities, in the model's order."""
    sources: tuple[KeptSource, ...]
    num_faces: Count = 0
    """Faces on the pictures; different faces (tracks) of a video."""
    num_rows: Count = 0
    """Rows of the table that hold a face."""
    mean_shares: Mapping[str, Share] = field(default_factory=dict)
    """Mean probability of each class over these rows; empty without a face."""
    labels: Mapping[str, Count] = field(default_factory=dict)
    """How many of these rows have each label, most frequent first."""
    notes: tuple[str, ...] = ()
    """What the user should know of the result."""
    files: Mapping[str, KeptFile] = field(default_factory=dict)
    """Every other file of the folder, by its path in it."""

    def __post_init__(self) -> None:
        if self.created.tzinfo is None:
            raise ValueError("created has no time zone")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnalysis:
    """A kept analysis, or what is left of one."""

    folder: Path
    record: AnalysisRecord | None
    """None if it can't be read."""
    problem: str = ""
    """What is wrong with it; empty if nothing is."""

    @property
    def key(self) -> str:
        """Its id: the name of its folder."""
        return self.folder.name

    @property
    def name(self) -> str:
        """In the user's words; the id where these are lost."""
        return self.record.name if self.record else self.key

    @property
    def facts(self) -> AnalysisRecord:
        """What analysis.json says.

        Raises:
            AnalysisError: the analysis is damaged.
        """
        if self.record is None or self.problem:
            raise AnalysisError(f"analysis {self.key} is damaged: {self.problem}; delete it, or restore it")
        return self.record

    def is_of(self, visitor: str) -> bool:
        """Whether a page shows it to a visitor; to an empty one, without a login, it shows all."""
        return not visitor or (self.record is not None and self.record.owner in ("", visitor))

    def list_files(self, folder: str) -> list[Path]:
        """Its files of `annotated/` or `faces/`, by name."""
        return sorted(self.folder / name for name in self.facts.files if name.startswith(f"{folder}/"))

    def load_table(self) -> "pd.DataFrame":
        """The table: one row a face (and frame), and one per picture or frame without a face.

        Raises:
            AnalysisError: the analysis or its table is damaged.
        """
        facts, path = self.facts, self.folder / TABLE_FILE
        table = _read_table(path)
        if missing := {"num_faces", "label", *facts.classes} - set(table.columns):
            raise AnalysisError(
                f"{path} lacks the column {min(missing)!r}; restore it, or delete the analysis"
            )
        return table

    def verify(self) -> None:
        """Compare every file with its checksum, and read the table.

        Raises:
            AnalysisError: a file was changed, or the analysis is damaged.
        """
        for name, file in self.facts.files.items():
            if sha256_file(self.folder / name) != file.sha256:
                raise AnalysisError(
                    f"{self.folder / name} was changed since it was kept (SHA-256); delete the analysis, or "
                    "restore the file"
                )
        self.load_table()


def _read_table(path: Path) -> "pd.DataFrame":
    import pandas as pd

    try:
        return pd.read_parquet(path, dtype_backend="numpy_nullable")
    except (OSError, ValueError, KeyError, TypeError, NotImplementedError) as cause:
        raise AnalysisError(f"{path} is no table: {cause}; delete the analysis, or restore it") from cause


def load_analysis(workspace: Workspace, key: str) -> KeptAnalysis:
    """Read one analysis; a damaged one says what is wrong.

    Raises:
        ConfigError: nothing can have that id.
        AnalysisError: there is none.
    """
    folder = workspace.analyses / validate_name(key, "kept analysis")
    if not folder.is_dir():
        raise AnalysisError(f"there is no analysis {key!r}; `fer analyses` lists them")
    return _read(folder)


def find_analysis(workspace: Workspace, reference: str) -> KeptAnalysis:
    """The analysis with this id, or else the only one of this name.

    Raises:
        AnalysisError: there is none, or there are several.
    """
    try:
        return load_analysis(workspace, reference)
    except (AnalysisError, ConfigError):
        named = [item for item in list_analyses(workspace) if item.name == reference]
    if len(named) == 1:
        return named[0]
    if named:
        keys = ", ".join(item.key for item in named)
        raise AnalysisError(f"{len(named)} analyses are called {reference!r}; name one by its id: {keys}")
    raise AnalysisError(f"there is no analysis {reference!r}; `fer analyses` lists them")


def list_analyses(workspace: Workspace) -> list[KeptAnalysis]:
    """Every analysis, newest first, the damaged ones too."""
    try:
        entries = sorted(os.scandir(workspace.analyses), key=lambda entry: entry.name, reverse=True)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [_read(Path(entry.path)) for entry in entries if entry.name[0] != "." and entry.is_dir()]


def _read(folder: Path) -> KeptAnalysis:
    record = None
    try:
        record = read_record(
            folder / RECORD_FILE,
            AnalysisRecord,
            AnalysisError,
            advice="delete the analysis, or restore it",
            schema_version=SCHEMA_VERSION,
        )
        _check_files(folder, record)
    except AnalysisError as error:
        return KeptAnalysis(folder=folder, record=record, problem=str(error))
    return KeptAnalysis(folder=folder, record=record)


def _check_files(folder: Path, record: AnalysisRecord) -> None:
    if TABLE_FILE not in record.files:
        raise AnalysisError(f"{folder / RECORD_FILE} names no {TABLE_FILE}")
    for name, file in record.files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise AnalysisError(f"{path} leads out of the folder")
        if not path.is_file():
            raise AnalysisError(f"{path} is missing")
        if path.stat().st_size != file.num_bytes:
            raise AnalysisError(f"{path} has {path.stat().st_size:,} bytes; expected {file.num_bytes:,}")


def describe_settings(record: AnalysisRecord) -> dict[str, Any]:
    """What was used, by name, for people and for comparing."""
    return {"model": record.model.name, "detector": record.detector, **record.settings}
