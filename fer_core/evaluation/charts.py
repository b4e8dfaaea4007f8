"""Plotly figures of a comparison: the same on the page and in the exported report."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fer_core.escaping import escape_plotly
from fer_core.evaluation.comparison import find_pareto
from fer_core.evaluation.figures import Figure
from fer_core.evaluation.metrics import METRICS
from fer_core.evaluation.paired import PairedResult, format_p
from fer_core.evaluation.report import Report, list_class_figures
from fer_core.runs.records import EpochRecord

if TYPE_CHECKING:
    import plotly.graph_objects as go

MODEL_COLORS: Final[tuple[str, ...]] = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#7f7f7f",
)  # fmt: skip
"""Okabe and Ito's palette: told apart by colour-blind people too."""
_MARGIN: Final[dict[str, int]] = {"l": 0, "r": 8, "t": 36, "b": 0}
_ERROR_COLOR: Final[str] = "#858585"
"""Of error bars: seen on white, on black and on every colour of the palette."""
_LEGEND: Final[dict[str, Any]] = {"orientation": "h", "y": -0.25, "x": 0}


def build_class_bars(reports: Mapping[str, Report], kind: str = "recall", *, title: str = "") -> "go.Figure":
    """Bars of one figure a class and model, with their intervals."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for key, color in zip(reports, _cycle(len(reports)), strict=True):
        report = reports[key]
        figures = list_class_figures(report, kind)
        values = np.array([item.value for item in figures])
        figure.add_bar(
            name=escape_plotly(key),
            x=[escape_plotly(name) for name in report.classes],
            y=values,
            marker_color=color,
            error_y=_error_bars(figures),
            customdata=[escape_plotly(item.reason) for item in figures],
            hovertemplate="%{x}: %{y:.3f}<br>%{customdata}<extra>" + escape_plotly(key) + "</extra>",
        )
    figure.update_layout(
        title={"text": escape_plotly(title or kind), "font": {"size": 14}},
        height=340,
        barmode="group",
        margin=_MARGIN,
        legend=_LEGEND,
        yaxis={"range": [0, 1.02], "fixedrange": True},
        xaxis={"fixedrange": True},
    )
    return figure


def build_agreement_bars(reports: Mapping[str, Report]) -> "go.Figure":
    """Accuracy by how far the annotators agreed on an image, as the reports hold it."""
    bands = {
        key: {
            name.partition(".")[2]: item
            for name, item in report.figures.items()
            if name.startswith("agreement.")
        }
        for key, report in reports.items()
    }
    return build_group_bars(bands, "accuracy", title="Accuracy by annotators who agree")


def build_group_bars(
    models: Mapping[str, Mapping[str, Figure]], figure_name: str, *, title: str, small_below: int = 0
) -> "go.Figure":
    """A figure of every group of images, a bar per group and model, with intervals and numbers of images.

    Args:
        models: by model, its figures by group; every model has the same groups.
        figure_name: a key of `METRICS`.
        title: of the chart.
        small_below: bars that rest on fewer images are pale.
    """
    import plotly.graph_objects as go

    metric = METRICS[figure_name]
    shown = "%{y:.1%}" if metric.is_percent else "%{y:.3f}"
    figure = go.Figure()
    for key, color in zip(models, _cycle(len(models)), strict=True):
        items = list(models[key].values())
        figure.add_bar(
            name=escape_plotly(key),
            x=[f"{escape_plotly(name)}<br>n = {item.n:,}" for name, item in models[key].items()],
            y=[item.value for item in items],
            marker={"color": color, "opacity": [0.4 if item.n < small_below else 1.0 for item in items]},
            error_y=_error_bars(items),
            customdata=[[item.n, item.low, item.high] for item in items],
            hovertemplate=f"%{{x}}: {shown}, 95 % interval {shown.replace('y', 'customdata[1]')} to "
            f"{shown.replace('y', 'customdata[2]')}<extra>{escape_plotly(key)}</extra>",
        )
    axis: dict[str, Any] = {"fixedrange": True, "rangemode": "tozero"}
    if not metric.lower_is_better:
        axis["range"] = [0, 1.02]
    if metric.is_percent:
        axis["tickformat"] = ".0%"
    figure.update_layout(
        title={"text": escape_plotly(title), "font": {"size": 14}},
        height=360,
        barmode="group",
        margin=_MARGIN,
        legend={**_LEGEND, "y": -0.3},
        yaxis=axis,
        xaxis={"fixedrange": True, "type": "category"},
    )
    return figure


def build_differences(results: Sequence[PairedResult]) -> "go.Figure":
    """Difference in accuracy to the baseline in points, with its interval, a row per model."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for is_real, name, color in (
        (True, "real", MODEL_COLORS[0]),
        (False, "may be chance", "#999"),
    ):
        group = [item for item in results if item.is_real == is_real]
        items = [item.differences["accuracy"] for item in group]
        figure.add_scatter(
            x=[100 * item.value for item in items],
            y=[escape_plotly(item.key) for item in group],
            name=name,
            mode="markers+text",
            text=[f"{100 * item.value:+.2f}" for item in items],
            textposition="top center",
            marker={"color": color, "size": 10},
            error_x=_error_bars(items, scale=100) | {"thickness": 2, "width": 5, "color": color},
            customdata=[format_p(item.adjusted_p) for item in group],
            hovertemplate="%{x:+.2f} points, p %{customdata}<extra>%{y}</extra>",
        )
    figure.add_vline(0, line={"color": "#999", "dash": "dot", "width": 1})
    figure.update_layout(
        title={"text": f"Accuracy against {escape_plotly(results[0].baseline)}", "font": {"size": 14}},
        height=170 + 40 * len(results),
        margin={**_MARGIN, "b": 90},
        legend={"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0},
        xaxis={"title": {"text": "points of accuracy, with the 95 % interval"}, "fixedrange": True},
        yaxis={
            "type": "category",
            "categoryorder": "array",
            "categoryarray": [escape_plotly(item.key) for item in reversed(results)],
            "fixedrange": True,
            "ticksuffix": " ",
        },
    )
    return figure


def _error_bars(figures: Sequence[Figure], *, scale: float = 1.0) -> dict[str, Any]:
    return {
        "type": "data",
        "array": [scale * (item.high - item.value) for item in figures],
        "arrayminus": [scale * (item.value - item.low) for item in figures],
        "thickness": 1,
        "width": 3,
        "color": _ERROR_COLOR,
    }


def build_overlay(reports: Mapping[str, Report], kind: str, class_name: str) -> "go.Figure":
    """The ROC (`roc`) or precision-recall (`pr`) curves of one class, one line per model."""
    import plotly.graph_objects as go

    figure = go.Figure()
    area = "roc_auc" if kind == "roc" else "average_precision"
    for key, color in zip(reports, _cycle(len(reports)), strict=True):
        curve = reports[key].curves[kind][class_name]
        value = reports[key].figures[f"{area}.{class_name}"].value
        shape = "linear" if kind == "roc" else "vh"
        figure.add_scatter(
            x=curve["x"],
            y=curve["y"],
            name=f"{escape_plotly(key)} ({value:.3f})",
            mode="lines",
            line={"color": color, "shape": shape},
        )
    if kind == "roc":
        figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=_CHANCE, showlegend=False, hoverinfo="skip")
    titles = ("false-positive rate", "true-positive rate") if kind == "roc" else ("recall", "precision")
    name = "ROC (area)" if kind == "roc" else "Precision-recall (average precision)"
    return _square(figure, f"{name}: {class_name}", *titles)


_CHANCE: Final[dict[str, Any]] = {"color": "#999", "dash": "dot", "width": 1}


def build_reliability(reports: Mapping[str, Report], variant: str = "as predicted") -> "go.Figure":
    """Confidence against accuracy, one line per model; the diagonal is perfect calibration."""
    curves = {key: report.reliability[variant] for key, report in reports.items()}
    return build_reliability_curves(curves, f"Calibration, {variant}")


def build_reliability_curves(curves: Mapping[str, Mapping[str, list[float]]], title: str) -> "go.Figure":
    """Confidence against accuracy by name of the line; bins as in `Report.reliability`."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for key, color in zip(curves, _cycle(len(curves)), strict=True):
        bins = curves[key]
        figure.add_scatter(
            x=bins["confidence"],
            y=bins["accuracy"],
            name=escape_plotly(key),
            mode="lines+markers",
            line={"color": color},
            customdata=bins["n"],
            hovertemplate="confidence %{x:.2f}, right %{y:.2f}<br>%{customdata:,} images<extra></extra>",
        )
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=_CHANCE, showlegend=False, hoverinfo="skip")
    return _square(figure, title, "confidence", "accuracy")


def _square(figure: "go.Figure", title: str, x_title: str, y_title: str) -> "go.Figure":
    figure.update_layout(
        title={"text": escape_plotly(title), "font": {"size": 14}},
        height=380,
        margin=_MARGIN,
        legend=_LEGEND,
        xaxis={"title": {"text": x_title}, "range": [0, 1.01]},
        yaxis={"title": {"text": y_title}, "range": [0, 1.01]},
    )
    return figure


def build_cost_scatter(reports: Mapping[str, Report], costs: Mapping[str, float], title: str) -> "go.Figure":
    """Accuracy against what it costs, bubbles by size, with the Pareto line.

    Args:
        reports: by model.
        costs: above 0, by model; those without one are left out.
        title: what is counted.
    """
    import plotly.graph_objects as go

    known = {key: item for key, item in reports.items() if key in costs}
    points = {key: (float(costs[key]), item.figures["accuracy"].value) for key, item in known.items()}
    line = find_pareto(points)
    figure = go.Figure()
    figure.add_scatter(
        x=[points[key][0] for key in line],
        y=[points[key][1] for key in line],
        mode="lines",
        name="Pareto line",
        line={"color": "#999", "dash": "dot", "shape": "hv"},
        hoverinfo="skip",
    )
    colors = dict(zip(reports, _cycle(len(reports)), strict=True))
    for key, report in known.items():
        accuracy, megabytes = report.figures["accuracy"], report.subject.weights_bytes / 1e6
        figure.add_scatter(
            x=[points[key][0]],
            y=[accuracy.value],
            name=escape_plotly(key),
            mode="markers",
            marker={"color": colors[key], "size": 10 + 6 * np.log10(1 + megabytes)},
            error_y=_error_bars([accuracy]),
            hovertemplate=f"%{{x:,.3g}}, %{{y:.2%}}<br>{megabytes:.1f} MB<extra>{escape_plotly(key)}</extra>",
        )
    figure.update_layout(
        title={"text": f"Accuracy against {title}", "font": {"size": 14}},
        height=380,
        margin=_MARGIN,
        legend={**_LEGEND, "y": -0.35},
        xaxis={"title": {"text": title}, "type": "log"},
        yaxis={"title": {"text": "accuracy"}, "tickformat": ".0%"},
    )
    return figure


def build_learning_curves(
    metrics: Mapping[str, Sequence[EpochRecord]],
    names: Mapping[str, str],
    *,
    smooth: Callable[[Sequence[float | None]], Sequence[float | None]] | None = None,
) -> "go.Figure":
    """Curves of several runs over the epochs, one panel a metric; zooming one panel zooms all in epochs.

    Args:
        metrics: records of metrics.jsonl by run.
        names: title of each metric that gets a panel.
        smooth: makes the curve of the values; the values themselves stay behind it, faintly.
    """
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=1, cols=len(names), subplot_titles=list(names.values()), shared_xaxes="all")
    for key, color in zip(metrics, _cycle(len(metrics)), strict=True):
        epochs = [record.epoch for record in metrics[key]]
        for column, name in enumerate(names, start=1):
            values = [getattr(record, name) for record in metrics[key]]
            shared: dict[str, Any] = {"x": epochs, "row": 1, "col": column, "legendgroup": key}
            if smooth is not None:
                figure.add_scatter(
                    y=values,
                    mode="lines",
                    line={"color": color, "width": 1},
                    opacity=0.3,
                    showlegend=False,
                    hoverinfo="skip",
                    **shared,
                )
            figure.add_scatter(
                y=values if smooth is None else smooth(values),
                name=escape_plotly(key),
                showlegend=column == 1,
                mode="lines+markers" if len(epochs) < 40 else "lines",
                line={"color": color},
                marker={"size": 5},
                hovertemplate="%{y:.4g}",
                **shared,
            )
    figure.update_xaxes(title_text="epoch", matches="x")
    figure.update_layout(height=340, margin=_MARGIN, legend=_LEGEND)
    return figure


def build_parallel(
    configs: Mapping[str, Mapping[str, Any]],
    results: Mapping[str, float],
    settings: Sequence[str],
    *,
    title: str = "accuracy",
) -> "go.Figure":
    """Parallel coordinates: some settings of runs, and their result; a line per run.

    Args:
        configs: flat settings by run.
        results: value by run; runs without one are left out.
        settings: names that every run has (`list_varied_settings`).
        title: what the results are.
    """
    import plotly.graph_objects as go

    keys = [key for key in configs if key in results]
    dimensions = []
    for name in settings:
        values = [configs[key][name] for key in keys]
        label = escape_plotly(name.rpartition(".")[2])
        if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            dimensions.append({"label": label, "values": values})
            continue
        words = sorted({escape_plotly(str(value)) for value in values})
        places = [words.index(escape_plotly(str(value))) for value in values]
        dimensions.append(
            {"label": label, "values": places, "tickvals": list(range(len(words))), "ticktext": words}
        )
    scores = [results[key] for key in keys]
    dimensions.append({"label": title, "values": scores})
    figure = go.Figure(
        go.Parcoords(
            line={"color": scores, "colorscale": "Viridis", "showscale": True}, dimensions=dimensions
        )
    )
    figure.update_layout(height=360, margin={"l": 90, "r": 40, "t": 60, "b": 20})
    return figure


def _cycle(count: int) -> list[str]:
    return [MODEL_COLORS[index % len(MODEL_COLORS)] for index in range(count)]
