"""How well the compared models read each class."""

import streamlit as st

from app.compare_runs.state import Key
from app.shared.charts import STATIC_CONFIG
from fer_core.evaluation.charts import build_class_bars, build_overlay
from fer_core.evaluation.comparison import Comparison
from fer_core.evaluation.metrics import list_class_titles
from fer_core.workspace import Workspace


def render_classes(comparison: Comparison, _workspace: Workspace) -> None:
    """Bars of a figure of every class, then the curves of one class."""
    reports = comparison.reports
    titles = list_class_titles()
    kind = st.segmented_control(
        "Figure",
        list(titles),
        default="recall",
        required=True,
        format_func=titles.__getitem__,
        key=Key.COMPARE_KIND,
        label_visibility="collapsed",
    )
    figure = build_class_bars(reports, kind or "recall", title=titles[kind or "recall"])
    st.plotly_chart(figure, config=STATIC_CONFIG, key="compare-bars")
    classes = comparison.evaluations[0].report.classes
    if st.session_state.get(Key.COMPARE_CLASS) not in (None, *classes):
        del st.session_state[Key.COMPARE_CLASS]
    class_name = st.selectbox("ROC and precision-recall of", classes, key=Key.COMPARE_CLASS, width=240)
    roc, precision = st.columns(2, gap="medium")
    roc.plotly_chart(build_overlay(reports, "roc", class_name), key="compare-roc")
    precision.plotly_chart(build_overlay(reports, "pr", class_name), key="compare-pr")
