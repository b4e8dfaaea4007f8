"""Plotly figures that pages share. Emotions have the same colours everywhere."""

from typing import TYPE_CHECKING, Any, Final

from fer_core.escaping import escape_plotly
from fer_core.palette import UNKNOWN_COLOR, emotion_color
from fer_core.types import Prediction

if TYPE_CHECKING:
    import plotly.graph_objects as go

STATIC_CONFIG: Final[dict[str, Any]] = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False}
"""Plotly settings of a chart that is only read: nothing to zoom by accident while scrolling a phone."""

_ROW_PX: Final[int] = 24


def build_probability_bars(prediction: Prediction, *, uncertain: bool = False) -> "go.Figure":
    """Horizontal bars of all classes, most probable on top, each with its name and per cent.

    Args:
        prediction: what to show.
        uncertain: grey the bars out, as the overlay does.
    """
    import plotly.graph_objects as go

    ranked = prediction.ranked()[::-1]  # plotly draws the first category at the bottom
    names = [escape_plotly(name) for name, _ in ranked]
    values = [100 * value for _, value in ranked]
    figure = go.Figure(
        go.Bar(
            x=values,
            y=names,
            orientation="h",
            marker_color=[UNKNOWN_COLOR if uncertain else emotion_color(name) for name, _ in ranked],
            text=[f"{value:.0f} %" if value >= 1 else "< 1 %" for value in values],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.1f} %<extra></extra>",
        )
    )
    figure.update_layout(
        height=_ROW_PX * len(names) + 8,
        margin={"l": 0, "r": 8, "t": 4, "b": 4},
        bargap=0.3,
        showlegend=False,
        xaxis={"range": [0, 118], "visible": False, "fixedrange": True},
        yaxis={"fixedrange": True, "ticksuffix": "  ", "showgrid": False},
    )
    return figure


def describe_prediction(prediction: Prediction, *, top_k: int = 3) -> str:
    """The chart in words, for people who do not see it."""
    shares = ", ".join(f"{name} {100 * value:.0f} %" for name, value in prediction.ranked()[:top_k])
    return f"Apparent expression: {shares}"
