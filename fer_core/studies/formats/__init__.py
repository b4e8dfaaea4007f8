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
    build_annotations,
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
    """Intervals and points; none where the faces have no expressions."""
    faces: "pd.DataFrame | None" = None
    """The table of faces that they come from."""
    notes: tuple[str, ...] = ()
    """What was left out or is not as it stood in the file, in words."""

    def require_annotations(self) -> "pd.DataFrame":
        """The annotations.

        Raises:
            DataError: the faces have no expressions that could be annotated.
        """
        if self.faces is not None and "label" not in self.faces:
            raise DataError(
                "the table of faces has no expressions (OpenFace tells none), so there are no intervals; "
                "write a table of faces (.csv, .parquet), or take one that `fer annotate` wrote"
            )
        return self.annotations


def list_targets() -> str:
    """Extensions that can be written, in words."""
    return ", ".join([".csv", ".parquet", *ANNOTATION_FORMATS]).replace(".textgrid", ".TextGrid")


def read_source(path: Path, recording: str | None = None, *, media: Media | None = None) -> Source:
    """Read a table of faces, a table of events, or a file of another tool.

    Args:
        path: .csv, .tsv or .parquet (faces, also in OpenFace's and Py-Feat's columns, or events), .eaf,
            .TextGrid, .vtt, .srt, or Label Studio's .json.
        recording: which one, where a table holds several.
        media: the video, whose frame rate places frames that the file gives no times for.

    Raises:
        DataError: it can't be read, or it is not said which recording, or when its frames are.
    """
    suffix = path.suffix.lower()
    if suffix == ".json":
        return Source(annotations=read_label_studio(path, media))
    if suffix in ANNOTATION_FORMATS:
        return Source(annotations=ANNOTATION_FORMATS[suffix].read(path))
    table, notes = read_table(path), list[str]()
    if not is_of_faces(table) and (theirs := from_layout(table)) is not None:
        table, notes = theirs
    table = choose_recording(table, recording, path)
    if "time_s" not in table and "start_s" not in table and "frame" in table:
        table = _place_frames(table, path, media, notes)
    if not is_of_faces(table):
        return Source(annotations=check_annotations(table, str(path)))
    require_numbers(table, PLACE_COLUMNS, str(path))
    if "label" in table:
        return Source(annotations=build_intervals(table), faces=table, notes=tuple(notes))
    notes.append("the faces have no expressions, so there are no intervals")
    return Source(annotations=build_annotations([], str(path)), faces=table, notes=tuple(notes))


def _place_frames(table: "pd.DataFrame", path: Path, media: Media | None, notes: list[str]) -> "pd.DataFrame":
    """A table with the times of its frames, at the mean rate of the video; notes that."""
    if media is None:
        raise DataError(
            f"{path} has frames without times (time_s); name the video they are of, which places them: "
            "fer convert --video VIDEO"
        )
    require_numbers(table, ("frame",), str(path))
    notes.append(f"frames are placed at the video's mean rate, {media.fps:g} a second")
    return table.assign(time_s=table["frame"] / media.fps)


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
        DataError: intervals are wanted of faces without expressions.
        StorageError: it can't be written.
    """
    suffix = path.suffix.lower()
    if suffix in ANNOTATION_FORMATS or layout == "events":
        source.require_annotations()
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
