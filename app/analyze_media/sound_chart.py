"""The timeline of a voice."""

from typing import TYPE_CHECKING, Any

import numpy as np

from fer_core.escaping import escape_plotly
from fer_core.palette import UNKNOWN_COLOR, emotion_color
from fer_core.sound.tables import FIXED_COLUMNS

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


def build_voice_chart(table: "pd.DataFrame", duration_s: float) -> "go.Figure":
    """Stacked probabilities over time, with a gap where nobody speaks and a band below where somebody does.

    Args:
        table: as `sound.tables.write_vocal_table` writes it.
        duration_s: of the sound.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    middles, widths = (table["start_s"] + table["end_s"]) / 2, table["end_s"] - table["start_s"]
    for name in [column for column in table.columns if column not in FIXED_COLUMNS]:
        bars: dict[str, Any] = {"x": middles, "y": 100 * table[name].astype(float), "width": widths}
        figure.add_bar(
            **bars,
            name=escape_plotly(name),
            marker={"color": emotion_color(name), "line": {"width": 0}},
            hovertemplate=f"{escape_plotly(name)} %{{y:.0f}} %<extra></extra>",
        )
    figure.add_bar(
        x=middles,
        y=np.full(len(table), -6),
        width=widths,
        name="speech",
        marker={"color": UNKNOWN_COLOR, "line": {"width": 0}},
        hovertemplate="speech<extra></extra>",
    )
    figure.update_layout(
        barmode="relative",
        height=190,
        margin={"l": 0, "r": 8, "t": 4, "b": 4},
        legend={"orientation": "h", "y": -0.25},
        xaxis={"range": [0, duration_s], "ticksuffix": " s", "fixedrange": True},
        yaxis={"range": [-8, 106], "ticksuffix": " %", "fixedrange": True, "tickvals": [0, 50, 100]},
    )
    return figure
