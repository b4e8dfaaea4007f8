"""What each part of the recipe of `fer-tiny` is worth: short runs with several seeds, against the recipe.

    python benchmarks/study.py --epochs 8 --seeds 1 2 3 --threads 1 --variants base no-mixing cutmix

Runs that are already finished are only read, so a study can be stopped and gone on with. Figures are those of
the last epoch, not of the best one: nothing is chosen on the split that is reported.
"""

import statistics
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

import tyro

from fer_core.errors import RunError
from fer_core.runs.reader import Run, load_run
from fer_core.workspace import Workspace

VARIANTS: Final[dict[str, str]] = {
    "base": "",
    "no-mixing": "--augment.mixup-alpha 0",
    "mixing-as-small": "--augment.mixup-alpha 0.4 --augment.mixup-probability 0.5",
    "cutmix": "--augment.mixup-alpha 0 --augment.cutmix-alpha 1",
    "no-erasing": "--augment.erasing-probability 0",
    "no-augmentation": "--augment.apply-probability 0 --augment.mixup-alpha 0",
    "randaugment": "--augment.randaugment-ops 1",
    "spoilt": "--augment.degrade-probability 0.15",
    "majority": "--data.label-mode majority",
    "probability": "--data.label-mode probability",
    "balanced": "--data.sampling balanced",
    "smoothing": "--loss.label-smoothing 0.1",
    "no-averaging": "--ema-decay 0",
    "sam": "--optimizer.sam-rho 0.05",
    "adamw": "--optimizer.name adamw --optimizer.learning-rate 0.003 --optimizer.weight-decay 0.05",
    "two-cycles": "--optimizer.cycles 2",
    "taught": "--distill.teachers fer-small --distill.weight 0.5",
    "narrow-deep": "--model.arguments.widths 28-56-64 --model.arguments.depths 1-1-2",
    "wide-stem": "--model.arguments.stem-width 32 --model.arguments.widths 32-64-78",
}


def train(name: str, options: Sequence[str], workspace: Workspace) -> Run:
    """The finished run of that name, trained first (or trained on) where it is not there."""
    try:
        run = load_run(workspace.run(name))
    except RunError:
        run = None
    if run is None or run.state != "finished":
        what = ("--resume", name) if run else ("--preset", "tiny", "--name", name, *options)
        command = [sys.executable, "-m", "fer_core", "train", *what, "--no-wait", "--nice", "0"]
        subprocess.run(command, check=True)
    return load_run(workspace.run(name))


def describe(values: Sequence[float]) -> str:
    """Mean and, of several seeds, standard deviation, in per cent."""
    spread = f"+- {100 * statistics.stdev(values):4.2f}" if len(values) > 1 else "(one)"
    return f"{100 * statistics.mean(values):7.2f} {spread:7}"


def main(
    variants: tuple[str, ...] = ("base",),
    seeds: tuple[int, ...] = (1, 2, 3),
    epochs: int = 8,
    threads: int = 0,
) -> None:
    """Train what is missing and print the table; differences are to `base`, seed by seed.

    Args:
        variants: Names from the list in this file.
        seeds: Each variant is trained with each.
        epochs: Of each run.
        threads: CPU threads; 0 lets torch choose.
    """
    unknown = set(variants) - set(VARIANTS)
    if unknown:
        raise SystemExit(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(VARIANTS)}")
    workspace = Workspace.default()
    last: dict[tuple[str, int], dict[str, float]] = {}
    for seed in seeds:
        for variant in variants:
            options = (
                *VARIANTS[variant].split(),
                "--epochs",
                str(epochs),
                "--seed",
                str(seed),
                "--threads",
                str(threads),
            )
            run = train(f"study-{epochs}-{variant}-{seed}", options, workspace)
            last[variant, seed] = run.load_metrics()[-1]
    print("variant            accuracy, %        macro-F1, %        log loss    accuracy - base, points")
    for variant in variants:
        rows = [last[variant, seed] for seed in seeds]
        accuracy, macro_f1 = ([row[f"valid_{name}"] for row in rows] for name in ("accuracy", "macro_f1"))
        loss = statistics.mean(row["valid_loss"] for row in rows)
        gains = [
            last[variant, seed]["valid_accuracy"] - last["base", seed]["valid_accuracy"]
            for seed in seeds
            if ("base", seed) in last
        ]
        difference = describe(gains) if gains else ""
        print(f"{variant:16}  {describe(accuracy)}  {describe(macro_f1)}  {loss:10.3f}  {difference}")


if __name__ == "__main__":
    tyro.cli(main)
