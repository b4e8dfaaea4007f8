"""The tables of a study: recordings and events as Parquet files, read as plain data frames."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fer_core.errors import StudyError
from fer_core.io import atomic_path

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

RECORDING_COLUMNS: Final[dict[str, str]] = {
    **dict.fromkeys(("recording", "participant", "condition", "path", "sha256"), "string"),
    **{"size_bytes": "int64", "num_frames": "int64", "fps": "double", "duration_s": "double"},
    **{"width_px": "int64", "height_px": "int64"},
}
"""Columns of `recordings.parquet` and their types; further ones are texts."""
EVENT_COLUMNS: Final[dict[str, str]] = {
    **{"recording": "string", "start_s": "double", "end_s": "double"},
    **{"code": "string", "coder": "string", "note": "string"},
}
"""Columns of `events.parquet` and their types. `end_s` is null for a point."""


def build_schema(columns: dict[str, str], further: Sequence[str] = ()) -> "pa.Schema":
    """Columns of one of the tables; further ones are texts."""
    import pyarrow as pa

    names = [*columns, *further]
    return pa.schema([(name, pa.type_for_alias(columns.get(name, "string"))) for name in names])


def read_table(path: Path, columns: dict[str, str]) -> "pd.DataFrame":
    """A table of a study; an empty one if the file is missing. Empty cells are `pd.NA`.

    Raises:
        StudyError: the file is damaged, or lacks a column.
    """
    import pandas as pd

    try:
        frame = pd.read_parquet(path, dtype_backend="numpy_nullable")
    except FileNotFoundError:
        empty: pd.DataFrame = build_schema(columns).empty_table().to_pandas(types_mapper=_map_type)
        return empty
    except (OSError, ValueError, KeyError, TypeError, NotImplementedError) as cause:
        raise StudyError(f"{path} is no table: {cause}; restore it, or delete the study") from cause
    if missing := columns.keys() - set(frame.columns):
        raise StudyError(f"{path} lacks the column {min(missing)!r}; restore it, or delete the study")
    return frame


def _map_type(kind: "pa.DataType") -> Any:
    import pandas as pd

    return {"string": pd.StringDtype(), "int64": pd.Int64Dtype(), "double": pd.Float64Dtype()}[str(kind)]


def list_rows(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """The rows of a table as mappings from column to value; None where a cell is empty."""
    rows: list[dict[str, Any]] = frame.astype(object).where(frame.notna(), None).to_dict("records")  # type: ignore[assignment]
    return rows


def write_table(path: Path, frame: "pd.DataFrame", columns: dict[str, str]) -> None:
    """Replace a table of a study in one step.

    Raises:
        StudyError: a value does not fit its column.
        StorageError: it can't be written.
    """
    import pyarrow as pa
    from pyarrow import parquet

    schema = build_schema(columns, [name for name in frame.columns if name not in columns])
    try:
        table = pa.Table.from_pandas(frame[schema.names], schema=schema, preserve_index=False)
    except (pa.ArrowException, KeyError) as cause:
        raise StudyError(f"{path.name} can't hold these rows: {cause}") from cause
    with atomic_path(path) as temporary:
        parquet.write_table(table.replace_schema_metadata(None), temporary)
