"""Whether the compared models are as often right as they say."""

import streamlit as st

from app.shared.samples import FACES, find_kind
from fer_core.evaluation.charts import build_reliability
from fer_core.evaluation.comparison import Comparison
from fer_core.workspace import Workspace


def render_calibration(comparison: Comparison, workspace: Workspace) -> None:
    """Confidence against accuracy, before and after temperature scaling."""
    columns = st.columns(2, gap="medium")
    for column, variant in zip(columns, ("temperature 1", "cross-fitted"), strict=True):
        column.plotly_chart(
            build_reliability(comparison.reports, variant), key=f"compare-calibration-{variant}"
        )
    st.caption(
        "On the dotted line a model is right as often as it says; below the line it is overconfident. Left: "
        "raw probabilities. Right: probabilities corrected by temperature scaling, fitted on the other half "
        f"of the {FACES[find_kind(comparison.evaluations[0].report.subject.dataset, workspace)]}."
    )
