"""A study's report as one HTML file: figures, tables and methods, without network."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fer_core.errors import DataError
from fer_core.escaping import escape_plotly
from fer_core.evaluation.html_page import render_charts, render_page, render_table, show_text
from fer_core.evaluation.paired import format_p
from fer_core.io import write_text
from fer_core.palette import emotion_color, hex_to_rgb
from fer_core.studies.statistics.agreement import compare_coders
from fer_core.studies.statistics.comparison import compare_conditions
from fer_core.studies.statistics.methods import ReportOptions, describe_methods
from fer_core.studies.statistics.series import Series, add_valence, build_series, take_baseline_off
from fer_core.studies.statistics.summaries import (
    count_expressions,
    summarise_around,
    summarise_codes,
    summarise_conditions,
    summarise_expressions,
    summarise_persons,
)
from fer_core.words import count as count_words

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

MAX_CODES: Final[int] = 6
"""Codes with a curve, the most frequent ones."""


def write_study_report(
    recordings: "pd.DataFrame",
    faces: "pd.DataFrame | Iterable[pd.DataFrame]",
    events: "pd.DataFrame",
    path: Path,
    *,
    title: str = "Study",
    options: ReportOptions | None = None,
) -> None:
    """Write the report of plain tables as one HTML file; arguments as of `render_statistics`.

    Args:
        recordings: as `recordings.parquet`.
        faces: tables of faces.
        events: as `events.parquet`.
        path: the file to write.
        title: of the report.
        options: how its figures are computed.

    Raises:
        DataError: there are no results, or tables do not fit together.
        StorageError: it can't be written.
    """
    body = render_statistics(recordings, faces, events, options or ReportOptions())
    write_text(path, render_page(title, body))


def render_statistics(
    recordings: "pd.DataFrame",
    faces: "pd.DataFrame | Iterable[pd.DataFrame]",
    events: "pd.DataFrame",
    options: ReportOptions,
    charts: "Sequence[go.Figure]" = (),
) -> str:
    """Figures, tables and methods as HTML, for `render_page`.

    Args:
        recordings: as `recordings.parquet`.
        faces: tables of faces with `recording`, together or one after the other, so that memory stays flat.
        events: as `events.parquet`.
        options: how the figures are computed.
        charts: further ones, after the means.

    Raises:
        DataError: there are no results, or tables do not fit together.
    """
    plain = build_series(recordings, faces, min_label_s=options.min_label_s)
    if not plain:
        raise DataError("no recording has results yet; run the study first")
    values, notes = take_baseline_off(plain, options.baseline, events, options.baseline_code)
    valence = ""
    if options.baseline == "none":
        values, valence = add_valence(values)
    unit = "probability" if options.baseline == "none" else "log-odds above the baseline"
    num = options.num_resamples
    means = summarise_conditions(values, num)
    curves = _draw_curves(values, events, options, unit)
    return "\n".join(
        [
            _render_numbers(plain, notes),
            "<h2>Means by condition</h2>",
            render_charts([_draw_means(means, unit), *charts, *curves]),
            _render_means(means, ["condition"]),
            _render_comparison(compare_conditions(values, test=options.test, num_resamples=num)),
            _render_counts(plain, num),
            *_render_codes(values, events, num),
            *_render_agreement(plain, events, num),
            "<details><summary>Means by participant</summary>",
            _render_means(summarise_persons(values, num), ["participant", "condition"]),
            "</details>",
            f"<h2>Methods</h2><p>{show_text(describe_methods(plain, options, valence))}</p>",
        ]
    )


def _render_numbers(series: Sequence[Series], notes: Sequence[str]) -> str:
    frames, empty = sum(item.num_frames for item in series), sum(item.num_empty for item in series)
    persons = {item.participant for item in series}
    worst = max(series, key=lambda item: item.num_empty / max(item.num_frames, 1))
    texts = [
        f"{count_words(len(series), 'recording')} of {count_words(len(persons), 'participant')}, "
        f"{sum(item.duration_s for item in series) / 60:.1f} minutes.",
        f"{empty / frames if frames else 0:.1%} of {frames:,} frames show no face; most in {worst.recording} "
        f"({worst.num_empty / max(worst.num_frames, 1):.1%}).",
        *(f"{note[0].upper()}{note[1:]}." for note in notes),
    ]
    return "".join(f"<p>{show_text(text)}</p>" for text in texts)


def _draw_means(means: "pd.DataFrame", unit: str) -> "go.Figure":
    import plotly.graph_objects as go

    figure = go.Figure()
    for condition, rows in means.groupby("condition", sort=False):
        figure.add_bar(
            x=[escape_plotly(name) for name in rows["column"]],
            y=rows["value"],
            name=escape_plotly(str(condition) or "no condition"),
            error_y={
                "type": "data",
                "symmetric": False,
                "array": rows["high"] - rows["value"],
                "arrayminus": rows["value"] - rows["low"],
            },
        )
    figure.update_layout(barmode="group", yaxis_title=unit, height=380, margin={"t": 30})
    return figure


def _draw_curves(
    series: Sequence[Series], events: "pd.DataFrame", options: ReportOptions, unit: str
) -> "list[go.Figure]":
    import plotly.graph_objects as go

    seen = events[events["recording"].isin([item.recording for item in series])]
    figures = []
    for code in seen["code"].value_counts().index[:MAX_CODES]:
        table = summarise_around(
            series,
            seen,
            code,
            before_s=options.before_s,
            after_s=options.after_s,
            num_resamples=options.num_resamples,
        )
        figure = go.Figure()
        for column, rows in table.groupby("column", sort=False):
            color = emotion_color(str(column))
            band = f"rgba({', '.join(map(str, hex_to_rgb(color)))}, 0.15)"
            times = rows["time_s"]
            name = escape_plotly(str(column))
            if rows["low"].notna().all():
                figure.add_scatter(
                    x=[*times, *times[::-1]],
                    y=[*rows["high"], *rows["low"][::-1]],
                    fill="toself",
                    fillcolor=band,
                    line={"width": 0},
                    hoverinfo="skip",
                    showlegend=False,
                    legendgroup=name,
                )
            figure.add_scatter(x=times, y=rows["value"], name=name, line={"color": color}, legendgroup=name)
        figure.add_vline(x=0, line={"dash": "dot", "color": "#6c6f75"})
        count = int((seen["code"] == code).sum())
        persons = int(table["num_persons"].max()) if len(table) else 0
        figure.update_layout(
            title=escape_plotly(
                f"Around {code} ({count_words(count, 'time')}, {count_words(persons, 'participant')})"
            ),
            xaxis_title="seconds from its beginning",
            yaxis_title=unit,
            height=380,
        )
        figures.append(figure)
    return figures


def _render_means(table: "pd.DataFrame", keys: Sequence[str]) -> str:
    rows = []
    for item in table.to_dict("records"):
        names = [show_text(str(item[key]) or "–") for key in (*keys, "column")]
        rows.append([*names, _show_interval(item), str(item["num_persons"]), show_text(item["note"])])
    return render_table([*keys, "expression", "mean [95 % interval]", "participants", "note"], rows)


def _show_interval(item: dict[Any, Any], key: str = "value") -> str:
    if math.isnan(item[key]):
        return "–"
    text = f"{item[key]:.3f}"
    return text if math.isnan(item["low"]) else f"{text} [{item['low']:.3f}, {item['high']:.3f}]"


def _render_comparison(table: "pd.DataFrame") -> str:
    if not len(table):
        return ""
    rows = [
        [
            show_text(f"{item['second'] or '–'} minus {item['first'] or '–'}"),
            show_text(item["column"]),
            _show_interval(item, "difference"),
            _show_number(item["effect"]),
            _show_p(item["p"]),
            _show_p(item["p_holm"]),
            str(item["num_persons"]),
            show_text(item["note"]),
        ]
        for item in table.to_dict("records")
    ]
    header = [
        "conditions",
        "expression",
        "difference [95 % interval]",
        "d_z",
        "p",
        "p (Holm)",
        "participants",
        "note",
    ]
    return "<h2>Differences within participants</h2>" + render_table(header, rows)


def _show_number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"


def _show_p(value: float) -> str:
    return "–" if math.isnan(value) else show_text(format_p(value).removeprefix("= "))


_MEASURES: Final[dict[str, str]] = {
    "share": "share of the time",
    "per_minute": "times a minute",
    "mean_s": "how long, in s",
    "first_s": "first seen after, in s",
}


def _render_counts(series: Sequence[Series], num_resamples: int) -> str:
    counts = count_expressions(series)
    tables = {name: summarise_expressions(counts, name, num_resamples) for name in _MEASURES}
    first = tables["share"]
    rows = []
    for place, item in enumerate(first.to_dict("records")):
        figures = [_show_interval(table.iloc[place].to_dict()) for table in tables.values()]
        rows.append([show_text(str(item["condition"]) or "–"), show_text(item["label"]), *figures])
    return "<h2>How often and how long</h2>" + render_table(
        ["condition", "expression", *_MEASURES.values()], rows
    )


def _render_codes(series: Sequence[Series], events: "pd.DataFrame", num_resamples: int) -> list[str]:
    table = summarise_codes(series, events, num_resamples)
    return ["<h2>Means inside events</h2>", _render_means(table, ["code"])] if len(table) else []


def _render_agreement(series: Sequence[Series], events: "pd.DataFrame", num_resamples: int) -> list[str]:
    table = compare_coders(series, events, num_resamples)
    if not len(table):
        return []
    rows = [
        [
            show_text(f"{item['first']} and {item['second']}"),
            _show_interval(item, "kappa"),
            _show_number(item["alpha"]),
            _show_number(item["observed"]),
            f"{item['num_steps']} in {item['num_recordings']}",
            show_text(item["note"]),
        ]
        for item in table.to_dict("records")
    ]
    header = ["coders", "kappa [95 % interval]", "alpha", "same", "steps in recordings", "note"]
    return ["<h2>Agreement</h2>", render_table(header, rows)]
