"""The learning-rate range test on the page, and taking over what it suggests."""

import math
from typing import Any

import streamlit as st

from app.shared.messages import error_boundary, show_error
from app.shared.run_charts import BEST_COLOR, TRAIN_COLOR
from app.shared.session_end import at_session_end
from app.train.draft import set_values
from app.train.estimate import EstimateJob
from app.train.state import Key
from fer_core.config import TrainConfig
from fer_core.errors import ConfigError
from fer_core.workspace import Workspace

_REFRESH_S = 0.5
_SETTING = "optimizer.learning_rate"


def render_rate_test(config: TrainConfig | None, workspace: Workspace, *, device: str) -> None:
    """A button that starts the test, how far it is, and the curve with its suggestion."""
    job: EstimateJob | None = st.session_state.get(Key.TRAIN_RATE)
    if job is not None:
        at_session_end(str(job.path), job.close)
    is_running = job is not None and job.status.is_running
    if st.button(
        "Find a learning rate",
        icon=":material/trending_down:",
        disabled=config is None or is_running,
        help="Trains up to 100 steps at rising rates in a separate process and shows where the loss falls "
        "fastest (Smith, 2017). Nothing is kept.",
        width="stretch",
    ):
        assert config is not None
        _close(job)
        st.session_state[Key.TRAIN_RATE] = EstimateJob(config, workspace, device, command="lr-find")
        st.rerun()
    if job is None:
        return
    if is_running:
        _render_progress(job)
    elif job.status.result is not None:
        _render_result(job.status.result)
    else:
        show_error(ConfigError(job.status.error))


def _close(job: EstimateJob | None) -> None:
    if job is not None:
        job.close()
    st.session_state.pop(Key.TRAIN_RATE, None)


@st.fragment(run_every=_REFRESH_S)
def _render_progress(job: EstimateJob) -> None:
    with error_boundary():
        status = job.status
        if not status.is_running:
            st.rerun()
        share = status.done / status.total if status.total else 0.0
        text = f"Step {status.done} of at most {status.total}" if status.total else "Loading torch and data…"
        st.progress(share, text)
        if st.button("Cancel", icon=":material/stop_circle:", key="cancel-rate"):
            _close(job)
            st.rerun()


def _render_result(result: dict[str, Any]) -> None:
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
        xaxis={"type": "log", "title": "learning rate"},
        yaxis={"title": "loss"},
    )
    return figure
