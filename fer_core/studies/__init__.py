"""Studies: many recordings, people and conditions, analyzed alike; `docs/STUDIES.md` says what is on disk.

Making, listing and reading one loads neither torch nor the cluster's library; running one does.
"""

from fer_core.studies.state import RecordingState, StudyState, read_state
from fer_core.studies.study import (
    AnalysisSettings,
    Study,
    create_study,
    delete_study,
    list_studies,
    load_study,
    set_codes,
)

__all__ = [
    "AnalysisSettings",
    "RecordingState",
    "Study",
    "StudyState",
    "create_study",
    "delete_study",
    "list_studies",
    "load_study",
    "read_state",
    "set_codes",
]
