"""Plotly figures of a study: the same on the page and in the report."""

from typing import TYPE_CHECKING, Final

from fer_core.escaping import escape_plotly
from fer_core.palette import emotion_color
from fer_core.studies.curves import HALF_WIDTH

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

_GROUP_COLORS: Final[tuple[str, ...]] = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#7f7f7f",
)  # fmt: skip
_DASHES: Final[tuple[str, ...]] = ("solid", "dash", "dot", "dashdot")
NOT_CLASSES: Final[tuple[str, ...]] = ("group", "time_s", "num_participants", "num_recordings")


def list_classes(table: "pd.DataFrame") -> list[str]:
    """The classes of a table of curves or groups."""
    return [name for name in map(str, table) if name not in NOT_CLASSES and not name.startswith(HALF_WIDTH)]


def build_curves(curves: "pd.DataFrame", label: str, *, around: str = "") -> "go.Figure":
    """One class over time, a line per group, and a band of the intervals where there are any.

    Args:
        curves: of `compute_curves`.
        label: the class.
        around: the code of the events that time is counted from; empty for the beginning.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    for number, (group, rows) in enumerate(curves.groupby("group")):
        color = _GROUP_COLORS[number % len(_GROUP_COLORS)]
        _add_band(figure, rows, label, color)
        figure.add_scatter(
            name=f"{escape_plotly(str(group))} (n = {rows['num_participants'].max()})",
            x=rows["time_s"],
            y=rows[label],
            mode="lines+markers" if len(rows) == 1 else "lines",
            line={
                "color": color,
                "dash": _DASHES[number // len(_GROUP_COLORS) % len(_DASHES)],
            },
            customdata=rows["num_participants"],
            hovertemplate="%{x:.1f} s: %{y:.1%}, %{customdata} participants",
        )
    if around:
        figure.add_vline(x=0, line={"color": "#858585", "dash": "dot"})
    figure.update_layout(
        title={"text": escape_plotly(f"apparent {label}"), "font": {"size": 14}},
        height=320,
        margin={"l": 0, "r": 8, "t": 36, "b": 0},
        legend={"orientation": "h", "y": -0.25, "x": 0},
        xaxis={"title": escape_plotly(f"seconds from {around}") if around else "seconds", "fixedrange": True},
        yaxis={"tickformat": "~%", "rangemode": "tozero", "fixedrange": True},
        showlegend=True,
    )
    return figure


def _add_band(figure: "go.Figure", rows: "pd.DataFrame", label: str, color: str) -> None:
    """The intervals of each point, where there are any, within 0 and 1."""
    known = rows.dropna(subset=[HALF_WIDTH + label])
    if known.empty:
        return
    edges = [
        (known[label] + sign * known[HALF_WIDTH + label]).clip(0, 1).tolist()[::sign] for sign in (1, -1)
    ]
    figure.add_scatter(
        x=[*known["time_s"], *known["time_s"][::-1]],
        y=[*edges[0], *edges[1]],
        fill="toself",
        fillcolor=color,
        opacity=0.18,
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
        showlegend=False,
    )


def build_group_bars(groups: "pd.DataFrame") -> "go.Figure":
    """The mean share of each class, a bar per group; classes in their own colours."""
    import plotly.graph_objects as go

    figure = go.Figure()
    names = [f"{escape_plotly(str(row.group))} (n = {row.num_participants})" for row in groups.itertuples()]
    for label in list_classes(groups):
        figure.add_bar(
            name=escape_plotly(label),
            y=names,
            x=groups[label],
            orientation="h",
            marker_color=emotion_color(label),
            hovertemplate="%{x:.1%}<extra>" + escape_plotly(label) + "</extra>",
        )
    figure.update_layout(
        height=110 + 36 * len(names),
        barmode="stack",
        margin={"l": 0, "r": 8, "t": 8, "b": 0},
        legend={"orientation": "h", "y": -0.3, "x": 0, "traceorder": "normal"},
        xaxis={"tickformat": ".0%", "range": [0, 1], "fixedrange": True},
        yaxis={"fixedrange": True, "ticksuffix": "  ", "autorange": "reversed"},
    )
    return figure
