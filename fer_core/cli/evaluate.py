"""`fer evaluate`: score a checkpoint."""

from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from fer_core.errors import ConfigError
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from fer_core.evaluation.measure import Report


def main(  # noqa: PLR0913, PLR0917 - each argument is an option of the command
    model: Annotated[Positional[str], arg(metavar="MODEL")],
    dataset: str | None = None,
    split: str = "valid",
    device: str = "auto",
    tta: Literal["none", "flip"] = "none",
    resamples: int = 2000,
    threads: int = 0,
    json_output: Annotated[bool, arg(name="json")] = False,
    save: bool = False,
) -> int:
    """Score a checkpoint on a split: every figure with its bootstrap 95 % interval, and the confusion matrix.

    Args:
        model: A shipped checkpoint's name, a run's name, or a checkpoint folder.
        dataset: An imported data set; the one that the checkpoint was trained on, if not given.
        split: Which split to score.
        device: Where to compute: auto, cpu or cuda.
        tta: Test-time augmentation: `flip` averages the logits of each image and its mirror image.
        resamples: Resamples of the bootstrap; 0 leaves the intervals out.
        threads: CPU threads to compute with; 0 lets torch choose.
        json_output: Print the report as JSON.
        save: Write report.json and predictions.parquet, for a run into its folder.
    """
    import torch
    from rich.progress import Progress

    from fer_core.checkpoint import find_checkpoint
    from fer_core.data.builtin import open_dataset
    from fer_core.evaluation.measure import build_report
    from fer_core.evaluation.report import evaluate_checkpoint
    from fer_core.evaluation.stored import locate_report, save_report
    from fer_core.io import to_json_line

    if resamples < 0 or threads < 0:
        raise ConfigError(f"--resamples is {resamples} and --threads {threads}; expected 0 or more")
    if threads:
        torch.set_num_threads(threads)
    workspace = Workspace.default()
    entry = find_checkpoint(model, workspace)
    data = open_dataset(dataset or str(entry.info.data.get("name", "")), workspace)
    with Progress(transient=True) as progress:
        task = progress.add_task("scoring")
        evaluation = evaluate_checkpoint(
            entry.folder,
            data,
            split,
            device=device,
            tta=tta,
            measure_latency=True,
            on_progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
        progress.update(task, description="resampling")
        report = build_report(evaluation.data, evaluation.subject, num_resamples=resamples)
    if save:
        folder = locate_report(entry, workspace, dataset=data.name, split=split, tta=tta)
        report = save_report(report, evaluation.data, folder)
    if json_output:
        print(to_json_line(report.to_dict()))
    else:
        _print_report(report)
    return 0


def _print_report(report: "Report") -> None:
    from rich.console import Console
    from rich.table import Table

    from fer_core.evaluation.figures import CLASS_TITLES, TITLES, describe_figure

    subject = report.subject
    print(
        f"{subject.model} on {subject.dataset}, split {subject.split}, {subject.protocol}, n = {report.n:,}"
        + (", flip averaging" if subject.tta == "flip" else "")
    )
    whole = Table("figure", "value [95 % interval]", title="All images")
    for name, title in TITLES.items():
        whole.add_row(title, describe_figure(name, report.figures[name]))
    classes = Table("class", *CLASS_TITLES.values(), "images", title="By class")
    for name, row in zip(report.classes, report.confusion, strict=True):
        cells = [describe_figure(kind, report.figures[f"{kind}.{name}"]) for kind in CLASS_TITLES]
        classes.add_row(name, *cells, f"{sum(row):,}")
    bands = Table("annotators who agree", "accuracy", "images", title="By annotator agreement")
    for name, figure in report.figures.items():
        if name.startswith("agreement."):
            bands.add_row(name.partition(".")[2], describe_figure("accuracy", figure), f"{figure.n:,}")
    confusion = Table("truth \\ predicted", *report.classes, title="Confusion matrix (counts)")
    for name, row in zip(report.classes, report.confusion, strict=True):
        confusion.add_row(name, *map(str, row))
    console = Console()
    for table in (whole, classes, bands, confusion):
        console.print(table)
    if subject.latency_ms is not None:
        print(f"one face: {subject.latency_ms:.2f} ms ({subject.latency_device})")
