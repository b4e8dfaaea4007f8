"""The charts of a comparison, a tab per question."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import streamlit as st

from app.compare_runs.groups import render_groups
from app.compare_runs.robustness import render_robustness
from app.compare_runs.sources import render_sources
from app.compare_runs.state import Key
from app.shared.background import open_asked_part
from app.shared.charts import STATIC_CONFIG
from app.shared.messages import error_boundary
from app.shared.reports import load_learning_curves
from app.shared.run_charts import smooth
from fer_core.escaping import escape_markdown
from fer_core.evaluation.charts import (
    build_class_bars,
    build_cost_scatter,
    build_learning_curves,
    build_overlay,
    build_parallel,
    build_reliability,
)
from fer_core.evaluation.comparison import Comparison, diff_configs, list_varied_settings
from fer_core.evaluation.comparison_export import describe_setting
from fer_core.evaluation.metrics import list_class_titles
from fer_core.results import name_columns
from fer_core.workspace import Workspace

_CURVES: Final[dict[str, str]] = {"valid_loss": "validation loss", "valid_accuracy": "validation accuracy"}
_MAX_SETTINGS: Final[int] = 7
"""Axes beside the accuracy that fit on a page."""


@st.fragment
def render_charts(comparison: Comparison, workspace: Workspace) -> None:
    """A tab per question; only the open one is drawn."""
    draw: dict[str, Callable[[], None]] = {
        "By class": lambda: _render_classes(comparison),
        "By group": lambda: render_groups(comparison, workspace),
        "Other sources": lambda: render_sources(comparison, workspace),
        "Robustness": lambda: render_robustness(comparison, workspace),
        "ROC and precision-recall": lambda: _render_overlays(comparison),
        "Calibration": lambda: _render_calibration(comparison),
        "Cost": lambda: _render_cost(comparison),
        "Learning curves": lambda: _render_learning(comparison, workspace),
        "Settings": lambda: _render_settings(comparison),
    }
    with error_boundary():
        open_asked_part(Key.COMPARE_TAB, draw)
        tabs = st.tabs(list(draw), key=Key.COMPARE_TAB, on_change="rerun")
        for tab, render in zip(tabs, draw.values(), strict=True):
            if tab.open:
                with tab:
                    render()


def _reports(comparison: Comparison) -> dict[str, Any]:
    return {item.key: item.report for item in comparison.evaluations}


def _render_classes(comparison: Comparison) -> None:
    reports = _reports(comparison)
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


def _render_overlays(comparison: Comparison) -> None:
    reports = _reports(comparison)
    classes = comparison.evaluations[0].report.classes
    if st.session_state.get(Key.COMPARE_CLASS) not in (None, *classes):
        del st.session_state[Key.COMPARE_CLASS]
    class_name = st.selectbox("Class", classes, key=Key.COMPARE_CLASS, width=240)
    roc, precision = st.columns(2, gap="medium")
    roc.plotly_chart(build_overlay(reports, "roc", class_name), key="compare-roc")
    precision.plotly_chart(build_overlay(reports, "pr", class_name), key="compare-pr")


def _render_calibration(comparison: Comparison) -> None:
    reports = _reports(comparison)
    columns = st.columns(2, gap="medium")
    for column, variant in zip(columns, ("temperature 1", "cross-fitted"), strict=True):
        column.plotly_chart(build_reliability(reports, variant), key=f"compare-calibration-{variant}")
    st.caption(
        "On the dotted line a model is right as often as it says; below the line it is overconfident. Left: "
        "raw probabilities. Right: probabilities corrected by temperature scaling, fitted on the other half "
        "of the faces."
    )


def _render_cost(comparison: Comparison) -> None:
    reports = _reports(comparison)
    latency, size = st.columns(2, gap="medium")
    latency.plotly_chart(build_cost_scatter(reports), key="compare-latency")
    size.plotly_chart(build_cost_scatter(reports, "num_parameters"), key="compare-size")
    devices = sorted({item.subject.latency_device for item in reports.values() if item.subject.latency_ms})
    if devices:
        names = escape_markdown("; ".join(devices))
        st.caption(f"Time for one face without detection, measured with each report ({names}).")


def _render_learning(comparison: Comparison, workspace: Workspace) -> None:
    metrics = load_learning_curves(list(_reports(comparison)), workspace)
    if not metrics:
        st.caption("None of these models has a record of its training in this workspace.")
        return
    weight = st.slider(
        "Smoothing",
        0.0,
        0.95,
        0.0,
        step=0.05,
        key=Key.COMPARE_SMOOTHING,
        help="Weight of the earlier epochs; the raw values stay visible, faintly.",
        width=320,
    )
    curve = partial(smooth, weight=weight) if weight else None
    st.plotly_chart(build_learning_curves(metrics, _CURVES, smooth=curve), key="compare-curves")


def _render_settings(comparison: Comparison) -> None:
    settings = diff_configs(comparison.configs)
    if not settings:
        st.caption("The settings of these models do not differ.")
        return
    configs = {key: item for key, item in comparison.configs.items() if item}
    varied = list_varied_settings(configs)
    if varied:
        _render_parallel(comparison, configs, varied)
    import pandas as pd

    order = [*varied, *(name for name in settings if name not in varied)]
    rows = {name: {key: describe_setting(comparison, key, name) for key in configs} for name in order}
    table = pd.DataFrame(rows).T.set_axis(name_columns(list(configs), {"setting"}, kind="model"), axis=1)
    table = table.rename_axis("setting").reset_index()
    column = st.column_config.TextColumn("setting", pinned=True)
    st.dataframe(table, column_config={"setting": column}, hide_index=True)


def _render_parallel(comparison: Comparison, configs: dict[str, Any], varied: list[str]) -> None:
    if any(name not in varied for name in st.session_state.get(Key.COMPARE_SETTINGS, ())):
        del st.session_state[Key.COMPARE_SETTINGS]  # chosen for other runs
    shown = st.multiselect(
        "Settings against accuracy", varied, default=varied[:_MAX_SETTINGS], key=Key.COMPARE_SETTINGS
    )
    if not shown:
        st.caption("Choose settings to see them against the accuracy, a line per run.")
        return
    accuracy = {key: item.figures["accuracy"].value for key, item in _reports(comparison).items()}
    st.plotly_chart(build_parallel(configs, accuracy, shown), config=STATIC_CONFIG, key="compare-parallel")
