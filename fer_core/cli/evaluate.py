"""`fer evaluate`: score a checkpoint."""

from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from fer_core.evaluation.report import Evaluation


def main(
    model: Annotated[Positional[str], arg(metavar="MODEL")],
    dataset: str | None = None,
    split: str = "valid",
    device: str = "auto",
    json_output: Annotated[bool, arg(name="json")] = False,
    save: bool = False,
) -> int:
    """Score a checkpoint on a split: accuracy, macro-F1, each class, the confusion matrix.

    Args:
        model: A shipped checkpoint's name, a run's name, or a checkpoint folder.
        dataset: An imported data set; the one that the checkpoint was trained on, if not given.
        split: Which split to score.
        device: Where to compute: auto, cpu or cuda.
        json_output: Print the report as JSON.
        save: Write report.json and predictions.parquet beside the checkpoint (for a run: into its folder).
    """
    from rich.progress import Progress

    from fer_core.checkpoint import find_checkpoint
    from fer_core.data.builtin import open_dataset
    from fer_core.evaluation.report import evaluate_checkpoint, save_evaluation
    from fer_core.io import to_json_line

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
            on_progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    if save:
        is_run = entry.folder.parent.parent == workspace.runs
        save_evaluation(evaluation, entry.folder.parent if is_run else entry.folder)
    if json_output:
        print(to_json_line(evaluation.to_dict()))
    else:
        _print_report(evaluation)
    return 0


def _print_report(evaluation: "Evaluation") -> None:
    from rich.console import Console
    from rich.table import Table

    scores = evaluation.scores
    print(
        f"{evaluation.info.name} on {evaluation.dataset}, split {evaluation.split}, {evaluation.protocol}, "
        f"n = {scores.n:,}"
    )
    print(
        f"accuracy {scores.accuracy:.2%}   balanced accuracy {scores.balanced_accuracy:.2%}   "
        f"macro-F1 {scores.macro_f1:.4f}   log loss {scores.log_loss:.4f}"
    )
    classes = Table("class", "precision", "recall", "F1", "images", title="By class")
    for item in scores.classes:
        figures = [f"{value:.3f}" for value in (item.precision, item.recall, item.f1)]
        classes.add_row(item.name, *figures, f"{item.support:,}")
    confusion = Table("truth \\ predicted", *evaluation.info.classes, title="Confusion matrix (counts)")
    for name, row in zip(evaluation.info.classes, scores.confusion, strict=True):
        confusion.add_row(name, *map(str, row))
    console = Console()
    console.print(classes)
    console.print(confusion)
