"""Everything that two or more models are compared by."""

import streamlit as st

from app.ui.charts import STATIC_CONFIG
from app.ui.compare_data import choose_metrics
from app.ui.messages import escape_markdown
from fer_core.evaluation.charts import (
    build_class_bars,
    build_cost_scatter,
    build_learning_curves,
    build_matrix,
    build_overlay,
    build_parallel,
    build_reliability,
)
from fer_core.evaluation.comparison import Comparison, diff_configs
from fer_core.evaluation.export import describe_protocol, format_change, write_csv, write_html, write_latex
from fer_core.evaluation.figures import CLASS_TITLES, TITLES, describe_figure
from fer_core.workspace import Workspace

_CURVES = {"valid_loss": "validation loss", "valid_accuracy": "validation accuracy"}


def render_findings(comparison: Comparison) -> None:
    """Significance in words, then every figure."""
    st.subheader("Is the difference real?", anchor=False)
    st.caption(describe_protocol(comparison))
    for key, reason in comparison.refused.items():
        st.warning(f"**{escape_markdown(key)}** is left out: {escape_markdown(reason)}.")
    for result in comparison.results:
        show = st.success if result.is_real else st.info
        show(escape_markdown(result.describe()))
    import pandas as pd

    table = {
        item.key: {title: describe_figure(name, item.report.figures[name]) for name, title in TITLES.items()}
        for item in comparison.evaluations
    }
    for result in comparison.results:
        table[f"{result.key} − {result.baseline}"] = {
            title: format_change(name, result.differences[name])
            for name, title in TITLES.items()
            if name in result.differences
        }
    with st.expander("All figures with 95 % intervals"):
        st.dataframe(pd.DataFrame(table))


def render_charts(comparison: Comparison, workspace: Workspace) -> None:
    """Curves, bars, costs, ROC/PR, calibration and settings."""
    reports = {item.key: item.report for item in comparison.evaluations}
    classes = comparison.evaluations[0].report.classes
    kind = st.segmented_control(
        "By class",
        list(CLASS_TITLES),
        default="recall",
        required=True,
        format_func=CLASS_TITLES.__getitem__,
        key="compare_kind",
    )
    st.plotly_chart(build_class_bars(reports, kind or "recall"), config=STATIC_CONFIG, key="compare-bars")
    first, second = st.columns(2, gap="medium")
    first.plotly_chart(build_cost_scatter(reports), key="compare-latency")
    second.plotly_chart(build_cost_scatter(reports, "num_parameters"), key="compare-size")
    class_name = st.selectbox("Curves of", classes, key="compare_class")
    first, second = st.columns(2, gap="medium")
    first.plotly_chart(build_overlay(reports, "roc", class_name), key="compare-roc")
    second.plotly_chart(build_overlay(reports, "pr", class_name), key="compare-pr")
    first, second = st.columns(2, gap="medium")
    first.plotly_chart(build_reliability(reports), key="compare-calibration")
    second.plotly_chart(build_reliability(reports, "cross-fitted"), key="compare-calibrated")
    metrics = choose_metrics(list(reports), workspace)
    if metrics:
        st.plotly_chart(build_learning_curves(metrics, _CURVES), key="compare-curves")
    settings = diff_configs(comparison.configs)
    if settings:
        import pandas as pd

        st.markdown("##### Settings that differ")
        st.dataframe(pd.DataFrame(settings).T.astype(str))
        accuracy = {key: item.figures["accuracy"].value for key, item in reports.items()}
        st.plotly_chart(
            build_parallel({key: item for key, item in comparison.configs.items() if item}, accuracy),
            config=STATIC_CONFIG,
            key="compare-parallel",
        )


def render_matrices(comparison: Comparison) -> tuple[int, int, str] | None:
    """Matrices side by side; returns the chosen cell (truth, prediction) and its model's key."""
    st.subheader("Where they err", anchor=False)
    by = st.segmented_control(
        "Colour",
        ["truth", "prediction", "counts"],
        default="truth",
        required=True,
        key="compare_by",
        help="Share of the truth (recall), of the predictions (precision), or plain counts.",
    )
    first = comparison.evaluations[0]
    chosen = None
    columns = st.columns(2, gap="medium")
    for index, item in enumerate(comparison.evaluations):
        with columns[index % 2]:
            event = st.plotly_chart(
                build_matrix(item.report, by=by or "truth", title=item.key),
                config=STATIC_CONFIG,
                key=f"compare-matrix-{item.key}",
                on_select="rerun",
                selection_mode="points",
            )
            points = event["selection"]["points"]
            if points:
                classes = list(item.report.classes)
                truth, prediction = (classes.index(points[0][axis]) for axis in ("y", "x"))
                chosen = (truth, prediction, item.key)
    with st.expander("Difference of the matrices"):
        for item in comparison.evaluations[1:]:
            st.plotly_chart(
                build_matrix(
                    item.report,
                    by=by or "truth",
                    difference_to=first.report,
                    title=f"{item.key} minus {first.key}",
                ),
                config=STATIC_CONFIG,
                key=f"compare-difference-{item.key}",
            )
    return chosen


def render_export(comparison: Comparison) -> None:
    """The comparison as files."""
    with st.container(horizontal=True):
        st.download_button("Figures (CSV)", lambda: write_csv(comparison), "comparison.csv", "text/csv")
        st.download_button("Table (LaTeX)", lambda: write_latex(comparison), "comparison.tex", "text/plain")
        st.download_button("Report (HTML)", lambda: write_html(comparison), "comparison.html", "text/html")
