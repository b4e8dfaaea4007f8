"""Runs the main commands one after the other, as a person would in a day. Started by test_commands.py.

Ends with status 1 and the command's name at the first one that fails.
"""

import sys
from pathlib import Path

import numpy as np

from fer_core.cli import main
from fer_core.data.builtin import write_schematic_faces
from fer_core.inference.sample import sample_path
from fer_core.workspace import Workspace
from tests.e2e.dashboard import moving_face, write_clip

SMALL = ["--model.arguments.widths", "8-8-8", "--threads", "1"]


def run(folder: Path) -> None:
    """Every main command, on small things."""
    workspace = Workspace.default()
    write_schematic_faces(workspace, num_images=240)
    clip = write_clip(folder / "clip.mp4", moving_face(4, (320, 240)))
    (folder / "fer2013.csv").write_text(
        "emotion,pixels,Usage\n"
        + "\n".join(
            f'{label},"{" ".join(map(str, np.random.default_rng(label).integers(0, 255, 2304)))}",{usage}'
            for label, usage in enumerate(["Training"] * 3 + ["PublicTest"] * 3)
        )
    )
    train = ["--preset", "quick", "--epochs", "1", *SMALL]
    for name, *rest in (
        ["import", folder / "fer2013.csv", "--name", "mine"],
        ["datasets", "list"],
        ["datasets", "verify", "mine"],
        ["summary", "gcn"],
        ["estimate", *train],
        ["train", *train, "--name", "first", "--nice", "0"],
        ["train", *train, "--name", "second", "--seed", "1", "--detach"],
        ["runs", "list"],
        ["runs", "log", "first"],
        ["evaluate", "first", "--save"],
        ["models", "list"],
        ["models", "show", "first/best"],
        ["export", "first"],
        ["models", "zip", "first", folder / "first.zip"],
        ["models", "import", folder / "first.zip", "--name", "other"],
        ["predict", sample_path(), "--model", "first", "--detector", "haar"],
        ["annotate", clip, folder / "drawn.mp4", "--model", "first", "--detector", "haar"],
        ["camera", clip, "--model", "first", "--detector", "haar", "--max-frames", "2"],
    ):
        print("$ fer", name, *rest, flush=True)  # noqa: T201 - says how far it came
        if main([name, *map(str, rest)]) != 0:
            sys.exit(f"fer {name} failed")


if __name__ == "__main__":
    run(Path(sys.argv[1]))
