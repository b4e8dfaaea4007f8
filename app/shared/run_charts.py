"""Plotly figures of a run. Training is grey-blue and validation orange, on every chart."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from app.shared.run_data import find_best
from fer_core.escaping import escape_plotly
from fer_core.runs.records import EpochRecord, GradientRecord, LayerNorms, StepRecord

if TYPE_CHECKING:
    import plotly.graph_objects as go

TRAIN_COLOR: Final[str] = "#56b4e9"
VALID_COLOR: Final[str] = "#e69f00"
OTHER_COLOR: Final[str] = "#009e73"
BEST_COLOR: Final[str] = "#d55e00"
_HEIGHT_PX: Final[int] = 300
_SMALL_PX: Final[int] = 220
_ROW_PX: Final[int] = 16
_MAX_STEPS_DRAWN: Final[int] = 500


def smooth(values: Sequence[float | None], weight: float) -> list[float | None]:
    """Exponential moving average without the pull towards zero at the start (as in TensorBoard).

    Args:
        values: one per epoch; None where there is none.
        weight: of what came before, 0 to less than 1.

    Examples:
        >>> smooth([1.0, None, 3.0], 0.5)
        [1.0, None, 2.3333333333333335]
    """
    average, norm = 0.0, 0.0
    smoothed: list[float | None] = []
    for value in values:
        if value is None:
            smoothed.append(None)
            continue
        average = weight * average + (1 - weight) * value
        norm = weight * norm + (1 - weight)
        smoothed.append(average / norm)
    return smoothed


def build_curves(
    records: Sequence[EpochRecord],
    curves: Mapping[str, tuple[str, str]],
    *,
    title: str,
    smoothing: float = 0.0,
    as_percent: bool = False,
    height_px: int = _HEIGHT_PX,
    num_epochs: int | None = None,
    is_log: bool = False,
) -> "go.Figure":
    """Curves over the epochs; with smoothing the raw values stay behind them, faintly.

    Args:
        records: one per epoch.
        curves: key of the record to (name, colour).
        title: above the chart.
        smoothing: weight of `smooth`.
        as_percent: the values are fractions, shown in per cent.
        height_px: of the chart.
        num_epochs: end of the axis; the last epoch if None.
        is_log: logarithmic values.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    epochs = [record.epoch for record in records]
    for key, (name, color) in curves.items():
        raw = [_scale(getattr(record, key), as_percent) for record in records]
        if smoothing:
            figure.add_scatter(
                x=epochs,
                y=raw,
                mode="lines",
                line={"color": color, "width": 1},
                opacity=0.35,
                showlegend=False,
                hoverinfo="skip",
            )
        figure.add_scatter(
            x=epochs,
            y=smooth(raw, smoothing) if smoothing else raw,
            name=name,
            mode="lines+markers" if len(epochs) < 40 else "lines",
            line={"color": color, "width": 2},
            marker={"size": 5},
            hovertemplate="%{y:.1f} %" if as_percent else "%{y:.4g}",
        )
    _mark_best(figure, records, curves, as_percent=as_percent)
    figure.update_layout(
        title={"text": title, "font": {"size": 15}, "x": 0, "xanchor": "left", "y": 0.98},
        height=height_px,
        margin={"l": 0, "r": 8, "t": 40, "b": 0},
        hovermode="x unified",
        dragmode=False,
        showlegend=len(curves) > 1,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"},
        xaxis={"title": {"text": "epoch"}, "fixedrange": True, "showgrid": False, "rangemode": "tozero"},
        yaxis={"fixedrange": True, "ticksuffix": " %" if as_percent else "", "nticks": 6},
    )
    last = max([num_epochs or 1, *epochs])
    figure.update_xaxes(range=[0.5, last + 0.5], dtick=None if last > 12 else 1)
    if is_log:
        figure.update_yaxes(type="log", exponentformat="power", dtick=1)
    return figure


def add_steps(
    figure: "go.Figure",
    steps: Sequence[StepRecord],
    num_steps: int,
    curves: Mapping[str, tuple[str, str]],
    *,
    smoothing: float = 0.0,
    as_percent: bool = False,
) -> None:
    """Draw the training within the epochs, faintly, into a chart over the epochs; its axis ends there.

    Args:
        figure: made by `build_curves`.
        steps: at least one.
        num_steps: of an epoch.
        curves: as for `build_curves`; those that steps do not know are skipped.
        smoothing: as for `build_curves`.
        as_percent: as for `build_curves`.
    """
    places = [step.epoch - 1 + step.step / num_steps for step in steps]
    every = max(1, len(places) // _MAX_STEPS_DRAWN)
    for key, (name, color) in curves.items():
        if not hasattr(StepRecord, key):
            continue
        values = smooth([_scale(getattr(step, key), as_percent) for step in steps], smoothing)
        figure.add_scatter(
            x=places[::every],
            y=values[::every],
            name=f"{name}, by step",
            mode="lines+markers" if len(places) < 3 else "lines",
            line={"color": color, "width": 1},
            marker={"size": 4},
            opacity=0.6,
            hovertemplate="%{y:.1f} %" if as_percent else "%{y:.4g}",
        )
    end = max([places[-1], *(epoch for trace in figure.data for epoch in trace.x)])
    figure.update_xaxes(range=[0, 1.02 * end], dtick=None)


def _mark_best(
    figure: "go.Figure", records: Sequence[EpochRecord], curves: Mapping[str, object], *, as_percent: bool
) -> None:
    """A star where the best epoch is, on curves of the validation."""
    best = find_best(records)
    for key in curves:
        value = _scale(getattr(best, key), as_percent) if best else None
        if best is not None and value is not None and key.startswith("valid_"):
            figure.add_scatter(
                x=[best.epoch],
                y=[value],
                mode="markers",
                marker={"symbol": "star", "size": 12, "color": BEST_COLOR},
                showlegend=False,
                hovertemplate="best epoch<extra></extra>",
            )
            return


def _scale(value: float | None, as_percent: bool) -> float | None:
    return 100 * value if as_percent and value is not None else value


def build_small_curve(records: Sequence[EpochRecord], key: str, title: str, **options: Any) -> "go.Figure":
    """One curve of a side figure, such as the learning rate."""
    return build_curves(records, {key: (title, OTHER_COLOR)}, title=title, height_px=_SMALL_PX, **options)


def build_gradient_map(records: Sequence[GradientRecord]) -> "go.Figure":
    """Norm of every layer's gradient over the epochs, on a logarithmic scale; the input is on top.

    Args:
        records: of gradients.jsonl, at least one.
    """
    import plotly.graph_objects as go

    layers = list(dict.fromkeys(name for record in records for name in record.layers))
    layers.sort(key=_is_head)  # the head is made first and works last
    norms = [[_gradient_norm(record, layer) for record in records] for layer in layers]
    exponents = [[math.log10(value) if value else None for value in row] for row in norms]
    shown = [value for row in exponents for value in row if value is not None]
    low, high = (math.floor(min(shown)), math.ceil(max(shown))) if shown else (-1, 0)
    high = max(high, low + 1)
    ticks = list(range(low, high + 1, max(1, (high - low) // 6)))
    figure = go.Figure(
        go.Heatmap(
            x=[record.epoch for record in records],
            y=[escape_plotly(layer) for layer in layers],
            z=exponents,
            customdata=norms,
            zmin=low,
            zmax=high,
            colorscale="Viridis",
            colorbar={
                "tickvals": ticks,
                "ticktext": [f"10<sup>{tick}</sup>" for tick in ticks],
                "thickness": 12,
                "outlinewidth": 0,
            },
            hovertemplate="%{y}<br>epoch %{x}: %{customdata:.3g}<extra></extra>",
            hoverongaps=False,
        )
    )
    figure.update_layout(
        height=min(900, 70 + _ROW_PX * max(6, len(layers))),
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        dragmode=False,
        xaxis={"title": {"text": "epoch"}, "fixedrange": True, "showgrid": False},
        yaxis={"autorange": "reversed", "fixedrange": True, "showgrid": False, "tickfont": {"size": 10}},
    )
    figure.update_xaxes(dtick=1 if len(records) <= 12 else None)
    return figure


def _is_head(layer: str) -> bool:
    return layer.partition(".")[0] == "classifier"


def _gradient_norm(record: GradientRecord, layer: str) -> float | None:
    return record.layers.get(layer, LayerNorms()).gradient_norm or None
