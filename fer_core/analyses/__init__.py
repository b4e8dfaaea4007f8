"""Analyses of pictures and videos that the user chose to keep."""

from fer_core.analyses.comparison import AnalysisComparison, compare_analyses
from fer_core.analyses.keeping import (
    delete_analysis,
    encode_zip,
    export_analysis,
    keep_analysis,
    rename_analysis,
    validate_title,
)
from fer_core.analyses.records import (
    ANNOTATED_FOLDER,
    FACES_FOLDER,
    MAX_NAME,
    TABLE_FILE,
    AnalysisRecord,
    KeptAnalysis,
    KeptModel,
    KeptSource,
    find_analysis,
    list_analyses,
    load_analysis,
)

__all__ = [
    "ANNOTATED_FOLDER",
    "FACES_FOLDER",
    "MAX_NAME",
    "TABLE_FILE",
    "AnalysisComparison",
    "AnalysisRecord",
    "KeptAnalysis",
    "KeptModel",
    "KeptSource",
    "compare_analyses",
    "delete_analysis",
    "encode_zip",
    "export_analysis",
    "find_analysis",
    "keep_analysis",
    "list_analyses",
    "load_analysis",
    "rename_analysis",
    "validate_title",
]
