"""Figures of the Models page."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from fer_core.escaping import escape_plotly
from fer_core.exchange.facts import ModelFacts, ModelKind

if TYPE_CHECKING:
    import plotly.graph_objects as go

_COLORS: Final[dict[ModelKind, str]] = {
    ModelKind.SHIPPED: "#0072b2",
    ModelKind.IMPORTED: "#cc79a7",
    ModelKind.TRAINED: "#009e73",
}
_MAX_LABELS: Final[int] = 12


def build_size_scatter(models: Sequence[ModelFacts]) -> "go.Figure":
    """Accuracy in per cent against parameters (logarithmic), coloured by origin."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for kind, color in _COLORS.items():
        part = [facts for facts in models if facts.kind is kind]
        if not part:
            continue
        figure.add_scatter(
            x=[facts.entry.info.num_parameters for facts in part],
            y=[100 * facts.figures["accuracy"] for facts in part],
            text=[escape_plotly(facts.title) for facts in part],
            mode="markers+text" if len(models) <= _MAX_LABELS else "markers",
            textposition="top center",
            marker={"size": 11, "color": color},
            name={"trained": "trained here"}.get(kind, str(kind)),
            hovertemplate="%{text}<br>%{x:,} parameters<br>%{y:.2f} %<extra></extra>",
            cliponaxis=False,
        )
    figure.update_layout(
        height=340,
        margin={"l": 0, "r": 40, "t": 24, "b": 0},
        xaxis={"type": "log", "title": {"text": "parameters"}, "fixedrange": True, "dtick": 1},
        yaxis={"title": {"text": "accuracy, %"}, "fixedrange": True},
        legend={"orientation": "h", "y": -0.25, "x": 0},
        showlegend=True,
    )
    return figure


def build_layer_bars(layers: Sequence[dict[str, Any]]) -> "go.Figure":
    """Parameters of the network's direct parts, in the order in which they compute."""
    import plotly.graph_objects as go

    parts = list(layers)[::-1]  # plotly draws the first category at the bottom
    figure = go.Figure(
        go.Bar(
            x=[part["parameters"] for part in parts],
            y=[escape_plotly(part["name"]) for part in parts],
            orientation="h",
            marker_color="#0072b2",
            text=[f"{part['parameters']:,}" for part in parts],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:,} parameters<extra></extra>",
        )
    )
    figure.update_layout(
        height=28 * len(parts) + 40,
        margin={"l": 0, "r": 80, "t": 8, "b": 0},
        xaxis={"visible": False, "fixedrange": True},
        yaxis={"fixedrange": True, "ticksuffix": "  ", "type": "category"},
        bargap=0.3,
    )
    return figure
