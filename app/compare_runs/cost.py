"""What the accuracy of the compared models costs."""

import streamlit as st

from app.shared.navigation import MODELS
from app.shared.reports import find_key, list_models
from app.shared.samples import FACES, find_kind
from fer_core.escaping import escape_markdown
from fer_core.evaluation.charts import build_cost_scatter
from fer_core.evaluation.comparison import Comparison
from fer_core.latency import find_latency
from fer_core.workspace import Workspace


def render_cost(comparison: Comparison, workspace: Workspace) -> None:
    """Accuracy against size, and against the time for a face or clip where it was measured."""
    reports = comparison.reports
    kind = find_kind(comparison.evaluations[0].report.subject.dataset, workspace)
    one = FACES[kind].removesuffix("s")
    found = {key: find_latency(item.subject.weights_sha256, workspace) for key, item in reports.items()}
    times = {key: item for key, item in found.items() if item is not None}
    size, latency = st.columns(2, gap="medium")
    sizes = {key: item.subject.num_parameters for key, item in reports.items()}
    size.plotly_chart(build_cost_scatter(reports, sizes, "parameters"), key="compare-size")
    with latency:
        if times:
            costs = {key: item.ms for key, item in times.items()}
            st.plotly_chart(build_cost_scatter(reports, costs, f"ms per {one}"), key="compare-latency")
            st.caption(
                "\n".join(
                    f"- **{escape_markdown(key)}**: {item.ms:.2f} ms, {escape_markdown(item.describe())}"
                    for key, item in times.items()
                )
            )
        missing = [key for key in reports if key not in times]
        if missing:
            st.info(f"Time for a {one} was not measured here yet: open the model and time it.")
            entries = list_models(workspace)
            for name in missing:
                if (key := find_key(name, workspace)) in entries:
                    st.page_link(
                        MODELS.build(),
                        label=f"Time {escape_markdown(name)}",
                        icon=":material/speed:",
                        query_params={"model": entries[key].key, "tab": "Speed"},
                    )
