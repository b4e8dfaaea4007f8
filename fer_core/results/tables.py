"""CSV and Parquet, both in full precision."""

from pathlib import Path
from typing import TYPE_CHECKING

from fer_core.results.base import RESULTS, BatchWriter, ResultsFormat

if TYPE_CHECKING:
    import pyarrow as pa


def _open_csv(path: Path, schema: "pa.Schema") -> BatchWriter:
    from pyarrow import csv

    writer: BatchWriter = csv.CSVWriter(str(path), schema)
    return writer


def _open_parquet(path: Path, schema: "pa.Schema") -> BatchWriter:
    from pyarrow import parquet

    writer: BatchWriter = parquet.ParquetWriter(str(path), schema)
    return writer


RESULTS.register("csv")(ResultsFormat(title="CSV", open=_open_csv, mime="text/csv"))
RESULTS.register("parquet")(
    ResultsFormat(title="Parquet", open=_open_parquet, mime="application/vnd.apache.parquet")
)
