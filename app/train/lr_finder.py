"""The learning-rate range test on the page, and taking over what it suggests."""

import math
from typing import Any

import streamlit as st

from app.shared.run_charts import BEST_COLOR, TRAIN_COLOR
from app.train.draft import set_values
from app.train.estimate import render_measurement
from fer_core.config import TrainConfig
from fer_core.errors import RunError
from fer_core.jobs.tasks import BackgroundTask
from fer_core.workspace import Workspace

_SETTING = "optimizer.learning_rate"


def render_rate_test(config: TrainConfig | None, workspace: Workspace, *, device: str) -> None:
    """Try rising rates; the curve with its suggestion."""
    render_measurement(
        "lr-find",
        "Find a learning rate",
        config,
        workspace,
        device=device,
        icon=":material/trending_down:",
        help_text="Trains up to 100 steps at increasing rates in the background and shows where the loss "
        "falls fastest (Smith, 2017). Nothing is kept.",
        on_result=_render_result,
    )


def _render_result(task: BackgroundTask) -> None:
    result = task.result()
    if result is None:
        raise RunError(f"the test {task.name} holds no rates; test again")
    suggestion = float(result["suggestion"])
    figure = build_rate_chart(result["rates"], result["losses"], suggestion)
    st.plotly_chart(figure, width="stretch", key="rate-test", config={"displayModeBar": False})
    st.button(
        f"Use {suggestion:.2g}",
        icon=":material/check:",
        on_click=set_values,
        args=({_SETTING: float(f"{suggestion:.2g}")},),
    )


def build_rate_chart(rates: list[float], losses: list[float], suggestion: float) -> Any:
    """Smoothed loss over the learning rate, with a line at the suggestion."""
    import plotly.graph_objects as go

    figure = go.Figure(go.Scatter(x=rates, y=losses, mode="lines", line_color=TRAIN_COLOR))
    figure.add_vline(suggestion, line_color=BEST_COLOR, line_dash="dash")
    # Apart from the line: plotly wants the logarithm here, and the value itself there.
    label = f"falls fastest: {suggestion:.2g}"
    figure.add_annotation(
        x=math.log10(suggestion), y=1, yref="paper", text=label, showarrow=False, xanchor="left", xshift=4
    )
    figure.update_layout(
        height=240,
        margin={"l": 0, "r": 8, "t": 24, "b": 0},
        xaxis={"type": "log", "title": "learning rate", "exponentformat": "power"},
        yaxis={"title": "loss"},
    )
    return figure
