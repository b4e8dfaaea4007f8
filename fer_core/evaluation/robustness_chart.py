"""Accuracy by corruption and strength as a chart: a line per corruption and model, readable on a phone."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from fer_core.escaping import escape_plotly
from fer_core.evaluation.charts import MODEL_COLORS
from fer_core.evaluation.corruptions import CORRUPTIONS
from fer_core.evaluation.robustness_report import RobustnessReport

if TYPE_CHECKING:
    import plotly.graph_objects as go

_SIZES_PX: Final[tuple[int, ...]] = (7, 10, 13)
"""Marks grow with the strength."""
_SPREAD: Final[float] = 0.6
"""Share of a corruption's row that the models' lines take."""


def build_robustness_chart(reports: Mapping[str, RobustnessReport]) -> "go.Figure":
    """Accuracy at three strengths of every corruption, worst corruption of the first model on top.

    Args:
        reports: at least one, by model. A dotted line is the accuracy on the pictures as they are.
    """
    import plotly.graph_objects as go

    first = next(iter(reports.values()))
    order = sorted(
        (item for item in CORRUPTIONS if first.of(item.name)),
        key=lambda item: -first.of(item.name)[-1].accuracy,
    )
    figure = go.Figure()
    for index, (key, report) in enumerate(reports.items()):
        color = MODEL_COLORS[index % len(MODEL_COLORS)]
        offset = (index - (len(reports) - 1) / 2) * _SPREAD / len(reports)
        x: list[float | None] = []
        y: list[float | None] = []
        sizes: list[int] = []
        words: list[str] = []
        for place, item in enumerate(order):
            for row in report.of(item.name):
                x.append(row.accuracy)
                y.append(place - offset)
                sizes.append(_SIZES_PX[row.severity - 1])
                words.append(
                    f"{item.title}, {row.strength:g} ({item.unit}): {row.accuracy:.1%} of {row.n:,} faces"
                )
            x, y, sizes, words = [*x, None], [*y, None], [*sizes, 0], [*words, ""]  # ends the line
        figure.add_scatter(
            x=x,
            y=y,
            name=escape_plotly(key),
            mode="lines+markers",
            line={"color": color, "width": 2},
            marker={"size": sizes, "color": color, "opacity": 1},
            text=words,
            hovertemplate="%{text}<extra>" + escape_plotly(key) + "</extra>",
        )
        figure.add_vline(report.clean.accuracy, line={"color": color, "dash": "dot", "width": 1})
    figure.update_layout(
        title={"text": "Accuracy on corrupted images; larger marks are stronger", "font": {"size": 14}},
        height=90 + len(order) * (24 + 12 * len(reports)),
        margin={"l": 0, "r": 8, "t": 36, "b": 60},
        legend={"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0},
        xaxis={"tickformat": ".0%", "fixedrange": True, "range": [0, 1.01]},
        yaxis={
            "tickvals": list(range(len(order))),
            "ticktext": [f"{item.title} " for item in order],
            "range": [-0.6, len(order) - 0.4],
            "fixedrange": True,
            "zeroline": False,
        },
    )
    return figure
