"""What each part of the recipe of `fer-tiny` is worth: short runs with several seeds, against the recipe.

    python benchmarks/study.py --epochs 8 --seeds 1 2 3 --threads 1 --variants base no-mixing cutmix

Runs that are already finished are only read, so a study can be stopped and gone on with, or divided among
processes (`--threads 1` each); `--no-train` prints the table of what is there. Figures are those of the last
epoch, not of the best one: nothing is chosen on the split that is reported.
"""

import dataclasses
import itertools
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import tyro

from fer_core.errors import RunError
from fer_core.runs.reader import Run, load_run
from fer_core.workspace import Workspace

BASE: Final = "--preset tiny --optimizer.cycles 1 --monitor accuracy --augment.degrade-probability 0"
"""One cycle, and clean pictures: what the variants are compared with."""

VARIANTS: Final[dict[str, str]] = {
    "base": "",
    "no-mixing": "--augment.mixup-alpha 0",
    "mixing-as-small": "--augment.mixup-alpha 0.4 --augment.mixup-probability 0.5",
    "cutmix": "--augment.mixup-alpha 0 --augment.cutmix-alpha 1",
    "no-erasing": "--augment.erasing-probability 0",
    "no-augmentation": "--augment.apply-probability 0 --augment.mixup-alpha 0",
    "randaugment": "--augment.randaugment-ops 1",
    "corrupted": "--augment.degrade-probability 0.15",
    "majority": "--data.label-mode majority",
    "probability": "--data.label-mode probability",
    "balanced": "--data.sampling balanced",
    "smoothing": "--loss.label-smoothing 0.1",
    "sharp-labels": "--data.label-temperature 0.5",
    "soft-labels": "--data.label-temperature 2",
    "no-copies": "--data.dataset ferplus-unique",
    "no-averaging": "--ema-decay 0",
    "swa": "--swa-fraction 0.25",
    "sam": "--optimizer.sam-rho 0.05",
    "adamw": "--optimizer.name adamw --optimizer.learning-rate 0.003 --optimizer.weight-decay 0.05",
    "two-cycles": "--optimizer.cycles 2",
    "taught": "--distill.teachers fer-small --distill.weight 0.5",
    "self-taught": "--distill.teachers fer-tiny --distill.weight 0.5",
    "taught-by-two": "--distill.teachers fer-small,fer-tiny --distill.weight 0.5",
    "narrow-deep": "--model.arguments.widths 28-56-64 --model.arguments.depths 1-1-2",
    "wide-stem": "--model.arguments.stem-width 32 --model.arguments.widths 32-64-78",
    "repvgg": "--model.arguments.convolutions repvgg",
    "no-attention": "--model.arguments.attention none",
    "eca": "--model.arguments.attention eca",
    "cbam": "--model.arguments.attention cbam",
}
"""Options of `fer train` that make each variant. `no-copies` needs a data set:
`fer datasets derive ferplus ferplus-unique --exclude-duplicates`."""


def find_finished(name: str, workspace: Workspace) -> Run | None:
    """The run of that name, if there is one and it is finished."""
    try:
        run = load_run(workspace.run(name))
    except RunError:
        return None
    return run if run.state == "finished" else None


def train(name: str, options: Sequence[str], workspace: Workspace) -> None:
    """Train a run, or continue it."""
    what = ("--resume", name) if workspace.run(name).is_dir() else ("--name", name, *options)
    command = [sys.executable, "-m", "fer_core", "train", *what, "--no-wait", "--nice", "0"]
    subprocess.run(command, check=True)


def describe(values: Sequence[float], *, sign: str = "") -> str:
    """Mean and, of several seeds, standard deviation, in per cent."""
    mean = f"{100 * statistics.mean(values):{sign}.2f}"
    return f"{mean} +- {100 * statistics.stdev(values):.2f}" if len(values) > 1 else mean


def print_table(last: Mapping[str, Mapping[int, Mapping[str, float]]]) -> None:
    """Print a Markdown table of the last epochs, by variant and seed."""
    print("| variant | seeds | accuracy, % | accuracy - base, points | macro-F1, % | log loss |")
    print("|---|---|---|---|---|---|")
    base = last.get("base", {})
    for variant, rows in last.items():
        accuracy, macro_f1 = (
            [row[f"valid_{key}"] for row in rows.values()] for key in ("accuracy", "macro_f1")
        )
        loss = statistics.mean(row["valid_loss"] for row in rows.values())
        gains = [rows[seed]["valid_accuracy"] - base[seed]["valid_accuracy"] for seed in rows if seed in base]
        gain = describe(gains, sign="+") if gains and variant != "base" else ""
        print(
            f"| {variant} | {len(rows)} | {describe(accuracy)} | {gain} | {describe(macro_f1)} | {loss:.3f} |"
        )


def main(
    variants: tuple[str, ...] = tuple(VARIANTS),
    seeds: tuple[int, ...] = (1, 2, 3),
    epochs: int = 8,
    threads: int = 0,
    train_missing: Annotated[bool, tyro.conf.arg(name="train")] = True,
) -> None:
    """Train what is missing and print the table; differences are to `base`, seed by seed.

    Args:
        variants: Names from the list in this file; all of them if not given.
        seeds: Each variant is trained with each.
        epochs: Of each run.
        threads: CPU threads; 0 lets torch choose.
        train_missing: Train runs that are not there yet.
    """
    unknown = set(variants) - set(VARIANTS)
    if unknown:
        raise SystemExit(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(VARIANTS)}")
    workspace = Workspace.default()
    last: dict[str, dict[int, dict[str, float]]] = {}
    for seed, variant in itertools.product(seeds, variants):
        name = f"study-{epochs}-{variant}-{seed}"
        if train_missing and find_finished(name, workspace) is None:
            run_options = f"{BASE} {VARIANTS[variant]} --epochs {epochs} --seed {seed} --threads {threads}"
            train(name, run_options.split(), workspace)
        if run := find_finished(name, workspace):
            last.setdefault(variant, {})[seed] = dataclasses.asdict(run.load_metrics()[-1])
    print_table(last)


if __name__ == "__main__":
    tyro.cli(main)
