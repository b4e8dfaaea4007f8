"""Results and events in the formats of other tools, out and in.

Everything that is time-coded goes through one table of annotations (`annotations.py`). A writer returns, in
words, what its format has no place for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fer_core.errors import ConfigError, DataError
from fer_core.studies.formats.annotations import (
    Media,
    build_intervals,
    check_annotations,
    from_events,
    to_events,
)
from fer_core.studies.formats.dictionary import describe_columns, place_dictionary
from fer_core.studies.formats.elan import read_elan, write_elan
from fer_core.studies.formats.face_layouts import LAYOUTS, from_layout, list_classes, to_layout
from fer_core.studies.formats.label_studio import read_label_studio, write_label_studio
from fer_core.studies.formats.subtitles import read_srt, read_vtt, write_srt, write_vtt
from fer_core.studies.formats.tables import (
    PLACE_COLUMNS,
    choose_recording,
    is_of_faces,
    is_table,
    read_table,
    require_numbers,
    write_table,
)
from fer_core.studies.formats.textgrid import read_textgrid, write_textgrid

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "ANNOTATION_FORMATS",
    "LAYOUTS",
    "AnnotationFormat",
    "Media",
    "Source",
    "build_intervals",
    "check_annotations",
    "describe_columns",
    "from_events",
    "is_table",
    "list_classes",
    "list_targets",
    "place_dictionary",
    "read_source",
    "read_table",
    "to_events",
    "to_layout",
    "write_source",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotationFormat:
    """A kind of file of time-coded labels."""

    title: str
    write: "Callable[[pd.DataFrame, Path, Media | None], list[str]]"
    """Writes annotations and returns what the file could not hold."""
    read: "Callable[[Path], pd.DataFrame]"
    """Reads annotations."""


ANNOTATION_FORMATS: Final[dict[str, AnnotationFormat]] = {
    ".eaf": AnnotationFormat(title="ELAN", write=write_elan, read=read_elan),
    ".textgrid": AnnotationFormat(title="Praat TextGrid", write=write_textgrid, read=read_textgrid),
    ".vtt": AnnotationFormat(title="WebVTT", write=write_vtt, read=read_vtt),
    ".srt": AnnotationFormat(title="SRT", write=write_srt, read=read_srt),
    ".json": AnnotationFormat(title="Label Studio", write=write_label_studio, read=read_label_studio),
}
"""By extension, in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a file held."""

    annotations: "pd.DataFrame"
    """Intervals and points."""
    faces: "pd.DataFrame | None" = None
    """The table of faces that they come from."""


def list_targets() -> str:
    """Extensions that can be written, in words."""
    return ", ".join([".csv", ".parquet", *ANNOTATION_FORMATS]).replace(".textgrid", ".TextGrid")


def read_source(path: Path, recording: str | None = None) -> Source:
    """Read a table of faces, a table of events, or a file of another tool.

    Args:
        path: .csv, .tsv or .parquet (faces, also in OpenFace's and Py-Feat's columns, or events), .eaf,
            .TextGrid, .vtt, .srt, or Label Studio's .json.
        recording: which one, where a table holds several.

    Raises:
        DataError: it can't be read, or it is not said which recording.
    """
    kind = ANNOTATION_FORMATS.get(path.suffix.lower())
    if kind is not None:
        return Source(annotations=kind.read(path))
    table = choose_recording(read_table(path), recording, path)
    if not is_of_faces(table):
        theirs = from_layout(table)
        table = table if theirs is None else theirs
    if is_of_faces(table):
        require_numbers(table, PLACE_COLUMNS, str(path))
        return Source(annotations=build_intervals(table), faces=table)
    if "time_s" not in table and "start_s" not in table and "frame" in table:
        raise DataError(f"{path} has frames without times (time_s); they can't be placed in the recording")
    return Source(annotations=check_annotations(table, str(path)))


def write_source(source: Source, path: Path, *, media: Media | None = None, layout: str = "") -> list[str]:
    """Write what `read_source` read to another format; a table comes with its data dictionary beside it.

    Args:
        source: what is written.
        path: its extension says the format: `list_targets`.
        media: the video; ELAN links it, Praat takes its length, Label Studio needs it.
        layout: of a table: a key of `LAYOUTS`, `events` for intervals and points, or "" for the table as it
            is.

    Returns:
        What the file could not hold, and what was written beside it, in words.

    Raises:
        ConfigError: nothing can be written so.
        StorageError: it can't be written.
    """
    suffix = path.suffix.lower()
    if suffix == ".json":
        return write_label_studio(source.annotations, path, media, faces=source.faces)
    if suffix in ANNOTATION_FORMATS:
        return ANNOTATION_FORMATS[suffix].write(source.annotations, path, media)
    if not is_table(path):
        raise ConfigError(f"{path.name!r} ends in {path.suffix!r}; expected one of {list_targets()}")
    table = _arrange(source, layout)
    write_table(table, path)
    beside = place_dictionary(path)
    write_table(describe_columns(table), beside)
    return [f"what its columns mean is in {beside.name}"]


def _arrange(source: Source, layout: str) -> "pd.DataFrame":
    if layout in LAYOUTS:
        if source.faces is None:
            raise ConfigError(f"{LAYOUTS[layout].title}'s columns are of faces; this file holds annotations")
        return to_layout(source.faces, layout)
    if layout not in ("", "events"):
        raise ConfigError(f"unknown layout {layout!r}; expected one of {', '.join(LAYOUTS)}, events")
    return source.faces if source.faces is not None and not layout else source.annotations
