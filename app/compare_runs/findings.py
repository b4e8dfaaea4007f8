"""What came of a comparison: whether differences are real, every figure, and files to take away."""

import streamlit as st

from app.compare_runs.tags import render_tags
from app.shared.charts import STATIC_CONFIG
from app.shared.reports import find_key
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
from fer_core.evaluation.metrics import METRICS, list_titles
from fer_core.evaluation.paired import PairedResult
from fer_core.results import name_columns
from fer_core.workspace import Workspace

_CHART_FROM = 2
"""Differences from which on a chart says more than the sentences."""


def render_headline(comparison: Comparison) -> None:
    """The verdict in a sentence beside large figures, with what they were measured on."""
    results = {item.key: item for item in comparison.results}
    for key, reason in comparison.refused.items():
        st.warning(f"**{escape_markdown(key)}** is left out: {escape_markdown(reason)}.")
    if len(results) == 1:
        numbers, words = st.columns([5, 7], gap="medium", vertical_alignment="center")
    else:
        numbers, words = st.container(), st.container()
    with numbers, st.container(horizontal=True, gap="small"):
        if not results:
            for name in ("accuracy", "macro_f1"):
                _render_figure(comparison, comparison.baseline, name, METRICS[name].title)
        else:
            for item in comparison.evaluations:
                _render_figure(comparison, item.key, "accuracy", item.key, results.get(item.key))
    with words:
        for result in comparison.results:
            show = st.success if result.is_real else st.info
            show(f"**{escape_markdown(result.describe_verdict())}**")
        if len(results) == 1:
            st.caption(escape_markdown(comparison.results[0].describe_evidence()))
        st.caption(escape_markdown(describe_protocol(comparison)))


def _render_figure(
    comparison: Comparison, key: str, name: str, label: str, result: PairedResult | None = None
) -> None:
    figure = next(item.report.figures[name] for item in comparison.evaluations if item.key == key)
    value, _, interval = describe_figure(name, figure).partition(" [")
    change = "baseline" if comparison.results else f"95 % interval [{interval}"
    if result is not None:
        change = f"{100 * result.differences[name].value:+.2f} points"
    st.metric(
        escape_markdown(label),
        value,
        delta=change,
        delta_color="normal" if result is not None and result.is_real else "off",
        delta_arrow="auto" if result is not None else "off",
        border=True,
        help=f"Accuracy with its 95 % interval: {describe_figure(name, figure)}"
        if comparison.results
        else None,
    )


def render_verdict(comparison: Comparison, workspace: Workspace) -> None:
    """What the verdict rests on: the differences, every figure with its interval, and files."""
    results = comparison.results
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
    _render_figures(comparison)
    _render_export(comparison, workspace)


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
    column = st.column_config.TextColumn("figure", pinned=True, width=290)
    st.dataframe(frame, column_config={"figure": column}, hide_index=True, height=38 + 35 * len(frame))
    st.caption(
        "With 95 % intervals. **Macro-F1**, **balanced accuracy**: means over the classes, so that rare ones "
        "count as much. **Log loss** (cross-entropy): penalises confident mistakes. **ECE**: mean gap of "
        "confidence and accuracy. **KL**, **Jensen-Shannon**: distance to the shares of the annotators' "
        "votes. **Kappa**, **MCC**: agreement beyond chance. For losses, gaps and distances less is better."
    )


def _render_export(comparison: Comparison, workspace: Workspace) -> None:
    """The comparison as files, written when they are asked for; and the tags of what is compared."""
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
        render_tags([find_key(item.key, workspace) for item in comparison.evaluations], workspace)
