"""Benchmark rows as a table and as a chart."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fer_core.escaping import escape_plotly
from fer_core.export.benchmark import BenchmarkRow

if TYPE_CHECKING:
    import pandas as pd
    from plotly.graph_objects import Figure


def build_benchmark_frame(rows: Sequence[BenchmarkRow]) -> "pd.DataFrame":
    """One row per measurement, columns as in `BenchmarkRow`."""
    import pandas as pd

    return pd.DataFrame([dataclasses.asdict(row) for row in rows])


def build_benchmark_figure(rows: Sequence[BenchmarkRow]) -> "Figure":
    """Milliseconds per face by batch size, a line per contestant and thread count, with the quartiles."""
    import plotly.graph_objects as go

    figure = go.Figure()
    names = list(dict.fromkeys(_name(row) for row in rows))
    for name in names:
        own = [row for row in rows if _name(row) == name]
        figure.add_scatter(
            x=[row.batch_size for row in own],
            y=[row.median_ms / row.batch_size for row in own],
            name=escape_plotly(name),
            mode="lines+markers",
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [(row.high_ms - row.median_ms) / row.batch_size for row in own],
                "arrayminus": [(row.median_ms - row.low_ms) / row.batch_size for row in own],
            },
            customdata=[[row.faces_per_s, row.speed_ratio] for row in own],
            hovertemplate="%{y:.3f} ms per face<br>%{customdata[0]:,.0f} faces/s<br>"
            "%{customdata[1]:.2f} x the first<extra>%{fullData.name}, batch %{x}</extra>",
        )
    figure.update_xaxes(title="Faces at once", type="log", tickvals=sorted({row.batch_size for row in rows}))
    figure.update_yaxes(title="Milliseconds per face", type="log")
    figure.update_layout(legend={"orientation": "h", "y": -0.25}, margin={"t": 20})
    return figure


def _name(row: BenchmarkRow) -> str:
    return f"{row.model}, {row.runtime} {row.precision}, {row.threads} thread{'s' * (row.threads > 1)}"
