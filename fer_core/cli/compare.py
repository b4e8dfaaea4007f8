"""`fer compare`: models side by side, and whether their differences are real."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from fer_core.cli.terminal import build_console, say
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fer_core.evaluation.comparison import Comparison
    from fer_core.evaluation.groups import GroupReport
    from fer_core.evaluation.stored_reports import StoredEvaluation


def main(
    runs: Annotated[Positional[tuple[str, ...]], arg(metavar="RUN")],
    *,
    dataset: str = "",
    split: str = "valid",
    tta: Literal["none", "flip"] = "none",
    html: Path | None = None,
    latex: Path | None = None,
    csv: Path | None = None,
    by: str = "",
) -> int:
    """Compare models that were evaluated with `fer evaluate RUN --save`; the first is the baseline.

    Args:
        runs: Two or more runs or shipped checkpoints; with --by one is enough.
        dataset: Compare their evaluations on this data set; the one each was trained on, if not given.
        split: Compare their evaluations on this split.
        tta: Compare their evaluations with this test-time augmentation.
        html: Write a self-contained HTML report.
        latex: Write a LaTeX table.
        csv: Write every figure as CSV; with --by those of every group.
        by: Only score groups of images by themselves: a column of the data set, or `agreement`.
    """
    from fer_core.errors import DataError
    from fer_core.evaluation.comparison import compare, find_evaluation
    from fer_core.evaluation.comparison_export import write_csv, write_html, write_latex
    from fer_core.io import write_text

    if by and (html or latex):
        raise DataError("--by goes with --csv only; leave --html and --latex out")
    if len(runs) < (1 if by else 2):
        raise DataError(f"expected two or more runs to compare, got {len(runs)}; `fer runs` lists them")
    workspace = Workspace.default()
    stored = [find_evaluation(run, workspace, dataset=dataset, split=split, tta=tta) for run in runs]
    if by:
        return _compare_groups(stored, by, workspace, csv)
    comparison = compare(stored, workspace)
    _print_comparison(comparison)
    for path, write in ((html, write_html), (latex, write_latex), (csv, write_csv)):
        if path is not None:
            write_text(path, write(comparison))
            say(f"wrote {path}")
    return 1 if comparison.refused else 0


def _compare_groups(
    stored: "Sequence[StoredEvaluation]", column: str, workspace: Workspace, csv: Path | None
) -> int:
    from fer_core.evaluation.comparison import align
    from fer_core.evaluation.group_table import build_group_table, compute_all_groups
    from fer_core.io import write_text
    from fer_core.results import format_frame

    aligned, refused = align(stored)
    reports = compute_all_groups(aligned, column, workspace)
    _print_groups(reports)
    if csv is not None:
        write_text(csv, format_frame(build_group_table(reports)))
        say(f"wrote {csv}")
    for key, reason in refused.items():
        say(f"{key} is left out: {reason}")
    return 1 if refused else 0


def _print_groups(reports: "Sequence[GroupReport]") -> None:
    from rich.table import Table

    from fer_core.evaluation.figures import describe_figure
    from fer_core.evaluation.groups import GROUP_FIGURES
    from fer_core.evaluation.metrics import METRICS

    console = build_console()
    for report in reports:
        titles = [METRICS[name].title for name in GROUP_FIGURES]
        table = Table(report.column, "images", "classes", *titles, title=f"{report.key}: {report.protocol}")
        for group in report.groups:
            cells = [describe_figure(name, group.figures[name]) for name in GROUP_FIGURES]
            table.add_row(group.name, f"{group.n:,}", str(group.num_classes), *cells)
        console.print(table)
    for report in reports:
        say(report.describe())
    if warning := reports[0].describe_small():
        say(warning)


def _print_comparison(comparison: "Comparison") -> None:
    from rich.table import Table

    from fer_core.evaluation.comparison import diff_configs, group_seeds
    from fer_core.evaluation.comparison_export import describe_protocol, describe_setting
    from fer_core.evaluation.figures import describe_figure, format_change
    from fer_core.evaluation.metrics import METRICS, list_titles

    titles = list_titles()
    say(describe_protocol(comparison))
    console = build_console()
    whole = Table("figure", *(item.key for item in comparison.evaluations))
    for name, title in titles.items():
        whole.add_row(
            title, *(describe_figure(name, item.report.find(name)) for item in comparison.evaluations)
        )
    console.print(whole)
    changes = Table(
        "difference", *(item.key for item in comparison.results), title=f"Against {comparison.baseline}"
    )
    for name, title in titles.items():
        if comparison.results and name in comparison.results[0].differences:
            cells = [format_change(name, item.differences[name]) for item in comparison.results]
            changes.add_row(title + (" (points)" if METRICS[name].is_percent else ""), *cells)
    if comparison.results:
        console.print(changes)
    settings = diff_configs(comparison.configs)
    if settings:
        keys = list(next(iter(settings.values())))
        table = Table("setting", *keys, title="Settings that differ")
        for name in settings:
            table.add_row(name, *(describe_setting(comparison, key, name) for key in keys))
        console.print(table)
    values = {
        item.key: {name: item.report.find(name).value for name in titles} for item in comparison.evaluations
    }
    for group in group_seeds(comparison.configs, values):
        say(
            f"{len(group.keys)} seeds of one configuration ({', '.join(group.keys)}): accuracy "
            f"{group.mean['accuracy']:.2%} ± {group.sd['accuracy']:.2%}"
        )
    for item in comparison.results:
        say(item.describe())
    for key, reason in comparison.refused.items():
        say(f"{key} is left out: {reason}")
