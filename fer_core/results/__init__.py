"""The formats of tables of results, by file extension. Commands and pages write all of them."""

from fer_core.results import tables  # noqa: F401 - importing it registers its formats
from fer_core.results.base import (
    RESULTS,
    BatchWriter,
    ResultsFormat,
    build_schema,
    encode_table,
    find_format,
    list_extensions,
    write_table,
)

__all__ = [
    "RESULTS",
    "BatchWriter",
    "ResultsFormat",
    "build_schema",
    "encode_table",
    "find_format",
    "list_extensions",
    "write_table",
]
