"""What came of a comparison: whether differences are real, every figure, and files to take away."""

import streamlit as st

from app.shared.charts import STATIC_CONFIG
from fer_core.escaping import escape_markdown
from fer_core.evaluation.charts import build_differences
from fer_core.evaluation.comparison import Comparison
from fer_core.evaluation.comparison_export import (
    describe_protocol,
    write_csv,
    write_html,
    write_latex,
)
from fer_core.evaluation.figures import describe_figure, format_change
from fer_core.evaluation.metrics import list_titles
from fer_core.results import name_columns

_CHART_FROM = 2
"""Differences from which on a chart says more than the sentences."""


def render_findings(comparison: Comparison) -> None:
    """Whether differences are real, then every figure."""
    results = comparison.results
    st.subheader("Is the difference real?" if results else "Evaluation report", anchor=False)
    st.caption(escape_markdown(describe_protocol(comparison)))
    for key, reason in comparison.refused.items():
        st.warning(f"**{escape_markdown(key)}** is left out: {escape_markdown(reason)}.")
    if not results and not comparison.refused:
        st.caption("Choose a second model to see whether it differs from this one.")
    if len(results) >= _CHART_FROM:
        st.plotly_chart(
            build_differences(results),
            config=STATIC_CONFIG,
            key="compare-differences",
            alt=f"Difference in accuracy of {len(results)} models to {results[0].baseline}",
        )
        st.caption(
            "Real: unlikely to be chance by McNemar's exact test (a test on the faces that only one model "
            "gets right, with Holm's correction for several comparisons), and the interval excludes zero."
        )
        with st.expander("In words"):
            st.markdown("\n".join(f"- {escape_markdown(item.describe())}" for item in results))
    else:
        for result in results:
            show = st.success if result.is_real else st.info
            show(escape_markdown(result.describe()))
    with st.expander("All figures with 95 % intervals", expanded=not results):
        _render_figures(comparison)


def _render_figures(comparison: Comparison) -> None:
    import pandas as pd

    titles = list_titles()
    table = {
        item.key: {
            title: describe_figure(name, item.report.figures[name])
            for name, title in titles.items()
            if name in item.report.figures
        }
        for item in comparison.evaluations
    }
    for result in comparison.results:
        table[f"{result.key} − {result.baseline}"] = {
            title: format_change(name, result.differences[name])
            for name, title in titles.items()
            if name in result.differences
        }
    frame = pd.DataFrame(table).set_axis(name_columns(list(table), {"figure"}, kind="model"), axis=1)
    frame = frame.rename_axis("figure").fillna("").reset_index()
    column = st.column_config.TextColumn("figure", pinned=True)
    st.dataframe(frame, column_config={"figure": column}, hide_index=True, height=38 + 35 * len(frame))
    st.caption(
        "**Macro-F1**, **balanced accuracy**: means over the classes, so that rare ones count as much. **Log "
        "loss** (cross-entropy): penalises confident mistakes. **ECE**: mean gap between confidence and "
        "accuracy. **KL**, **Jensen-Shannon**: distance to the shares of the annotators' votes. **Kappa**, "
        "**MCC**: agreement beyond chance. For losses, gaps and distances less is better."
    )


def render_export(comparison: Comparison) -> None:
    """The comparison as files, written when they are asked for."""
    with st.container(horizontal=True):
        for label, write, name, mime in (
            ("Report (HTML)", write_html, "comparison.html", "text/html"),
            ("Table (LaTeX)", write_latex, "comparison.tex", "text/plain"),
            ("Figures (CSV)", write_csv, "comparison.csv", "text/csv"),
        ):
            st.download_button(
                label,
                lambda write=write: write(comparison),  # type: ignore[misc]
                name,
                mime,
                icon=":material/download:",
                on_click="ignore",
            )
