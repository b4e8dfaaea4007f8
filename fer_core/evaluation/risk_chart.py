"""The risk-coverage curve as a Plotly figure."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fer_core.escaping import escape_plotly
from fer_core.evaluation.charts import MODEL_COLORS

if TYPE_CHECKING:
    import plotly.graph_objects as go


def build_risk_coverage(risks: Mapping[str, Mapping[str, Mapping[str, Any]]], title: str) -> "go.Figure":
    """Accuracy of the surest faces against their share.

    Args:
        risks: by name of the line, `by_expected` and `by_confidence`: a `RiskCoverage` as plain values each.
        title: of the figure.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    for number, (key, both) in enumerate(risks.items()):
        for kind, words, dash in (
            ("by_expected", "by expected correctness", "solid"),
            ("by_confidence", "by confidence", "dot"),
        ):
            figure.add_scatter(
                x=both[kind]["coverage"],
                y=both[kind]["accuracy"],
                name=escape_plotly(f"{key}, {words}"),
                mode="lines",
                line={"color": MODEL_COLORS[number % len(MODEL_COLORS)], "dash": dash},
                hovertemplate="surest %{x:.0%}: right %{y:.1%}<extra></extra>",
            )
    figure.update_layout(
        title={"text": escape_plotly(title), "font": {"size": 14}},
        height=380,
        margin={"l": 0, "r": 8, "t": 36, "b": 0},
        legend={"orientation": "h", "y": -0.25, "x": 0},
        xaxis={
            "title": {"text": "share of the faces, surest first"},
            "tickformat": ".0%",
            "range": [0, 1.01],
        },
        yaxis={"title": {"text": "right"}, "tickformat": ".0%", "range": [0, 1.01]},
    )
    return figure
