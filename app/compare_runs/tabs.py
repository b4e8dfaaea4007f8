"""A comparison question by question, a tab each."""

from collections.abc import Callable
from typing import Final

import streamlit as st

from app.compare_runs.calibration import render_calibration
from app.compare_runs.classes import render_classes
from app.compare_runs.cost import render_cost
from app.compare_runs.error_explorer import render_explorer
from app.compare_runs.findings import render_verdict
from app.compare_runs.groups import render_groups
from app.compare_runs.robustness import render_robustness
from app.compare_runs.sources import render_sources
from app.compare_runs.state import Key
from app.compare_runs.training import render_training
from app.shared.messages import error_boundary
from app.shared.samples import find_kind
from app.shared.tabs import render_tabs
from fer_core.evaluation.comparison import Comparison
from fer_core.workspace import Workspace

TABS: Final[dict[str, Callable[[Comparison, Workspace], None]]] = {
    "Verdict": render_verdict,
    "Errors": render_explorer,
    "Classes": render_classes,
    "Calibration": render_calibration,
    "Groups": render_groups,
    "Sources": render_sources,
    "Cost": render_cost,
    "Robustness": render_robustness,
    "Training": render_training,
}


OF_SOUND: Final[tuple[str, ...]] = (
    "Verdict",
    "Errors",
    "Classes",
    "Calibration",
    "Groups",
    "Cost",
    "Training",
)
"""Without those that blur, crop or search faces."""


@st.fragment
def render_questions(comparison: Comparison, workspace: Workspace) -> None:
    """Only the open tab is drawn; the address holds which."""
    is_sound = find_kind(comparison.evaluations[0].report.subject.dataset, workspace) == "sound"
    names = OF_SOUND if is_sound else tuple(TABS)
    with error_boundary():
        for name, place in render_tabs(names, key=Key.COMPARE_TAB):
            with place:
                TABS[name](comparison, workspace)
