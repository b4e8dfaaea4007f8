"""Taking a model away: ONNX, quantisation, the check against torch, and the benchmark.

Importing this loads no torch; exporting does.
"""

from fer_core.export.exporting import export_checkpoint
from fer_core.export.options import ExportOptions
from fer_core.exported import ExportRecord, Parity, list_exports

__all__ = ["ExportOptions", "ExportRecord", "Parity", "export_checkpoint", "list_exports"]
