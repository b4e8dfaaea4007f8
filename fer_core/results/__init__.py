"""The formats of tables of results, by file extension. Commands and pages write all of them."""

from fer_core.results import tables  # noqa: F401 - importing it registers its formats
from fer_core.results.base import (
    RESULTS,
    BatchWriter,
    ResultsFormat,
    add_voice_columns,
    build_schema,
    check_table,
    encode_table,
    find_format,
    list_extensions,
    write_table,
)
from fer_core.results.columns import (
    FACE_COLUMNS,
    FACE_FIELDS,
    OF_VOICE,
    VOICE_FIELDS,
    format_csv,
    format_frame,
    name_columns,
)

__all__ = [
    "FACE_COLUMNS",
    "FACE_FIELDS",
    "OF_VOICE",
    "RESULTS",
    "VOICE_FIELDS",
    "BatchWriter",
    "ResultsFormat",
    "add_voice_columns",
    "build_schema",
    "check_table",
    "encode_table",
    "find_format",
    "format_csv",
    "format_frame",
    "list_extensions",
    "name_columns",
    "write_table",
]
