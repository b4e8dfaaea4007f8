"""What the live page shows beside the camera: pace, label, chart, warnings, snapshot and recording."""

import math
import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

import streamlit as st

from app.live_webcam.camera import LiveKey, show_switch
from app.shared.callbacks import uninterrupted
from app.shared.charts import STATIC_CONFIG
from app.shared.messages import error_boundary
from fer_core.escaping import escape_markdown, escape_plotly, quote_markdown
from fer_core.inference.live import FaceReading, LiveSession
from fer_core.inference.live_stats import HistoryCurve, LiveReport
from fer_core.inference.overlay import describe_state
from fer_core.palette import emotion_color
from fer_core.words import count

if TYPE_CHECKING:
    import plotly.graph_objects as go

RECORDING_NOTICE: Final[str] = (
    "The drawn picture, without sound, goes into a temporary file on the computer that runs this page. It is "
    "deleted a few minutes after you close the page. Tell everyone in view."
)
REMOTE: Final[str] = """
- **HTTPS.** Browsers give the camera only to pages from `localhost` or `https://`. Put a reverse proxy with a
  certificate in front of the dashboard, or use an SSH tunnel: `ssh -L 8501:localhost:8501 computer`.
- **TURN.** Within one computer or network nothing else is needed, and no server is contacted. Through
  firewalls, the picture needs a TURN server of yours, in `.streamlit/secrets.toml`:

```toml
[webrtc]
ice_servers = [{ urls = "turn:turn.example.org:3478", username = "me", credential = "secret" }]
```

  or as JSON in the environment variable `FER_ICE_SERVERS`.
"""
_SLOW_FROM: Final[float] = 0.1
"""Share of dropped frames from which the page speaks of it."""
_QUICK_ENOUGH: Final[float] = 0.7
"""Share of the time between two frames that a step may take without being the reason for slowness."""
_CHART_PX: Final[int] = 240
_SIDES: Final[tuple[str, str]] = ("Left", "Right")
_HISTORY_S: Final[int] = 30
_REFRESH_S: Final[float] = 1.0
_READING_S: Final[float] = 0.25
"""The label is to say what the picture beside it says: a second's delay would be seen."""
_PATIENCE_S: Final[float] = 3.0
"""A camera that has just been started may take so long before its first picture."""
_STILL: Final[str] = (
    "**No picture comes.** The camera was unplugged, or the connection was lost. Stop it and start it again."
)
_RATIO_SLACK: Final[float] = 0.02
"""WebRTC rounds the sides of the picture when the link changes its size."""


def render_pace(session: LiveSession, *, playing: bool, ratio: float) -> None:
    """Show how fast the stream is and what went wrong, anew every second while it plays.

    Args:
        session: the stream.
        playing: whether frames come.
        ratio: width by height of the box of the picture; the page is redrawn when the picture has another.
    """
    began_s = time.monotonic()

    @st.fragment(run_every=_REFRESH_S if playing else None)
    def refresh() -> None:
        if playing and abs(picture_ratio(session, ratio) / ratio - 1) > _RATIO_SLACK:
            st.rerun()
        with error_boundary():
            report = session.report()
            if report.num_received:
                st.markdown(describe_pace(report))
                st.caption(describe_counts(report))
            if playing and not report.received_fps and time.monotonic() - began_s > _PATIENCE_S:
                st.warning(_STILL, icon=":material/videocam_off:")
            _render_problems(report, session)

    refresh()


def picture_ratio(session: LiveSession, default: float) -> float:
    """Width by height of the picture that is shown; `default` before the first."""
    frame_rgb = session.last_frame()
    return default if frame_rgb is None else frame_rgb.shape[1] / frame_rgb.shape[0]


def render_reading(session: LiveSession, models: Sequence[str]) -> None:
    """Show what the picture says of the main face, and its last 30 seconds, one of each per model."""
    titles = ["Apparent expression"]
    if len(models) > 1:
        titles = [f"{side}: {escape_markdown(name)}" for side, name in zip(_SIDES, models, strict=True)]
    for index, title in enumerate(titles):
        _render_label(session, index, title)
        _render_history(session, index)


@st.fragment(run_every=_READING_S)
def _render_label(session: LiveSession, index: int, title: str) -> None:
    with error_boundary():
        readings = session.readings()
        value, note = describe_reading(readings[index] if index < len(readings) else None)
        st.metric(title, value, note, delta_color="off", delta_arrow="off")


@st.fragment(run_every=_REFRESH_S)
def _render_history(session: LiveSession, index: int) -> None:
    with error_boundary():
        curves = session.history()
        if index < len(curves):
            st.plotly_chart(
                build_history_chart(curves[index]),
                key=f"live_history_{index}",
                config=STATIC_CONFIG,
                width="stretch",
            )


def describe_reading(reading: FaceReading | None) -> tuple[str, str]:
    """What a model says of the main face, and how sure it is, as Markdown."""
    if reading is None:
        return "–", "waiting for a picture"
    if reading.face is None:
        return "–", "no face in view"
    state = describe_state(reading.face)
    sure = f"{100 * reading.face.prediction.confidence:.0f} % probable"
    return escape_markdown(reading.label), f"{sure}{state and f' · {state}'}"


def describe_pace(report: LiveReport) -> str:
    """Frame rate and time per frame, as Markdown."""
    return (
        f":material/speed: **{report.processed_fps:.0f}** of {report.received_fps:.0f} frames a second · "
        f"**{_milliseconds(report.latency_p50_ms)}** a frame, 95 % within "
        f"{_milliseconds(report.latency_p95_ms)}"
    )


def _milliseconds(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.0f} ms"


def describe_counts(report: LiveReport) -> str:
    """One line on frames and stages, as Markdown."""
    parts = [
        f"{report.num_processed:,} of {count(report.num_received, 'frame')} analyzed",
        f"{report.num_dropped:,} dropped",
        f"{report.num_failed:,} failed",
    ]
    stages = " · ".join(
        f"{escape_markdown(name)} {stage.p50_ms:.1f} ms" for name, stage in sorted(report.stages.items())
    )
    return " · ".join(parts) + (f"  \n{stages} (median)" if stages else "")


def describe_slowness(report: LiveReport) -> str | None:
    """What to tell of a model that can't keep up; None if it can."""
    if report.dropped_share < _SLOW_FROM:
        return None
    rhythm_ms = 1000 / max(1.0, report.received_fps)
    advice = (
        "The model is quick enough, but this computer is busy with other work."
        if report.latency_p50_ms < _QUICK_ENOUGH * rhythm_ms
        else "Look for faces less often, or take a smaller model."
    )
    return (
        f"**Slow: {report.processed_fps:.0f} of {report.received_fps:.0f} frames a second, "
        f"{100 * report.dropped_share:.0f} % of frames dropped.** The picture stays current, but it jumps. "
        + advice
    )


def _render_problems(report: LiveReport, session: LiveSession) -> None:
    if slowness := describe_slowness(report):
        st.warning(slowness, icon=":material/speed:")
    if report.errors:
        worst = report.errors[0]
        st.error(
            f"{report.num_failed:,} of {count(report.num_received, 'frame')} could not be analyzed; "
            f"what came is shown. Most often ({worst.count:,}×): {quote_markdown(worst.kind)} — "
            + escape_markdown(worst.message),
            icon=":material/error:",
        )
    state = session.recording()
    if state.is_recording:
        st.markdown(
            f":red-badge[:material/fiber_manual_record: Recording] {_clock(state.seconds)} "
            f"of at most {_clock(state.max_seconds)}"
        )
    if state.note:
        st.warning(escape_markdown(state.note), icon=":material/videocam_off:")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"


def build_history_chart(curve: HistoryCurve) -> "go.Figure":
    """Stacked areas of all classes over the last 30 seconds: the wider a band, the more probable."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for index, name in enumerate(curve.classes):
        figure.add_trace(
            go.Scatter(
                x=curve.times_s.round(2),
                y=(100 * curve.probabilities[:, index]).round(1),
                name=escape_plotly(name),
                mode="lines",
                line={"width": 0.5, "color": emotion_color(name)},
                fillcolor=emotion_color(name),
                stackgroup="all",
                hovertemplate=f"{escape_plotly(name)}: %{{y:.0f}} %<extra></extra>",
            )
        )
    figure.update_layout(
        height=_CHART_PX,
        margin={"l": 0, "r": 0, "t": 4, "b": 0},
        hovermode="x",
        legend={"orientation": "h", "y": -0.2, "x": 0, "itemclick": False, "itemdoubleclick": False},
        xaxis={"range": [-_HISTORY_S, 0], "ticksuffix": " s", "fixedrange": True, "showgrid": False},
        yaxis={"range": [0, 100], "ticksuffix": " %", "fixedrange": True, "nticks": 3},
        uirevision="live",
    )
    return figure


def render_actions(session: LiveSession, *, playing: bool) -> None:
    """Snapshot and recording."""
    state = session.recording()
    show_switch(LiveKey.RECORD, state.is_recording)  # it can end by itself: too long, stream stopped
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.download_button(
            "Snapshot",
            data=lambda: encode_snapshot(session),
            file_name=f"snapshot-{_now()}.png",
            mime="image/png",
            icon=":material/photo_camera:",
            on_click="ignore",
            disabled=not playing,
            help="Downloads the picture as it is drawn at this moment.",
        )
        st.toggle(
            "Record",
            key=LiveKey.RECORD,
            on_change=_toggle_recording,
            args=(session,),
            disabled=not playing,
            help=RECORDING_NOTICE,
        )
        if (path := session.recorded_file()) is not None:
            st.download_button(
                "Recording (MP4)",
                data=path.read_bytes,
                file_name=f"recording-{_now()}.mp4",
                mime="video/mp4",
                icon=":material/download:",
                on_click="ignore",
            )
    if state.is_recording:
        st.caption(f":material/info: {RECORDING_NOTICE}")


def _now() -> str:
    return datetime.now().strftime("%Y%m%d-%H%M%S")


@uninterrupted
def _toggle_recording(session: LiveSession) -> None:
    if st.session_state[LiveKey.RECORD]:
        session.start_recording()
    else:
        session.stop_recording()


def encode_snapshot(session: LiveSession) -> bytes:
    """The last drawn frame as PNG; empty before the first."""
    import io

    from PIL import Image

    frame_rgb = session.last_frame()
    if frame_rgb is None:
        return b""
    buffer = io.BytesIO()
    Image.fromarray(frame_rgb).save(buffer, format="PNG")
    return buffer.getvalue()
