"""The confusion matrix as a Plotly figure: the same on the page and in the exported report."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from fer_core.escaping import escape_plotly
from fer_core.evaluation.report import normalise_confusion

if TYPE_CHECKING:
    import plotly.graph_objects as go

_CELL_PX: Final[int] = 32
_MARK_COLOR: Final[str] = "#e69f00"
_ON_PALE: Final[str] = "#1d232b"
"""Of numbers on pale cells; on a page `app.shared.page_header` gives them the text colour of the theme."""
_FULL: Final[float] = 0.55
"""Of the strongest colour: white numbers are readable on more."""


def build_matrix(
    confusion: npt.ArrayLike,
    classes: Sequence[str],
    *,
    by: str = "truth",
    difference_to: npt.ArrayLike | None = None,
    marked: tuple[int, int] | None = None,
    title: str = "",
) -> "go.Figure":
    """A confusion matrix whose cells can be clicked: unseen points lie on the heat map, which reports none.

    Args:
        confusion: K x K counts; rows are the truth.
        classes: K names.
        by: `counts`, `truth` (rows sum to 1) or `prediction` (columns do): what the colour means.
        difference_to: show the counts minus these instead; classes in the same order.
        marked: row and column of a cell that is outlined.
        title: above the matrix.
    """
    import plotly.graph_objects as go

    counts = np.asarray(confusion)
    colors = _to_colors(counts, by)
    if difference_to is None:
        numbers = [f"{value:,}" if value else "" for value in counts.ravel()]
        scale, limit = [[0, "rgba(0,114,178,0.08)"], [1, "#0072b2"]], (0.0, 1.0)
    else:
        numbers = [f"{value:+,}" if value else "" for value in (counts - np.asarray(difference_to)).ravel()]
        colors = colors - _to_colors(np.asarray(difference_to), by)
        widest = max(0.05, float(np.abs(colors).max()))
        scale = [[0, "#0072b2"], [0.5, "rgba(128,128,128,0.12)"], [1, "#d55e00"]]
        limit = (-widest, widest)
    names = [escape_plotly(name) for name in classes]
    rows, columns = np.divmod(np.arange(counts.size), len(names))
    cells = go.Heatmap(
        x=names,
        y=names,
        z=colors,
        zmin=limit[0],
        zmax=limit[1],
        colorscale=scale,
        showscale=False,
        xgap=2,
        ygap=2,
        hoverinfo="skip",
    )
    place: dict[str, Any] = {
        "x": [names[column] for column in columns],
        "y": [names[row] for row in rows],
    }
    is_full = np.abs(colors).ravel() > _FULL * limit[1]
    texts = [
        go.Scatter(
            **place,
            mode="text",
            text=np.where(is_full == on_full, numbers, ""),
            textfont={"size": 11, "color": color},
            hoverinfo="skip",
        )
        for color, on_full in ((_ON_PALE, False), ("white", True))
    ]
    points = go.Scatter(
        **place,
        mode="markers",
        text=numbers,
        marker={"symbol": "square", "size": _CELL_PX, "opacity": 0},
        hovertemplate="truth %{y}, predicted %{x}<br>%{text} images<extra></extra>",
    )
    figure = go.Figure([cells, *texts, points])
    if marked is not None:
        row, column = marked
        line = {"color": _MARK_COLOR, "width": 3}
        figure.add_shape(type="rect", x0=column - 0.5, x1=column + 0.5, y0=row - 0.5, y1=row + 0.5, line=line)
    axis: dict[str, Any] = {"fixedrange": True, "showgrid": False, "zeroline": False, "type": "category"}
    axis["dtick"] = 1
    figure.update_layout(
        title={"text": escape_plotly(title), "font": {"size": 14}},
        height=(_CELL_PX + 2) * len(names) + (130 if title else 98),
        margin={"l": 0, "r": 8, "t": 40 if title else 8, "b": 0},
        showlegend=False,
        xaxis={
            **axis,
            "title": {"text": "predicted"},
            "tickangle": -45,
            "range": [-0.5, len(names) - 0.5],
        },
        yaxis={
            **axis,
            "title": {"text": "truth"},
            "ticksuffix": " ",
            "range": [len(names) - 0.5, -0.5],
        },
        dragmode=False,
        clickmode="event+select",
    )
    return figure


def _to_colors(counts: npt.NDArray[Any], by: str) -> npt.NDArray[np.float64]:
    if by == "counts":
        return counts.astype(np.float64) / max(1, int(counts.max()))
    shares: npt.NDArray[np.float64] = np.nan_to_num(normalise_confusion(counts, by=by))
    return shares
