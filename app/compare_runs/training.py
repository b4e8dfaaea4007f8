"""How the compared runs learned, and in which settings they differ."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import streamlit as st

from app.compare_runs.state import Key
from app.shared.charts import STATIC_CONFIG
from app.shared.reports import load_learning_curves
from app.shared.run_charts import smooth
from fer_core.evaluation.charts import build_learning_curves, build_parallel
from fer_core.evaluation.comparison import Comparison, diff_configs, list_varied_settings
from fer_core.evaluation.comparison_export import describe_setting
from fer_core.results import name_columns
from fer_core.workspace import Workspace

_CURVES: Final[dict[str, str]] = {"valid_loss": "validation loss", "valid_accuracy": "validation accuracy"}
_MAX_SETTINGS: Final[int] = 7
"""Axes beside the accuracy that fit on a page."""


def render_training(comparison: Comparison, workspace: Workspace) -> None:
    """Learning curves, then settings."""
    _render_curves(comparison, workspace)
    _render_settings(comparison)


def _render_curves(comparison: Comparison, workspace: Workspace) -> None:
    metrics = load_learning_curves(list(comparison.reports), workspace)
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


def _render_parallel(
    comparison: Comparison, configs: Mapping[str, Mapping[str, Any]], varied: list[str]
) -> None:
    if any(name not in varied for name in st.session_state.get(Key.COMPARE_SETTINGS, ())):
        del st.session_state[Key.COMPARE_SETTINGS]  # chosen for other runs
    shown = st.multiselect(
        "Settings against accuracy", varied, default=varied[:_MAX_SETTINGS], key=Key.COMPARE_SETTINGS
    )
    if not shown:
        st.caption("Choose settings to see them against the accuracy, a line per run.")
        return
    accuracy = {key: item.figures["accuracy"].value for key, item in comparison.reports.items()}
    st.plotly_chart(build_parallel(configs, accuracy, shown), config=STATIC_CONFIG, key="compare-parallel")
