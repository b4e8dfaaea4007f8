"""What is on the screenshots: a workspace of drawn faces, models of them and a search."""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from fer_core.data.synthetic import draw_portrait
from fer_core.types import UInt8Array
from fer_core.workspace import WORKSPACE_VARIABLE, Workspace
from tests.e2e.dashboard import write_clip

EXPRESSIONS = ("neutral", "neutral", "happiness", "surprise", "sadness", "happiness")
SEED, FRAMES_EACH, FRAMES_OF_CHANGE = 1, 24, 9
FIRST, SECOND, SEARCH = "quick-a", "quick-b", "learning-rate"
STUDY, COLLECTION = "films", "lab-faces"
TAKES = {
    "anna/comedy": ("neutral", "happiness", "happiness", "surprise"),
    "anna/drama": ("neutral", "sadness", "sadness", "fear"),
    "ben/comedy": ("neutral", "neutral", "happiness", "happiness"),
    "ben/drama": ("neutral", "anger", "sadness", "sadness"),
    "cleo/comedy": ("happiness", "surprise", "happiness", "neutral"),
    "cleo/drama": ("neutral", "surprise", "fear", "sadness"),
}
"""What is drawn for each recording of the study: participant and condition."""
ONE_THREAD = ("--threads", "1")
"""The figures are then the same on every machine of one kind, and a busy machine is not much slower."""
SPACE = """
[space."optimizer.learning_rate"]
low = 0.0005
high = 0.02
log = true

[space."augment.rotation_deg"]
low = 0.0
high = 20.0
"""


def fill(workspace: Workspace, folder: Path) -> None:
    """Draw the built-in data set, train two models on it, score them, and search a little; once."""
    space = folder / "space.toml"
    space.write_text(SPACE)
    takes = workspace.root / "takes"
    write_takes(takes)
    scores = [workspace.run(name) / "report.json" for name in (FIRST, SECOND)]
    corrupted = [path.with_name("robustness.json") for path in scores]
    for product, arguments in (
        ([workspace.dataset("schematic-faces")], ["import", "schematic-faces"]),
        ([workspace.run(FIRST)], ["train", "--preset", "quick", "--name", FIRST, *ONE_THREAD]),
        (
            [workspace.run(SECOND)],
            ["train", "--preset", "quick", "--name", SECOND, "--epochs", "4", *ONE_THREAD],
        ),
        (scores, ["evaluate", FIRST, SECOND, "--save", *ONE_THREAD]),
        ([workspace.study(STUDY)], ["study", "create", STUDY, "--codes", "smile", "stimulus"]),
        (
            [workspace.study(STUDY) / "results"],
            ["study", "add", STUDY, "--folder", str(takes), "--pattern", "{participant}/{condition}.mp4"],
        ),
        ([workspace.study(STUDY) / "results"], ["study", "run", STUDY]),
        ([workspace.collection(COLLECTION)], ["collect", COLLECTION, str(takes), "--every", "0.5"]),
        (corrupted, ["robustness", FIRST, SECOND, "--num-faces", "200", "--save"]),
        (
            [workspace.root / "sweeps" / SEARCH],
            [
                "sweep",
                SEARCH,
                "--preset",
                "quick",
                "--space",
                str(space),
                "--trials",
                "5",
                "--epochs",
                "1",
                *ONE_THREAD,
            ],
        ),
    ):
        if all(path.exists() for path in product):
            continue
        sys.stdout.write(f"fer {' '.join(arguments)}\n")
        sys.stdout.flush()
        subprocess.run(
            [sys.executable, "-m", "fer_core", *arguments],
            env=os.environ | {WORKSPACE_VARIABLE: str(workspace.root)},
            stdout=subprocess.DEVNULL,
            check=True,
        )


def write_takes(folder: Path) -> None:
    """Write the study's recordings: a person each, drawn alike in both conditions."""
    for seed, people in enumerate(itertools.groupby(TAKES, lambda name: name.partition("/")[0])):
        for name in people[1]:
            path = folder / f"{name}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_clip(path, changing_face(TAKES[name], seed), fps=15)


def changing_face(expressions: Sequence[str] = EXPRESSIONS, seed: int = SEED) -> Iterator[UInt8Array]:
    """Frames of a drawn face that changes its expression: RGB, 640 x 480."""
    portraits = [
        np.pad(draw_portrait(name, np.random.default_rng(seed), size=480), ((0, 0), (80, 80), (0, 0)), "edge")
        for name in expressions
    ]
    for start, end in itertools.pairwise(portraits):
        for step in range(FRAMES_EACH):
            share = min(1.0, step / FRAMES_OF_CHANGE)
            yield ((1 - share) * start + share * end).astype(np.uint8)
