"""Foreign words in tables: names that a column has already, and texts that a spreadsheet would compute."""

import csv
import io
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from fer_core.escaping import neutralise_cell

if TYPE_CHECKING:
    import pandas as pd

FACE_FIELDS: Final[tuple[str, ...]] = (
    *("x", "y", "width", "height", "score", "roll", "yaw", "pitch"),
    *("height_px", "sharpness", "brightness", "usable", "label", "confidence", "expected_correctness"),
)
"""What the tables of faces tell of a face, before one column of probabilities a class."""
VOICE_FIELDS: Final[tuple[str, ...]] = (
    *("speech", "voice_label", "voice_confidence"),
    *("speaks", "fused_label", "fused_confidence"),
)
"""What the tables of videos tell of voices, if they were listened to, before the vocal classes."""
OF_VOICE: Final[tuple[str, str]] = ("voice: ", "fused: ")
"""What columns of vocal and of fused probabilities begin with, before the class; no other column does."""
FACE_COLUMNS: Final[tuple[str, ...]] = (
    *("source", "picture", "frame", "time_s", "num_faces", "track_id", "face"),
    *("start_s", "end_s", *VOICE_FIELDS),
    *FACE_FIELDS,
)
"""What the tables of pictures, of videos and of voices hold beside classes: so all name a class alike."""


def name_columns(
    names: Sequence[str], taken: Collection[str] = FACE_COLUMNS, *, kind: str = "class"
) -> list[str]:
    """Columns for foreign names: the names themselves; one that is taken gets the kind of thing before it.

    Args:
        names: of classes, groups or models.
        taken: columns that the table has already.
        kind: what the names are of.

    Examples:
        >>> name_columns(["joy", "label"])
        ['joy', 'class: label']
    """
    columns: list[str] = []
    for name in names:
        column = name
        is_class = kind == "class"
        while column in taken or column in columns or (is_class and column.startswith(OF_VOICE)):
            column = f"{kind}: {column}"
        columns.append(column)
    return columns


def neutralise_names(names: Sequence[str]) -> list[str]:
    """Headers as a spreadsheet shows them, still told apart."""
    return name_columns([neutralise_cell(name) for name in names], (), kind="column")


def format_csv(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A table as the text of a CSV file (RFC 4180); None and NaN are empty cells.

    Texts that begin a formula get an apostrophe before them (`neutralise_cell`); numbers stay as they are.

    Examples:
        >>> format_csv(["name", "share"], [["=1+1", -0.5], ["joy", None]]).splitlines()
        ['name,share', "'=1+1,-0.5", 'joy,']
    """
    stream = io.StringIO()
    write = csv.writer(stream).writerow  # CR LF: Python 3.11 quotes only line ends of its own kind
    write(neutralise_names([str(name) for name in header]))
    for row in rows:
        # Only NaN differs from itself.
        write(["" if value != value else neutralise_cell(value) for value in row])  # noqa: PLR0124
    return stream.getvalue()


def format_frame(frame: "pd.DataFrame") -> str:
    """A data frame as the text of a CSV file, like `format_csv`, without its index."""
    return format_csv(frame.columns, frame.itertuples(index=False, name=None))
