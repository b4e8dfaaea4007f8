"""A results format: JSON lines, an object per row."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from fer_core.results import RESULTS, ResultsFormat

if TYPE_CHECKING:
    import pyarrow as pa


class JsonLines:
    """A table that is being written."""

    def __init__(self, path: Path, _schema: "pa.Schema") -> None:
        """Create the file."""
        self._file = path.open("w", encoding="utf-8")

    def write_batch(self, batch: "pa.RecordBatch") -> None:
        """Append rows."""
        self._file.writelines(json.dumps(row) + "\n" for row in batch.to_pylist())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


RESULTS.register("jsonl")(ResultsFormat(title="JSON lines", open=JsonLines, mime="application/jsonl"))
