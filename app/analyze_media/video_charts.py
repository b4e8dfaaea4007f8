"""Plotly figures of a video: every emotion over time."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from fer_core.escaping import escape_plotly
from fer_core.palette import emotion_color

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

TIMELINE_CONFIG: Final[dict[str, Any]] = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False}
"""Nothing to zoom: a click chooses a moment."""

_HEIGHT_PX: Final[int] = 340
_MARKER_PX: Final[int] = 5


def build_timeline_chart(timeline: "pd.DataFrame", classes: list[str], *, moment_s: float) -> "go.Figure":
    """One curve per emotion, in per cent over seconds, with a line at the chosen moment.

    Args:
        timeline: one face's lines of `fer_core.inference.timeline.compute_timeline`.
        classes: columns to draw.
        moment_s: where the line is.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    for name in classes:
        figure.add_scatter(
            x=timeline["time_s"],
            y=100 * timeline[name],
            name=escape_plotly(name),
            # Plotly lets people choose markers only, so every curve has some, however small.
            mode="lines+markers",
            line={"color": emotion_color(name), "width": 2},
            marker={"size": _MARKER_PX, "color": emotion_color(name)},
            selected={"marker": {"size": _MARKER_PX + 5}},
            unselected={"marker": {"opacity": 1}},
            hovertemplate="%{y:.0f} %",
        )
    figure.add_vline(x=moment_s, line={"width": 1.5, "dash": "dot", "color": "#8a8d91"})
    figure.update_layout(
        height=_HEIGHT_PX,
        margin={"l": 0, "r": 8, "t": 8, "b": 0},
        hovermode="x unified",
        clickmode="event+select",
        dragmode=False,
        legend={"orientation": "h", "y": -0.22, "x": 0},
        xaxis={"title": {"text": "seconds"}, "fixedrange": True, "hoverformat": ".2f", "showgrid": False},
        yaxis={"range": [-2, 102], "ticksuffix": " %", "fixedrange": True, "nticks": 6},
    )
    return figure


def chosen_moment(event: Mapping[str, Any] | None) -> float | None:
    """The time of the point that was chosen in the timeline, in seconds; None if none is."""
    points = ((event or {}).get("selection") or {}).get("points") or []
    return float(points[0]["x"]) if points else None
