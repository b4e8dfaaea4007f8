"""The export formats. One registration gives it to `fer export --format`, the page and the benchmark."""

from fer_core.export.formats import (  # isort: skip # noqa: F401 - registers them, in the order of the page
    fp32,
    fp16,
    int8,
)
from fer_core.export.formats.base import EXPORTS, ExportFormat, ExportSource, Tolerance

__all__ = ["EXPORTS", "ExportFormat", "ExportSource", "Tolerance"]
