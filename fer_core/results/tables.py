"""CSV and Parquet, both in full precision. CSV neutralises texts that begin a formula."""

from pathlib import Path
from typing import TYPE_CHECKING

from fer_core.escaping import neutralise_cell
from fer_core.results.base import RESULTS, BatchWriter, ResultsFormat
from fer_core.results.columns import neutralise_names

if TYPE_CHECKING:
    import pyarrow as pa


class _CsvWriter:
    """CSV whose texts no spreadsheet computes."""

    def __init__(self, path: Path, schema: "pa.Schema") -> None:
        import pyarrow as pa
        from pyarrow import csv

        names = neutralise_names(schema.names)
        self._schema = pa.schema([field.with_name(name) for field, name in zip(schema, names, strict=True)])
        self._writer = csv.CSVWriter(str(path), self._schema)

    def write_batch(self, batch: "pa.RecordBatch") -> None:
        import pyarrow as pa

        columns = [
            column
            if pa.types.is_primitive(column.type)
            else pa.array(map(neutralise_cell, column.to_pylist()), type=column.type)
            for column in batch.columns
        ]
        self._writer.write_batch(pa.record_batch(columns, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


def _open_parquet(path: Path, schema: "pa.Schema") -> BatchWriter:
    from pyarrow import parquet

    writer: BatchWriter = parquet.ParquetWriter(str(path), schema)
    return writer


RESULTS.register("csv")(ResultsFormat(title="CSV", open=_CsvWriter, mime="text/csv"))
RESULTS.register("parquet")(
    ResultsFormat(title="Parquet", open=_open_parquet, mime="application/vnd.apache.parquet")
)
