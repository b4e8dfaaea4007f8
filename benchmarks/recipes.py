"""What a training by one preset costs beside another's, without training either to its end.

    python benchmarks/recipes.py tiny distilled --threads 1

The presets take turns. Each time a few steps of the first and the last epoch, what teachers answer before the
first step, and the validation are timed and counted up to a whole training, as `fer estimate` does.
Processor time of all threads; the medians of the rounds and their range count.
"""

import dataclasses
import statistics
import time

import tyro
from tyro.conf import Positional

from fer_core.config import load_preset
from fer_core.training.estimate import estimate_training
from fer_core.workspace import Workspace


def main(presets: Positional[tuple[str, str]], *, rounds: int = 5, steps: int = 8, threads: int = 0) -> None:
    """Measure and print CPU minutes of both, and the ratio of the second to the first.

    Args:
        presets: The two.
        rounds: How often they take turns.
        steps: Steps that are timed in an epoch.
        threads: CPU threads of an operation; 0 takes the physical cores.
    """
    workspace = Workspace.default()
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for name, minutes in zip(presets, taken, strict=True):
            config = dataclasses.replace(load_preset(name), threads=threads)
            found = estimate_training(config, workspace, num_measured=steps, clock=time.process_time)
            minutes.append(found.total_seconds / 60)
    for name, minutes in zip(presets, taken, strict=True):
        print(f"{name}: {statistics.median(minutes):.1f} CPU min ({min(minutes):.1f} to {max(minutes):.1f})")
    ratios = [second / first for first, second in zip(*taken, strict=True)]
    print(f"ratio: {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    tyro.cli(main)
