"""`fer robustness`: accuracy on corrupted images."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from fer_core.cli.terminal import format_table, write_output
from fer_core.errors import ConfigError, FerError
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from fer_core.evaluation.robustness_report import RobustnessReport

_SUFFIXES = (".csv", ".json")


def main(
    models: Annotated[Positional[tuple[str, ...]], arg(metavar="MODEL")] = (),
    *,
    dataset: str | None = None,
    split: str = "valid",
    num_faces: int = 0,
    device: str = "auto",
    out: Path | None = None,
    save: bool = False,
    json_output: Annotated[bool, arg(name="json")] = False,
) -> int:
    """Score models on pictures that are blurred, noisy, dark, covered, turned or badly cut, each three times.

    Webcams look like that, and data sets do not.

    Args:
        models: Checkpoints or runs; the shipped default, if none is named.
        dataset: A data set; the one that each model was trained on, if not given.
        split: Which split.
        num_faces: At most so many faces, spread evenly over the split; 0 takes all.
        device: Where to compute: auto, cpu or cuda.
        out: Also write the figures to this .csv or .json file.
        save: Keep them beside the evaluation report, where the Compare runs page shows them.
        json_output: Print nothing but, on stderr, how far it is and what failed, a line of JSON each.
    """
    if out is not None and out.suffix not in _SUFFIXES:
        raise ConfigError(f"--out {out} ends in {out.suffix!r}; expected one of {', '.join(_SUFFIXES)}")
    if num_faces < 0:
        raise ConfigError(f"--num-faces is {num_faces}; expected 0 (all) or more")
    from fer_core.checkpoint import default_checkpoint

    workspace = Workspace.default()
    found: dict[str, RobustnessReport] = {}
    num_failed = 0
    for name in models or (default_checkpoint(workspace).key,):
        try:
            found[name] = _measure(
                name,
                workspace,
                dataset=dataset,
                split=split,
                device=device,
                num_faces=num_faces,
                save=save,
                is_json=json_output,
            )
        except FerError as error:  # the other models are still worth having
            num_failed += 1
            if json_output:
                _tell(name, error=str(error))
            else:
                print(f"fer robustness: {name}: {error}", file=sys.stderr)
    if found and not json_output:
        _print_table(found)
    if found and out is not None:
        _write(out, found)
    return 1 if num_failed else 0


def _measure(
    name: str,
    workspace: Workspace,
    *,
    dataset: str | None,
    split: str,
    device: str,
    num_faces: int,
    save: bool,
    is_json: bool,
) -> "RobustnessReport":
    from rich.console import Console
    from rich.progress import Progress

    from fer_core.checkpoint import find_checkpoint
    from fer_core.data.builtin import open_dataset
    from fer_core.evaluation.comparison import own_dataset
    from fer_core.evaluation.robustness import measure_robustness
    from fer_core.evaluation.robustness_report import save_robustness
    from fer_core.evaluation.stored_reports import locate_report

    entry = find_checkpoint(name, workspace)
    chosen = dataset or own_dataset(entry)
    if not chosen:
        raise ConfigError("it does not say what it was trained on; name a data set with --dataset")
    data = open_dataset(chosen, workspace)
    with Progress(console=Console(stderr=True), transient=True, disable=is_json) as progress:
        task = progress.add_task(f"scoring {name}")

        def tell(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)
            if is_json:  # for a program that waits
                _tell(name, done=done, total=total)

        report = measure_robustness(
            entry.folder, data, split, device=device, num_faces=num_faces, on_progress=tell
        )
    if save:
        save_robustness(report, locate_report(entry, workspace, dataset=data.name, split=split))
    return report


def _tell(model: str, **facts: object) -> None:
    print(json.dumps({"model": model, **facts}), file=sys.stderr, flush=True)


def _print_table(found: "dict[str, RobustnessReport]") -> None:
    from rich.console import Console
    from rich.table import Table

    from fer_core.evaluation.corruptions import CORRUPTIONS
    from fer_core.evaluation.robustness_report import compute_mean_accuracy

    titles = {item.name: f"{item.title} ({item.unit})" for item in CORRUPTIONS}
    first = next(iter(found.values())).rows
    table = Table(box=None, header_style="bold", title=f"accuracy, n = {first[0].n:,}", title_justify="left")
    table.add_column("pictures")
    table.add_column("strength", justify="right")
    for name in found:
        table.add_column(name, justify="right")
    for index, row in enumerate(first):
        title = titles.get(row.corruption, "as they are") if row.severity <= 1 else ""
        strength = f"{row.strength:g}" if row.severity else ""
        table.add_row(title, strength, *(f"{report.rows[index].accuracy:.2%}" for report in found.values()))
    table.add_row(
        "mean of all corruptions",
        "",
        *(f"{compute_mean_accuracy(report.rows):.2%}" for report in found.values()),
    )
    Console(width=None if Console().is_terminal else 120).print(table)


def _write(out: Path, found: "dict[str, RobustnessReport]") -> None:
    import pandas as pd

    frame = pd.DataFrame(
        [{"model": name, **dataclasses.asdict(row)} for name, report in found.items() for row in report.rows]
    )
    write_output(out, format_table(frame, out.suffix))
