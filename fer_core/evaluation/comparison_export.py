"""A comparison as tables and as a document: plain rows, CSV, LaTeX, and one self-contained HTML file."""

from dataclasses import replace

from fer_core.escaping import escape_latex, neutralise_cell
from fer_core.evaluation.charts import (
    build_agreement_bars,
    build_class_bars,
    build_cost_scatter,
    build_differences,
    build_overlay,
    build_reliability,
)
from fer_core.evaluation.comparison import Comparison, diff_configs
from fer_core.evaluation.figures import Figure, describe_figure
from fer_core.evaluation.html_page import render_charts, render_page, render_table, show_text
from fer_core.evaluation.matrix_chart import build_matrix
from fer_core.evaluation.metrics import list_titles
from fer_core.evaluation.paired import format_p
from fer_core.results import format_csv


def _latex(text: str) -> str:
    return escape_latex(neutralise_cell(text))


def describe_protocol(comparison: Comparison) -> str:
    """What all figures of a comparison were measured on; what each model was offered, where that differs."""
    report = comparison.evaluations[0].report
    keys: dict[str, list[str]] = {}
    for item in comparison.evaluations:
        keys.setdefault(item.report.subject.protocol, []).append(item.key)
    subject = report.subject
    if len(keys) > 1:
        each = "; ".join(f"{', '.join(names)}: {protocol}" for protocol, names in keys.items())
        subject = replace(subject, protocol=f"the same {len(report.classes)} classes ({each})")
    return (
        f"{subject.describe()}, n = {report.n:,}; intervals: 95 % bootstrap, "
        f"{report.num_resamples:,} resamples"
    )


def write_csv(comparison: Comparison) -> str:
    """Every figure of every model, a line each: model, figure, value, low, high, n, reason."""
    header = ["model", "dataset", "split", "protocol", "tta", "figure", "value", "low", "high", "n", "reason"]
    rows: list[list[object]] = []
    for item in comparison.evaluations:
        subject = item.report.subject
        facts = [item.key, subject.dataset, subject.split, subject.protocol, subject.tta]
        for name, figure in item.report.figures.items():
            rows.append([*facts, name, figure.value, figure.low, figure.high, figure.n, figure.reason])
    return format_csv(header, rows)


def write_latex(comparison: Comparison) -> str:
    """Booktabs: one row per figure, one column per model; p-values against the baseline beneath."""
    keys = [item.key for item in comparison.evaluations]
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape_latex(describe_protocol(comparison))}}}",
        rf"\begin{{tabular}}{{l{'r' * len(keys)}}}",
        r"\toprule",
        " & ".join(["", *map(_latex, keys)]) + r" \\",
        r"\midrule",
    ]
    for name, title in list_titles().items():
        figures = [item.report.find(name) for item in comparison.evaluations]
        lines.append(" & ".join([_latex(title), *(_latex_cell(name, item) for item in figures)]) + r" \\")
    if comparison.results:
        cells = [f"${format_p(item.adjusted_p)}$" for item in comparison.results]
        lines += [r"\midrule", " & ".join(["McNemar $p$", "--", *cells]) + r" \\"]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def _latex_cell(name: str, figure: Figure) -> str:
    return _latex(describe_figure(name, figure)) if figure.is_defined else "--"


def write_html(comparison: Comparison) -> str:
    """One HTML file with tables, findings and charts; it needs no network."""
    reports = comparison.reports
    first = next(iter(reports.values()))
    figures = [build_differences(comparison.results)] if comparison.results else []
    figures += [build_matrix(item.confusion, item.classes, title=key) for key, item in reports.items()]
    figures += [
        build_matrix(
            reports[item.key].confusion,
            first.classes,
            difference_to=first.confusion,
            title=f"{item.key} minus {item.baseline}",
        )
        for item in comparison.results
    ]
    figures += [build_class_bars(reports, kind, title=kind) for kind in ("recall", "precision")]
    sizes = {key: item.subject.num_parameters for key, item in reports.items()}
    figures += [build_agreement_bars(reports), build_cost_scatter(reports, sizes, "parameters")]
    figures += [build_reliability(reports), build_reliability(reports, "cross-fitted")]
    figures += [build_overlay(reports, kind, name) for kind in ("roc", "pr") for name in first.classes]
    findings = [item.describe() for item in comparison.results]
    findings += [f"{key} is left out: {reason}." for key, reason in comparison.refused.items()]
    items = "".join(f"<li>{show_text(text)}</li>" for text in findings)
    body = f"""<p>{show_text(describe_protocol(comparison))}. The models name apparent expressions, not
    feelings.</p>
<ul>{items}</ul>
{_html_table(comparison)}
{render_charts(figures)}
{_html_configs(comparison)}"""
    return render_page(f"Comparison of {len(reports)} models", body)


def _html_table(comparison: Comparison) -> str:
    rows = [
        [show_text(title), *(_html_figure(name, item.report.find(name)) for item in comparison.evaluations)]
        for name, title in list_titles().items()
    ]
    return render_table(["", *(item.key for item in comparison.evaluations)], rows)


def _html_figure(name: str, figure: Figure) -> str:
    value, bracket, interval = show_text(describe_figure(name, figure)).partition(" [")
    return f"{value}<br><small>{bracket.strip()}{interval}</small>" if bracket else value


def _html_configs(comparison: Comparison) -> str:
    table = diff_configs(comparison.configs)
    if not table:
        return ""
    keys = list(next(iter(table.values())))
    rows = [
        [show_text(name), *(show_text(describe_setting(comparison, key, name)) for key in keys)]
        for name in table
    ]
    return "<h2>Settings that differ</h2>" + render_table(["", *keys], rows)


def describe_setting(comparison: Comparison, key: str, name: str) -> str:
    """A run's setting as a table shows it; runs of earlier versions did not record what came later."""
    config = comparison.configs[key]
    return str(config[name]) if name in config else "not recorded"
