"""The confusion matrix as a Plotly figure: the same on the page and in the exported report."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from fer_core.escaping import escape_plotly
from fer_core.evaluation.report import Report, normalise_confusion

if TYPE_CHECKING:
    import plotly.graph_objects as go

_CELL_PX: Final[int] = 32
_MARK_COLOR: Final[str] = "#e69f00"
_MARGIN: Final[dict[str, int]] = {"l": 0, "r": 8, "t": 40, "b": 0}


def build_matrix(
    report: Report,
    *,
    by: str = "truth",
    difference_to: Report | None = None,
    marked: tuple[int, int] | None = None,
    is_dark: bool = False,
    title: str = "",
) -> "go.Figure":
    """A confusion matrix whose cells can be clicked: unseen points lie on the heat map, which reports none.

    Args:
        report: whose matrix.
        by: `counts`, `truth` (rows sum to 1) or `prediction` (columns do): what the colour means.
        difference_to: show this report's matrix minus that one's instead; classes in the same order.
        marked: row and column of a cell that is outlined.
        is_dark: the page is dark.
        title: above the matrix.
    """
    import plotly.graph_objects as go

    counts = np.array(report.confusion)
    shares = _to_colors(counts, by)
    if difference_to is None:
        text = [f"{value:,}" if value else "" for value in counts.ravel()]
        colors, scale, limit = shares.ravel(), [[0, "rgba(0,114,178,0.08)"], [1, "#0072b2"]], (0.0, 1.0)
        text_color = [_text_color(value, is_dark=is_dark) for value in colors]
    else:
        change = counts - np.array(difference_to.confusion)
        text = [f"{value:+,}" if value else "" for value in change.ravel()]
        colors = (shares - _to_colors(np.array(difference_to.confusion), by)).ravel()
        widest = max(0.05, float(np.abs(colors).max()))
        scale, limit = [[0, "#0072b2"], [0.5, "rgba(128,128,128,0.12)"], [1, "#d55e00"]], (-widest, widest)
        text_color = [_text_color(abs(value) / widest, is_dark=is_dark) for value in colors]
    names = [escape_plotly(name) for name in report.classes]
    rows, columns = np.divmod(np.arange(counts.size), len(names))
    cells = go.Heatmap(
        x=names,
        y=names,
        z=colors.reshape(counts.shape),
        zmin=limit[0],
        zmax=limit[1],
        colorscale=scale,
        showscale=False,
        xgap=2,
        ygap=2,
        hoverinfo="skip",
    )
    points = go.Scatter(
        x=[names[column] for column in columns],
        y=[names[row] for row in rows],
        mode="markers+text",
        text=text,
        textfont={"size": 11, "color": text_color},
        marker={"symbol": "square", "size": _CELL_PX, "opacity": 0},
        hovertemplate="truth %{y}, predicted %{x}<br>%{text} images<extra></extra>",
    )
    figure = go.Figure([cells, points])
    if marked is not None:
        row, column = marked
        line = {"color": _MARK_COLOR, "width": 3}
        figure.add_shape(type="rect", x0=column - 0.5, x1=column + 0.5, y0=row - 0.5, y1=row + 0.5, line=line)
    axis: dict[str, Any] = {"fixedrange": True, "showgrid": False, "zeroline": False, "type": "category"}
    axis["dtick"] = 1
    figure.update_layout(
        title={"text": escape_plotly(title), "font": {"size": 14}},
        height=(_CELL_PX + 2) * len(names) + 130,
        margin=_MARGIN,
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


def _text_color(share: float, *, is_dark: bool) -> str:
    """Readable on a cell that is this far from empty to full."""
    return "white" if is_dark or share > 0.55 else "#1d232b"


def _to_colors(counts: npt.NDArray[Any], by: str) -> npt.NDArray[np.float64]:
    if by == "counts":
        return counts.astype(np.float64) / max(1, int(counts.max()))
    shares: npt.NDArray[np.float64] = np.nan_to_num(normalise_confusion(counts, by=by))
    return shares
