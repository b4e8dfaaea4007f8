"""`fer convert`: results and events in the formats of other tools."""

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from fer_core.cli.terminal import refuse_existing, say
from fer_core.words import count


def main(
    source: Annotated[Positional[Path], arg(metavar="INPUT")],
    target: Annotated[Positional[Path], arg(metavar="OUTPUT")],
    *,
    video: Path | None = None,
    layout: Literal["", "openface", "fex", "events"] = "",
    recording: str | None = None,
    overwrite: bool = False,
) -> int:
    """Convert a table of `fer annotate`, or a file of events, to the format of another tool, or back.

    OUTPUT ends in .eaf (ELAN), .TextGrid (Praat), .vtt, .srt, .json (Label Studio), .csv or .parquet. From a
    table of faces come intervals: as long as a face keeps its apparent expression. What a format has no
    place for is said.

    Args:
        source: A table (.csv, .tsv, .parquet; also OpenFace's or Py-Feat's), .eaf, .TextGrid, .vtt, .srt, or
            the .json that Label Studio exports.
        target: The file to write.
        video: The video: ELAN and Label Studio show it. Its frame rate is needed for Label Studio, and for
            tables that number frames without times, as Py-Feat's do.
        layout: Columns of a table: as they are, those of OpenFace 2 (openface) or Py-Feat (fex), or one row
            per interval (events).
        recording: Which one, if the table holds several.
        overwrite: Replace a file that exists; a table with its data dictionary.
    """
    from fer_core.studies.formats import is_table, place_dictionary, read_source, write_source
    from fer_core.studies.media import describe_media

    refuse_existing(target, *([place_dictionary(target)] if is_table(target) else []), overwrite=overwrite)

    media = None if video is None else describe_media(video)
    found = read_source(source, recording, media=media)
    notes = write_source(found, target, media=media, layout=layout)
    if is_table(target) and found.faces is not None and layout != "events":
        say(f"{target}: {count(len(found.faces), 'row')}")
    else:
        points = int(found.annotations["end_s"].isna().sum())
        say(f"{target}: {count(len(found.annotations) - points, 'interval')}, {count(points, 'point')}")
    for note in (*found.notes, *notes):
        say(note)
    return 0
