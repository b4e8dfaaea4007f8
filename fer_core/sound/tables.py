"""Tables of voices, in every results format."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fer_core.errors import ConfigError
from fer_core.results import build_schema, name_columns, write_table
from fer_core.sound.vocal import VocalTrack, list_rows

FIXED_COLUMNS: Final[tuple[str, ...]] = ("source", "start_s", "end_s", "label", "confidence")
"""Columns of a table of voices, before one of probabilities per class."""


def write_vocal_table(path: Path, tracks: Sequence[tuple[str, VocalTrack]]) -> None:
    """Write a row per labelled time of speech, and one without a label per stretch too short for one.

    Args:
        path: in the format of its extension.
        tracks: sources and what was heard in them, by one model.

    Raises:
        ConfigError: no format has that extension.
        StorageError: it can't be written.
    """
    classes = next((track.classes for _, track in tracks if track.classes), ())
    columns = name_columns(classes)
    rows = [
        {
            **{"source": source, "start_s": start_s, "end_s": end_s},
            **({"label": found.label, "confidence": found.confidence} if found else {}),
            **(dict(zip(columns, found.probabilities, strict=True)) if found else {}),
        }
        for source, track in tracks
        for start_s, end_s, found in list_rows(track)
    ]
    try:
        write_table(path, rows, build_schema(FIXED_COLUMNS, classes))
    except OSError as cause:
        raise ConfigError(
            f"{path} can't be written: {cause.strerror or cause}; choose another place"
        ) from cause
