"""What the accuracy of the compared models costs."""

import streamlit as st

from fer_core.escaping import escape_markdown
from fer_core.evaluation.charts import build_cost_scatter
from fer_core.evaluation.comparison import Comparison
from fer_core.workspace import Workspace


def render_cost(comparison: Comparison, _workspace: Workspace) -> None:
    """Accuracy against time for a face, and against size."""
    reports = comparison.reports
    latency, size = st.columns(2, gap="medium")
    latency.plotly_chart(build_cost_scatter(reports), key="compare-latency")
    size.plotly_chart(build_cost_scatter(reports, "num_parameters"), key="compare-size")
    devices = sorted({item.subject.latency_device for item in reports.values() if item.subject.latency_ms})
    if devices:
        names = escape_markdown("; ".join(devices))
        st.caption(f"Time for one face without detection, measured with each report ({names}).")
