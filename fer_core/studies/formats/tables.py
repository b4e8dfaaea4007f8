"""Reading and writing tables as CSV, TSV and Parquet, and telling what they hold."""

import csv
import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fer_core.data.delimiters import drop_separator_line, find_delimiter
from fer_core.data.table_files import load_frame
from fer_core.errors import DataError
from fer_core.escaping import FORMULA_SIGNS
from fer_core.results import RESULTS, encode_table
from fer_core.studies.formats.annotations import read_text

if TYPE_CHECKING:
    import pandas as pd

_TEXTS: Final[tuple[str, ...]] = (
    *("recording", "participant", "condition", "person", "source", "picture"),
    *("label", "tier", "code", "coder", "note"),
)
"""Columns that are texts even where all of them look like numbers."""
_KNOWN: Final[frozenset[str]] = frozenset(("frame", "time_s", "start_s", "code", "recording"))
"""Columns by which a header is recognised; ours, OpenFace's and Py-Feat's tables have at least one."""
_DECIMAL_COMMA: Final[re.Pattern[str]] = re.compile(r'(^|;)\s*"?[+-]?\d*,\d+([eE][+-]?\d+)?"?\s*(;|$)', re.M)
"""A number of a table with semicolons, in a cell of its own."""

PLACE_COLUMNS: Final[tuple[str, ...]] = (
    *("frame", "time_s", "num_faces", "track_id"),
    *("x", "y", "width", "height"),
)
"""Of a table of faces: when and where one is."""


def read_table(path: Path) -> "pd.DataFrame":
    """A table from a .csv, .tsv or .parquet file.

    The header says what separates the columns of a .csv: commas, semicolons (numbers may then have decimal
    commas), tabs or bars. Only empty cells are missing values: a code `NA` or `none` is a code. The
    apostrophe that our own CSV files have before texts that begin a formula is taken away.

    Raises:
        DataError: it is missing or damaged, or has another extension.
    """
    import pandas as pd

    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return load_frame(path, DataError)
    if suffix not in (".csv", ".tsv"):
        raise DataError(f"{path.name!r} is no table; expected .csv, .tsv or .parquet")
    text = drop_separator_line(read_text(path))
    try:
        delimiter = "\t" if suffix == ".tsv" else _find_delimiter(text)
        table = pd.read_csv(
            io.StringIO(text),
            sep=delimiter,
            decimal="," if delimiter == ";" and _DECIMAL_COMMA.search(text) else ".",
            dtype=dict.fromkeys(_TEXTS, str),
            keep_default_na=False,
            na_values=[""],
            skipinitialspace=True,
        )
        if not isinstance(table.index, pd.RangeIndex):  # pandas would move every cell by one column
            raise ValueError("its rows have more cells than its header")
    except (csv.Error, pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as cause:
        raise DataError(f"{path} can't be read as a table: {cause}") from cause
    for name in table.columns.intersection(list(_TEXTS)):
        table[name] = table[name].map(_restore_cell)
    return table.rename(columns=_restore_cell)


def _find_delimiter(text: str) -> str:
    """The one with which the header holds a column that we know, else the one that makes several of it."""
    known = find_delimiter(text, lambda header: not _KNOWN.isdisjoint(header))
    return known or find_delimiter(text, lambda header: len(header) > 1) or ","


def _restore_cell(value: Any) -> Any:
    """Undo `fer_core.escaping.neutralise_cell`."""
    is_neutralised = isinstance(value, str) and value[:1] == "'" and value[1:].startswith(FORMULA_SIGNS)
    return value[1:] if is_neutralised else value


def require_numbers(table: "pd.DataFrame", names: Iterable[str], origin: str) -> None:
    """Check that columns, where the table has them, hold finite numbers or nothing.

    Raises:
        DataError: one does not; the message names the row.
    """
    import numpy as np
    import pandas as pd

    for name in table.columns.intersection(list(names)):
        numbers = pd.to_numeric(table[name], errors="coerce").to_numpy("float64", na_value=np.nan)
        is_wrong = ~np.isfinite(numbers) & table[name].notna().to_numpy()
        if is_wrong.any():
            row = int(is_wrong.argmax())
            value = table[name].iloc[row]
            raise DataError(f"{origin}, row {row + 1}: {name} is {value!r}; expected a number")


def is_of_faces(table: "pd.DataFrame") -> bool:
    """Whether a table has a row per face and frame."""
    return {"frame", "time_s", "num_faces", "track_id"} <= set(table.columns)


def write_table(table: "pd.DataFrame", path: Path) -> None:
    """Write a table as .csv, .parquet, or what an installed package adds.

    Raises:
        StorageError: it can't be written.
    """
    from fer_core.io import write_bytes

    write_bytes(path, encode_table(table, path.suffix.lower().removeprefix(".")))


def is_table(path: Path) -> bool:
    """Whether the extension is one of a table that can be written."""
    return path.suffix.lower().removeprefix(".") in RESULTS


def choose_recording(table: "pd.DataFrame", recording: str | None, path: Path) -> "pd.DataFrame":
    """The rows of one recording of a table that may hold several.

    Raises:
        DataError: it is not said which, or there is no such recording.
    """
    if "recording" not in table:
        return table
    known = list(map(str, table["recording"].dropna().unique()))
    if recording is None and len(known) > 1:
        names = ", ".join(known[:5]) + (", …" if len(known) > 5 else "")
        raise DataError(f"{path} holds {len(known)} recordings; choose one of {names} with --recording")
    if recording is not None and recording not in known:
        raise DataError(f"{path} holds no recording {recording!r}; it has {', '.join(known[:5]) or 'none'}")
    return table if recording is None else table[table["recording"].astype(str) == recording]
