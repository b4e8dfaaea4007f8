"""`fer evaluate`: score checkpoints."""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from fer_core.cli.terminal import build_console, say, show_progress
from fer_core.errors import ConfigError, FerError
from fer_core.progress import keep_result
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from fer_core.evaluation.report import Report


def describe_metrics() -> str:
    """Help of `--metrics`, with those of installed packages."""
    from fer_core.evaluation.metrics import METRICS

    return f"Figures to compute, separated by commas; all, if not given. There are: {', '.join(METRICS)}."


def choose_metrics(names: str) -> tuple[str, ...]:
    """The metrics that a list separated by commas names; all of them for an empty one.

    Raises:
        ConfigError: no metric is called like that.
    """
    from fer_core.evaluation.metrics import METRICS

    chosen = [name.strip() for name in names.split(",") if name.strip()] or list(METRICS)
    for name in chosen:
        _ = METRICS[name]
    return tuple(dict.fromkeys(chosen))


def main(  # noqa: PLR0913, PLR0917 - each argument is an option of the command
    models: Annotated[Positional[tuple[str, ...]], arg(metavar="MODEL")],
    dataset: str | None = None,
    split: str = "valid",
    device: str = "auto",
    tta: Literal["none", "flip"] = "none",
    exclude_copies: bool = False,
    metrics: Annotated[str, arg(help=describe_metrics)] = "",
    resamples: int = 2000,
    threads: int = 0,
    json_output: Annotated[bool, arg(name="json")] = False,
    save: bool = False,
) -> int:
    """Score checkpoints on a split: every figure with its bootstrap 95 % interval, and the confusion matrix.

    Args:
        models: Shipped checkpoints' names, runs' names, or checkpoint folders.
        dataset: An imported data set; the one that each checkpoint was trained on, if not given.
        split: Which split to score.
        device: Where to compute: auto, cpu or cuda.
        tta: Test-time augmentation: `flip` averages the logits of each image and its mirror image.
        exclude_copies: Leave out images that have exactly the pixels of a training image.
        metrics: Figures to compute, separated by commas; all, if not given.
        resamples: Resamples of the bootstrap; 0 leaves the intervals out.
        threads: CPU threads to compute with; 0 lets torch choose.
        json_output: Print each report as a line of JSON.
        save: Write report.json and predictions.parquet, for a run into its folder.
    """
    if not models:
        raise ConfigError("expected a model to evaluate; `fer models` and `fer runs` list them")
    if resamples < 0 or threads < 0:
        raise ConfigError(f"--resamples is {resamples} and --threads {threads}; expected 0 or more")
    if save and (exclude_copies or metrics):
        raise ConfigError(
            "--save keeps reports of whole splits; leave it out with --exclude-copies and --metrics"
        )
    if threads:
        import torch

        torch.set_num_threads(threads)
    wishes = _Wishes(
        dataset=dataset,
        split=split,
        device=device,
        tta=tta,
        exclude_copies=exclude_copies,
        metrics=choose_metrics(metrics),
        resamples=resamples,
        save=save,
    )
    failures: dict[str, str] = {}
    for part, model in enumerate(models):
        try:
            report = _evaluate(model, wishes, part=part, of=len(models))
        except FerError as error:  # the other models are still worth having
            failures[model] = str(error)
            say(f"fer evaluate: {model}: {error}", file=sys.stderr)
            continue
        _print_json(report) if json_output else _print_report(report)
    keep_result({"failures": failures})
    return 1 if failures else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wishes:
    """How to score, as `main` was asked."""

    dataset: str | None
    split: str
    device: str
    tta: Literal["none", "flip"]
    exclude_copies: bool
    metrics: tuple[str, ...]
    resamples: int
    save: bool


def _evaluate(model: str, wishes: _Wishes, *, part: int, of: int) -> "Report":
    from fer_core.checkpoint import find_checkpoint
    from fer_core.data.builtin import open_dataset
    from fer_core.evaluation.comparison import own_dataset
    from fer_core.evaluation.evaluator import evaluate_checkpoint
    from fer_core.evaluation.report import build_report
    from fer_core.evaluation.stored_reports import locate_report, save_report

    workspace = Workspace.default()
    entry = find_checkpoint(model, workspace)
    name = wishes.dataset or own_dataset(entry)
    if not name:
        raise ConfigError("it does not say what it was trained on; name a data set with --dataset")
    data = open_dataset(name, workspace)
    with show_progress(f"{model}: loading", part=part, of=of) as show:
        evaluation = evaluate_checkpoint(
            entry.folder,
            data,
            wishes.split,
            device=wishes.device,
            tta=wishes.tta,
            exclude_copies=wishes.exclude_copies,
            on_progress=lambda done, total: show(done, total, f"{model}: {done:,} of {total:,} faces"),
        )
        show(1, 1, f"{model}: intervals of every figure")
        report = build_report(
            evaluation.data, evaluation.subject, metrics=wishes.metrics, num_resamples=wishes.resamples
        )
    if wishes.save:
        folder = locate_report(entry, workspace, dataset=data.name, split=wishes.split, tta=wishes.tta)
        report = save_report(report, evaluation.data, folder)
    return report


def _print_json(report: "Report") -> None:
    from fer_core.io import to_json_line

    say(to_json_line(report.to_dict()), flush=True)


def _print_report(report: "Report") -> None:
    from rich.table import Table

    from fer_core.evaluation.figures import describe_figure
    from fer_core.evaluation.metrics import list_class_titles, list_titles

    subject = report.subject
    say(
        f"{subject.model} on {subject.dataset}, split {subject.split}, {subject.protocol}, n = {report.n:,}"
        + (", flip averaging" if subject.tta == "flip" else "")
    )
    whole = Table("figure", "value [95 % interval]", title="All images")
    for name, title in list_titles().items():
        if name in report.figures:
            whole.add_row(title, describe_figure(name, report.figures[name]))
    kinds = [kind for kind in list_class_titles() if f"{kind}.{report.classes[0]}" in report.figures]
    classes = Table("class", *(list_class_titles()[kind] for kind in kinds), "images", title="By class")
    for name, row in zip(report.classes, report.confusion, strict=True):
        cells = [describe_figure(kind, report.figures[f"{kind}.{name}"]) for kind in kinds]
        classes.add_row(name, *cells, f"{sum(row):,}")
    bands = Table("annotators who agree", "accuracy", "images", title="By annotator agreement")
    for name, figure in report.figures.items():
        if name.startswith("agreement.") and figure.n:
            bands.add_row(name.partition(".")[2], describe_figure("accuracy", figure), f"{figure.n:,}")
    confusion = Table("truth \\ predicted", *report.classes, title="Confusion matrix (counts)")
    for name, row in zip(report.classes, report.confusion, strict=True):
        confusion.add_row(name, *map(str, row))
    console = build_console()
    for table in (whole, classes, bands, confusion):
        if table.row_count:  # data without votes have no bands
            console.print(table)
