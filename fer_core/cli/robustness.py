"""`fer robustness`: accuracy on spoilt pictures."""

import dataclasses
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from fer_core.cli.terminal import format_table, write_output
from fer_core.errors import ConfigError
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from fer_core.evaluation.robustness import RobustnessRow

_SUFFIXES = (".csv", ".json")


def main(
    models: Annotated[Positional[tuple[str, ...]], arg(metavar="MODEL")] = (),
    *,
    dataset: str | None = None,
    split: str = "valid",
    num_faces: int = 0,
    device: str = "auto",
    out: Path | None = None,
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
    """
    if out is not None and out.suffix not in _SUFFIXES:
        raise ConfigError(f"--out {out} ends in {out.suffix!r}; expected one of {', '.join(_SUFFIXES)}")
    if num_faces < 0:
        raise ConfigError(f"--num-faces is {num_faces}; expected 0 (all) or more")
    from rich.console import Console
    from rich.progress import Progress

    from fer_core.checkpoint import default_checkpoint, find_checkpoint
    from fer_core.data.builtin import open_dataset
    from fer_core.evaluation.comparison import own_dataset
    from fer_core.evaluation.robustness import measure_robustness

    workspace = Workspace.default()
    found: dict[str, list[RobustnessRow]] = {}
    with Progress(console=Console(stderr=True), transient=True) as progress:
        for name in models or (default_checkpoint(workspace).key,):
            entry = find_checkpoint(name, workspace)
            chosen = dataset or own_dataset(entry)
            if not chosen:
                raise ConfigError(
                    f"{name} does not say what it was trained on; name a data set with --dataset"
                )
            tell = partial(_tell, progress, progress.add_task(f"scoring {name}"))
            found[name] = measure_robustness(
                entry.folder,
                open_dataset(chosen, workspace),
                split,
                device=device,
                num_faces=num_faces,
                on_progress=tell,
            )
    _print_table(found)
    if out is not None:
        _write(out, found)
    return 0


def _tell(progress: "Progress", task: "TaskID", done: int, total: int) -> None:
    progress.update(task, completed=done, total=total)


def _print_table(found: "dict[str, list[RobustnessRow]]") -> None:
    from rich.console import Console
    from rich.table import Table

    from fer_core.evaluation.corruptions import CORRUPTIONS
    from fer_core.evaluation.robustness import compute_mean_accuracy

    titles = {item.name: f"{item.title} ({item.unit})" for item in CORRUPTIONS}
    first = next(iter(found.values()))
    table = Table(box=None, header_style="bold", title=f"accuracy, n = {first[0].n:,}", title_justify="left")
    table.add_column("pictures")
    table.add_column("strength", justify="right")
    for name in found:
        table.add_column(name, justify="right")
    for index, row in enumerate(first):
        title = titles.get(row.corruption, "as they are") if row.severity <= 1 else ""
        strength = f"{row.strength:g}" if row.severity else ""
        table.add_row(title, strength, *(f"{rows[index].accuracy:.2%}" for rows in found.values()))
    table.add_row(
        "mean of the spoilt", "", *(f"{compute_mean_accuracy(rows):.2%}" for rows in found.values())
    )
    Console(width=None if Console().is_terminal else 120).print(table)


def _write(out: Path, found: "dict[str, list[RobustnessRow]]") -> None:
    import pandas as pd

    frame = pd.DataFrame(
        [{"model": name, **dataclasses.asdict(row)} for name, rows in found.items() for row in rows]
    )
    write_output(out, format_table(frame, out.suffix))
