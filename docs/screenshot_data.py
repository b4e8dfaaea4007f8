"""What is on the screenshots: a workspace of drawn faces, models of them, a search, a study, a collection."""

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
STUDY, COLLECTION, PEOPLE, CONDITIONS = "smiles", "drawn-faces", ("p1", "p2"), ("rest", "film")
ONE_THREAD = ("--threads", "1")
"""The figures are then the same on every machine of one kind, and a busy machine is not much slower."""
PATTERN = "{participant}/{condition}/*.mp4"
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
    scores = [workspace.run(name) / "report.json" for name in (FIRST, SECOND)]
    corrupted = [path.with_name("robustness.json") for path in scores]
    clips = write_clips(workspace.root / "clips")
    study = workspace.root / "studies" / STUDY
    for product, arguments in (
        ([workspace.dataset("schematic-faces")], ["import", "schematic-faces"]),
        ([workspace.run(FIRST)], ["train", "--preset", "quick", "--name", FIRST, *ONE_THREAD]),
        (
            [workspace.run(SECOND)],
            ["train", "--preset", "quick", "--name", SECOND, "--epochs", "4", *ONE_THREAD],
        ),
        (scores, ["evaluate", FIRST, SECOND, "--save", *ONE_THREAD]),
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
        ([workspace.root / "collections" / COLLECTION], ["collect", COLLECTION, *clips, "--count", "24"]),
        ([study], ["study", "create", STUDY, "--codes", "smile"]),
        (
            [study / "results" / "p1_rest"],
            ["study", "add", STUDY, "--folder", str(workspace.root / "clips"), "--pattern", PATTERN],
        ),
        ([study / "results" / "p1_rest"], ["study", "run", STUDY, "--workers", "1"]),
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


def write_clips(folder: Path) -> list[str]:
    """Paths of a short video of each person in each condition; those that are there stay."""
    paths = []
    for seed, (person, condition) in enumerate(itertools.product(PEOPLE, CONDITIONS)):
        path = folder / person / condition / f"{person}_{condition}.mp4"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            names = EXPRESSIONS if condition == CONDITIONS[1] else ("neutral", "sadness", "neutral")
            write_clip(path, changing_face(names, seed=SEED + seed // len(CONDITIONS)), fps=15)
        paths.append(str(path))
    return paths


def changing_face(names: Sequence[str] = EXPRESSIONS, seed: int = SEED) -> Iterator[UInt8Array]:
    """Frames of a drawn face that changes its expression: RGB, 640 x 480."""
    portraits = [
        np.pad(draw_portrait(name, np.random.default_rng(seed), size=480), ((0, 0), (80, 80), (0, 0)), "edge")
        for name in names
    ]
    for start, end in itertools.pairwise(portraits):
        for step in range(FRAMES_EACH):
            share = min(1.0, step / FRAMES_OF_CHANGE)
            yield ((1 - share) * start + share * end).astype(np.uint8)
