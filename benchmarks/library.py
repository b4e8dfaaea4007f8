"""Speed of single library calls, mostly as ratios that a busy machine disturbs little.

python benchmarks/library.py report RUN [RUN ...]      # evaluation report, bootstrap included
python benchmarks/library.py runs --num-runs 1000      # listing runs
python benchmarks/library.py drawing                   # schematic faces, against encoding them as PNG
python benchmarks/library.py importing --num-images 20000    # against torchvision's ImageFolder
"""

import io
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from PIL import Image

from fer_core.config import TrainConfig, dump_config
from fer_core.data.importers.pictures import PictureOptions, import_pictures
from fer_core.data.synthetic import draw_face, generate_schematic_faces
from fer_core.evaluation.comparison import compare, find_evaluation
from fer_core.evaluation.report import build_report
from fer_core.io import write_json
from fer_core.labels import EMOTIONS
from fer_core.runs.reader import list_runs
from fer_core.workspace import Workspace

NUM_DISTINCT = 160
"""Drawn faces; the imported files are these, each with noise and light of its own."""


def measure(work: Callable[[], object]) -> tuple[float, float]:
    """Wall time and processor time of `work`, in seconds."""
    start = (time.perf_counter(), time.process_time())
    work()
    return time.perf_counter() - start[0], time.process_time() - start[1]


def report(runs: Annotated[tuple[str, ...], tyro.conf.Positional]) -> None:
    """Time the reports of evaluated runs (`fer evaluate RUN --save`), and their comparison."""
    workspace = Workspace.default()
    stored = [find_evaluation(key, workspace) for key in runs]
    for item in stored:
        seconds, _ = measure(partial(build_report, item.predictions, item.report.subject))
        print(f"{item.key}: {item.report.n:,} faces, {seconds:.2f} s")
    if len(stored) > 1:
        print(f"comparison of {len(stored)} models: {measure(partial(compare, stored, workspace))[0]:.2f} s")


def runs(num_runs: int = 1000) -> None:
    """Time the first and the fastest later listing of many runs, without torch."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        _write_runs(workspace, num_runs)
        seconds = [measure(partial(list_runs, workspace))[0] for _ in range(6)]
        assert len(list_runs(workspace)) == num_runs
    assert "torch" not in sys.modules
    print(f"{num_runs} runs: first list {seconds[0]:.3f} s, then {min(seconds[1:]):.3f} s; no torch loaded")


def _write_runs(workspace: Workspace, num_runs: int) -> None:
    """Run folders as trainings leave them: most finished, some whose process is gone."""
    draw = random.Random(0)
    for index in range(num_runs):
        folder = workspace.runs / f"20260101T{index:06d}-fer_resnet-faces-{index:04x}"
        folder.mkdir(parents=True)
        (folder / "config.toml").write_text(dump_config(TrainConfig(seed=index)))
        state = draw.choices(["finished", "stopped", "failed", "running"], [80, 8, 4, 8])[0]
        status = {"schema_version": 1, "state": state, "host": "vm", "pid": 10_000 + index, "epoch": 24}
        status |= {"process_started": 1.7e9, "process_birth": f"boot/{index}", "heartbeat": 1.7e9}
        status |= {"num_epochs": 24, "best_epoch": 20, "best_score": draw.random(), "device": "cpu"}
        write_json(folder / "status.json", status)
        if index % 3 == 0:
            write_json(folder / "notes.json", {"schema_version": 1, "tags": ["baseline"], "notes": ""})


def drawing(num_faces: int = 400, rounds: int = 5) -> None:
    """Time drawing faces against encoding them, in turns; processor time."""
    images = generate_schematic_faces(num_faces, seed=9).images

    def encode() -> None:
        for image in images:
            Image.fromarray(image).save(io.BytesIO(), "PNG")

    times = [
        (measure(partial(generate_schematic_faces, num_faces, seed=number))[1], measure(encode)[1])
        for number in range(rounds)
    ]
    drawn_s, encoded_s = np.median(times, axis=0)
    print(f"drawing {num_faces / drawn_s:,.0f} faces per second: {drawn_s / encoded_s:.1f} x PNG")


def importing(
    num_images: int = 20_000,
    side_px: int = 224,
    size_px: int = 48,
    threads: int = len(os.sched_getaffinity(0)),
    rounds: int = 3,
) -> None:
    """Time importing JPEGs against decoding them with ImageFolder, in turns, with as many threads each."""
    from torchvision.datasets import ImageFolder

    with tempfile.TemporaryDirectory(prefix="fer-import-") as folder:
        source = Path(folder) / "source"
        _write_pictures(source, num_images, side_px)
        files = ImageFolder(str(source / "train"))
        options = PictureOptions(width=size_px, height=size_px, color="gray")
        times = []
        for number in range(rounds):
            target = Path(folder) / f"set-{number}"
            times.append(
                (
                    *measure(partial(_decode_all, files, threads)),
                    *measure(partial(import_pictures, source, target, options, num_threads=threads)),
                )
            )
            print(f"round {number + 1}: ImageFolder {num_images / times[-1][0]:,.0f} images/s, import "
                  f"{num_images / times[-1][2]:,.0f} images/s", flush=True)  # fmt: skip
    decode_s, decode_cpu_s, import_s, import_cpu_s = np.median(times, axis=0)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"{num_images:,} JPEGs of {side_px} px to {size_px} px, {threads} thread(s): import at "
          f"{decode_s / import_s:.2f} of the speed of ImageFolder ({decode_cpu_s / import_cpu_s:.2f} by "
          f"processor time); peak memory {peak_mb:.0f} MB")  # fmt: skip


def _write_pictures(folder: Path, num_images: int, side_px: int) -> None:
    """Draw class folders of JPEGs."""
    faces = [
        draw_face(EMOTIONS[index % 8], np.random.default_rng(index), size=side_px, color="rgb")
        for index in range(NUM_DISTINCT)
    ]
    rng = np.random.default_rng(0)
    for name in EMOTIONS:
        (folder / "train" / name).mkdir(parents=True)
    for index in range(num_images):
        face = faces[index % NUM_DISTINCT].astype(np.int16) + rng.integers(-20, 20)
        face = face + rng.integers(-3, 4, (side_px // 4, side_px // 4, 1)).repeat(4, 0).repeat(4, 1)
        path = folder / "train" / EMOTIONS[index % 8] / f"{index:06d}.jpg"
        Image.fromarray(face.clip(0, 255).astype(np.uint8)).save(path, quality=92)


def _decode_all(source: Sequence[object], threads: int) -> None:
    """Decode every file with ImageFolder; in threads, since decoders release the lock."""
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(source.__getitem__, range(len(source))):
            pass


if __name__ == "__main__":
    tyro.extras.subcommand_cli_from_dict(
        {"report": report, "runs": runs, "drawing": drawing, "importing": importing}
    )
