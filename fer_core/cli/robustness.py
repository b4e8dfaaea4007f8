"""`fer robustness`: accuracy on corrupted images."""

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from fer_core.cli.terminal import build_console, format_table, say, show_progress, write_output
from fer_core.errors import ConfigError, FerError
from fer_core.progress import Report, keep_result
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
    """
    if out is not None and out.suffix not in _SUFFIXES:
        raise ConfigError(f"--out {out} ends in {out.suffix!r}; expected one of {', '.join(_SUFFIXES)}")
    if num_faces < 0:
        raise ConfigError(f"--num-faces is {num_faces}; expected 0 (all) or more")
    from fer_core.checkpoint import default_checkpoint
    from fer_core.evaluation.robustness_report import save_robustness

    workspace = Workspace.default()
    found: dict[str, RobustnessReport] = {}
    failures: dict[str, str] = {}
    names = models or (default_checkpoint(workspace).key,)
    for part, name in enumerate(names):
        try:
            with show_progress(f"{name}: loading", part=part, of=len(names)) as show:
                report, folder = _measure(
                    name, workspace, show, dataset=dataset, split=split, device=device, num_faces=num_faces
                )
            found[name] = report
            if save:
                save_robustness(report, folder)
        except FerError as error:  # the other models are still worth having
            failures[name] = str(error)
            say(f"fer robustness: {name}: {error}", file=sys.stderr)
    keep_result({"failures": failures})
    if found:
        _print_tables(found)
    if found and out is not None:
        _write(out, found)
    return 1 if failures else 0


def _measure(
    name: str,
    workspace: Workspace,
    show: Report,
    *,
    dataset: str | None,
    split: str,
    device: str,
    num_faces: int,
) -> "tuple[RobustnessReport, Path]":
    """The figures, and the folder where they can be kept."""
    from fer_core.checkpoint import find_checkpoint
    from fer_core.data.builtin import open_dataset
    from fer_core.evaluation.comparison import own_dataset
    from fer_core.evaluation.robustness import measure_robustness
    from fer_core.evaluation.stored_reports import locate_report

    entry = find_checkpoint(name, workspace)
    chosen = dataset or own_dataset(entry)
    if not chosen:
        raise ConfigError("it does not say what it was trained on; name a data set with --dataset")
    data = open_dataset(chosen, workspace)
    report = measure_robustness(
        entry.folder,
        data,
        split,
        device=device,
        num_faces=num_faces,
        on_progress=lambda done, total: show(done, total, f"{name}: {done} of {total} passes"),
    )
    return report, locate_report(entry, workspace, dataset=data.name, split=split)


def _print_tables(found: "dict[str, RobustnessReport]") -> None:
    """A table for each set of images and classes: figures over others do not belong in one row."""
    groups: dict[str, dict[str, RobustnessReport]] = {}
    for name, report in found.items():
        groups.setdefault(report.describe(), {})[name] = report
    for title, reports in groups.items():
        _print_table(title, reports)


def _print_table(title: str, found: "dict[str, RobustnessReport]") -> None:
    from rich.table import Table

    from fer_core.evaluation.corruptions import CORRUPTIONS
    from fer_core.evaluation.robustness_report import compute_mean_accuracy

    titles = {item.name: f"{item.title} ({item.unit})" for item in CORRUPTIONS}
    first = next(iter(found.values())).rows
    say(f"accuracy: {title}")
    table = Table(box=None, header_style="bold")
    table.add_column("pictures")
    table.add_column("strength", justify="right")
    for name in found:
        table.add_column(name, justify="right")
    for index, row in enumerate(first):
        pictures = titles.get(row.corruption, "as they are") if row.severity <= 1 else ""
        strength = f"{row.strength:g}" if row.severity else ""
        table.add_row(
            pictures, strength, *(f"{report.rows[index].accuracy:.2%}" for report in found.values())
        )
    table.add_row(
        "mean of all corruptions",
        "",
        *(f"{compute_mean_accuracy(report.rows):.2%}" for report in found.values()),
    )
    build_console(width=None if build_console().is_terminal else 120).print(table)


def _write(out: Path, found: "dict[str, RobustnessReport]") -> None:
    import pandas as pd

    frame = pd.DataFrame(
        [
            {"model": name, "protocol": report.protocol, **dataclasses.asdict(row)}
            for name, report in found.items()
            for row in report.rows
        ]
    )
    write_output(out, format_table(frame, out.suffix))
