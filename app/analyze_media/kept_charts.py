"""Plotly figures of kept analyses."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from fer_core.escaping import escape_plotly
from fer_core.palette import emotion_color

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

_PATTERNS: Final[tuple[str, ...]] = ("", "/", "x", ".", "-", "+")
"""Which analysis a bar is of: the colour says which expression."""
_ROW_PX: Final[int] = 18


def build_share_bars(shares: "pd.DataFrame", names: Sequence[str]) -> "go.Figure":
    """Horizontal bars of every class, in groups of one bar per analysis, the largest share on top.

    Args:
        shares: fractions, one line per class and one column per analysis.
        names: of the analyses.
    """
    import plotly.graph_objects as go

    ordered = shares.loc[shares.max(axis=1).sort_values(kind="stable").index]
    colors = [emotion_color(str(label)) for label in ordered.index]
    figure = go.Figure()
    for number, (column, name) in reversed(list(enumerate(zip(ordered.columns, names, strict=True)))):
        values = 100 * ordered[column]
        figure.add_bar(
            x=values,
            y=[escape_plotly(label) for label in ordered.index],
            name=escape_plotly(name),
            orientation="h",
            marker={
                "color": colors,
                "pattern": {"shape": _PATTERNS[number % len(_PATTERNS)], "solidity": 0.35},
            },
            text=["" if value != value else f"{value:.0f} %" for value in values],  # noqa: PLR0124 - NaN
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.1f} %<extra>%{fullData.name}</extra>",
        )
    figure.update_layout(
        height=(_ROW_PX * len(names) + 14) * len(ordered) + 60,
        margin={"l": 0, "r": 8, "t": 4, "b": 4},
        barmode="group",
        bargap=0.25,
        showlegend=len(names) > 1,
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0, "traceorder": "reversed"},
        xaxis={"range": [0, 118], "visible": False, "fixedrange": True},
        yaxis={"fixedrange": True, "ticksuffix": "  ", "showgrid": False},
    )
    return figure


def build_time_chart(timeline: "pd.DataFrame", classes: Sequence[str]) -> "go.Figure":
    """One curve per class, in per cent over seconds.

    Args:
        timeline: `time_s`, and a column of fractions per class.
        classes: these columns.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    for name in classes:
        figure.add_scatter(
            x=timeline["time_s"],
            y=100 * timeline[name],
            name=escape_plotly(name),
            mode="lines",
            line={"color": emotion_color(name), "width": 2},
            hovertemplate="%{y:.0f} %",
        )
    axis: dict[str, Any] = {"fixedrange": True, "showgrid": False}
    figure.update_layout(
        height=300,
        margin={"l": 0, "r": 8, "t": 8, "b": 0},
        hovermode="x unified",
        legend={"orientation": "h", "y": -0.25, "x": 0},
        xaxis={"title": {"text": "seconds"}, "hoverformat": ".2f", **axis},
        yaxis={"range": [-2, 102], "ticksuffix": " %", "fixedrange": True, "nticks": 6},
    )
    return figure
