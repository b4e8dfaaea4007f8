"""What the workbench costs: each job against a yardstick, in turns, in processor time of all threads.

    python benchmarks/speed.py                        # prints the table; --write: into docs/SPEED.md
    python benchmarks/speed.py --against ../before    # also against another checkout of this program

Ratios hold for one kind of processor; the table names it. A yardstick is the least that such a job could take
(decoding and encoding for a video, the training's own arithmetic), or a job of the same size that every
machine knows. Of each job, and of each checkout, a process of its own is measured, in turns.
"""

import io
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import numpy as np
import tyro

ROOT: Final[Path] = Path(__file__).resolve().parents[1]
VIDEOS: Final[Path] = ROOT.parent / "shared" / "media" / "videos"
SPEED: Final[Path] = ROOT / "docs" / "SPEED.md"
_INSTRUCTIONS: Final[tuple[str, ...]] = ("amx_tile", "avx512_vnni", "avx_vnni", "avx512f", "avx2")
NUM_FACES = 200
NUM_ALIKE = 500
NUM_LARGE = 24
NUM_STEPS = 100
ENCODING: Final[str] = "decoding and encoding (x264's medium, crf 20)"
"""Whatever is chosen for the videos that are annotated, so that the ratios of two versions compare."""

Action = Callable[[], object]


class Job(NamedTuple):
    """Something that takes time, and what it is held against."""

    title: str
    yardstick: str
    build: Callable[[Path], tuple[Action, Action]]
    """Makes both, given an empty folder."""


def main(
    jobs: Annotated[tuple[str, ...], tyro.conf.Positional] = (),
    *,
    rounds: int = 5,
    against: Path | None = None,
    write: bool = False,
    measure: bool = False,
) -> None:
    """Measure and tell.

    Args:
        jobs: which; all, if none is named.
        rounds: pairs of measurements; medians count.
        against: another checkout, whose job is measured in turns with this one's.
        write: put the table into docs/SPEED.md, before its second heading.
        measure: measure one job in this very process, for the others of them.
    """
    if measure:
        print(json.dumps(measure_pairs(JOBS[jobs[0]], rounds)))
        return
    lines = [
        f"{date.today():%Y-%m-%d}, {describe_machine()}, load {os.getloadavg()[0]:.1f}, {rounds} rounds",
        "",
        "| job | CPU s | over | ratio | spread | over before |",
        "|---|---|---|---|---|---|",
    ]
    for name in jobs or JOBS:
        job = JOBS[name]
        ours, before = run_in_turns(name, rounds, against)
        ratios = [a / b for a, b in ours]
        changes = [a / b for (a, _), (b, _) in zip(ours, before, strict=False)]
        lines.append(
            f"| {job.title} | {statistics.median(a for a, _ in ours):.3f} | {job.yardstick} "
            f"| {statistics.median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f} "
            f"| {f'{statistics.median(changes):.2f}' if changes else ''} |"
        )
        print(lines[-1], flush=True)
    if write:
        _, *rest = SPEED.read_text().partition("\n## ")
        SPEED.write_text("\n".join([_HEAD, *lines, "".join(rest)]))


_HEAD: Final[str] = """# Speed
Written by `make bench` (`benchmarks/speed.py`): processor time of all threads, each job in turns with its
yardstick; medians of the pairs' ratios, and their least and most. *Over before*: the same job of an older
checkout (`--against`). Ratios hold for the processor named, and for no other.
"""


def run_in_turns(
    name: str, rounds: int, against: Path | None
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """(job, yardstick) seconds of this checkout and of the other, a process each round."""
    ours: list[tuple[float, float]] = []
    before: list[tuple[float, float]] = []
    for _ in range(1 if against is None else rounds):
        ours += run_elsewhere(name, rounds if against is None else 1, ROOT)
        if against is not None:
            before += run_elsewhere(name, 1, against)
    return ours, before


def run_elsewhere(name: str, rounds: int, checkout: Path) -> list[tuple[float, float]]:
    """Measure with the library of a checkout; nothing, if that is another one which can't do it yet."""
    command = [sys.executable, __file__, name, "--measure", "--rounds", str(rounds)]
    paths = os.pathsep.join(map(str, (checkout.resolve(), ROOT)))
    done = subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=None if checkout is ROOT else subprocess.DEVNULL,
        text=True,
        check=checkout is ROOT,
    )
    return (
        [] if done.returncode else [(one, other) for one, other in json.loads(done.stdout.splitlines()[-1])]
    )


def measure_pairs(job: Job, rounds: int) -> list[tuple[float, float]]:
    """Processor seconds of the job and of its yardstick, in turns, after one of each that loads libraries."""
    with tempfile.TemporaryDirectory(prefix="fer-speed-") as folder:
        actions = job.build(Path(folder))
        for action in actions:
            action()
        return [(seconds(actions[0]), seconds(actions[1])) for _ in range(rounds)]


def seconds(action: Action) -> float:
    start = time.process_time()
    action()
    return time.process_time() - start


def describe_machine() -> str:
    """Processor and what it can, cores, Python."""
    facts = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").is_file() else ""
    names = [line.split(":", 1)[1].strip() for line in facts.splitlines() if line.startswith("model name")]
    known = [name for name in _INSTRUCTIONS if f" {name}" in facts]
    return (
        f"{names[0] if names else platform.processor()} ({', '.join(known)}), {os.cpu_count()} cores, "
        f"Python {platform.python_version()}"
    )


def enlarge(source: Path, target: Path, height: int) -> Path:
    """The first frames of a video, so many pixels high."""
    import av

    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        first = reader.streams.video[0]
        track = writer.add_stream("libx264", rate=first.average_rate, options={"preset": "veryfast"})
        track.height, track.width = height, round(first.width * height / first.height / 2) * 2
        for frame in itertools.islice(reader.decode(first), NUM_LARGE):
            writer.mux(track.encode(frame.reformat(track.width, track.height, interpolation="BICUBIC")))
        writer.mux(track.encode(None))
    return target


def build_video(folder: Path, clip: str, *, is_drawn: bool, height: int = 0) -> tuple[Action, Action]:
    from benchmarks.video import transcode
    from fer_core.cli.streams import build_stream
    from fer_core.inference.video import FILE_TEMPORAL, EncoderSettings, annotate_video

    source = VIDEOS / clip
    stream = build_stream(
        None,
        None,
        detect_every=FILE_TEMPORAL.detect_every,
        smoothing=FILE_TEMPORAL.smoothing_s,
        threads=0,
        runtime="auto",
        device="cpu",
        prior="training",
    )
    if height:
        source = enlarge(source, folder / "large.mp4", height)
    target = folder / "out.mp4" if is_drawn else None
    return (
        lambda: annotate_video(source, target, stream, table=folder / "out.csv"),
        lambda: transcode(source, folder / "plain.mp4", EncoderSettings(preset="medium", crf=20)),
    )


def build_drawing(_folder: Path) -> tuple[Action, Action]:
    from PIL import Image

    from fer_core.data.synthetic import generate_schematic_faces

    images = generate_schematic_faces(NUM_FACES, seed=9).images
    return (
        lambda: generate_schematic_faces(NUM_FACES),
        lambda: [Image.fromarray(image).save(io.BytesIO(), "PNG") for image in images],
    )


def build_copies(_folder: Path) -> tuple[Action, Action]:
    from fer_core.data.duplicates import find_duplicates

    images = np.random.default_rng(0).integers(0, 256, (8000, 48, 48), np.uint8)
    images = np.repeat(np.repeat(images[:, ::8, ::8], 8, axis=1), 8, axis=2)
    return lambda: find_duplicates(images), lambda: np.sort(images, axis=2)


def build_alike(_folder: Path) -> tuple[Action, Action]:
    """As the frames of one calm clip: each resembles every other."""
    from fer_core.data.duplicates import find_duplicates
    from fer_core.data.synthetic import generate_schematic_faces

    face = generate_schematic_faces(8, seed=9).images[0].astype(np.int16)
    noise = np.random.default_rng(0).integers(-2, 3, (NUM_ALIKE, *face.shape), np.int16)
    images = (face + noise).clip(0, 255).astype(np.uint8)
    return lambda: find_duplicates(images), lambda: np.sort(images, axis=2)


def build_embeddings(_folder: Path) -> tuple[Action, Action]:
    import torch

    from fer_core.checkpoint import default_checkpoint
    from fer_core.evaluation.label_errors import predict_out_of_fold
    from fer_core.evaluation.scoring import compute_embeddings
    from fer_core.models import load_checkpoint
    from fer_core.workspace import Workspace

    model, info = load_checkpoint(default_checkpoint(Workspace.default()).folder)
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (NUM_FACES, 48, 48), np.uint8), np.arange(NUM_FACES) % 8
    options = {"rough": True} if "rough" in compute_embeddings.__wrapped__.__code__.co_varnames else {}

    def judge() -> None:
        found, _ = compute_embeddings(
            model, images, np.arange(NUM_FACES), info.input, device=torch.device("cpu"), **options
        )
        predict_out_of_fold(found, labels, np.arange(NUM_FACES))

    square = torch.rand(1024, 1024)
    return judge, lambda: [square @ square for _ in range(20)]


def build_quick(folder: Path) -> tuple[Action, Action]:
    import torch

    from fer_core.config import load_preset
    from fer_core.data.builtin import write_schematic_faces
    from fer_core.training.task import load_task
    from fer_core.training.trainer import create_trainer
    from fer_core.workspace import Workspace

    workspace, config = Workspace(folder), load_preset("quick")
    write_schematic_faces(workspace)
    model = load_task(config, workspace).model.to(memory_format=torch.channels_last)
    images = torch.rand(config.batch_size, 1, 48, 48).contiguous(memory_format=torch.channels_last)
    names = map(str, itertools.count())

    def step() -> None:
        model(images).sum().backward()

    return (
        lambda: create_trainer(config, workspace, name=next(names)).run(),
        lambda: [step() for _ in range(NUM_STEPS)],
    )


def build_live(_folder: Path) -> tuple[Action, Action]:
    import cv2

    from benchmarks.live import build_session, draw_frames, load_model
    from fer_core.inference.detectors import default_detector
    from fer_core.inference.threads import limit_threads
    from fer_core.workspace import Workspace

    limit_threads(0)
    workspace = Workspace.default()
    predictor, _ = load_model(None, workspace)
    session = build_session(predictor, default_detector(workspace), workspace, 3)
    frames = draw_frames(30)
    return (
        lambda: [session.process(frame) for frame in frames],
        lambda: [cv2.imencode(".jpg", frame) for frame in frames],
    )


JOBS: Final[dict[str, Job]] = {
    **{
        f"{kind}-{clip.split('_')[0]}": Job(
            f"{title} {clip}",
            ENCODING,
            lambda folder, clip=clip, kind=kind: build_video(folder, clip, is_drawn=kind == "annotate"),
        )
        for clip in ("justinshenk_woman2.mp4", "pyfeat_single_face.mp4")
        for kind, title in (("annotate", "annotate"), ("table", "table alone of"))
    },
    **{
        f"annotate-{height}p": Job(
            f"annotate the second at {height} lines, {NUM_LARGE} frames",
            ENCODING,
            lambda folder, height=height: build_video(
                folder, "pyfeat_single_face.mp4", is_drawn=True, height=height
            ),
        )
        for height in (1080, 2160)
    },
    "quick": Job("fer train --preset quick", f"its network's arithmetic, {NUM_STEPS} steps", build_quick),
    "live": Job("live, 30 frames 640x480", "coding them as JPEG", build_live),
    "drawing": Job(f"drawing {NUM_FACES} faces", "coding them as PNG", build_drawing),
    "copies": Job("copies among 8,000 images", "sorting their rows' pixels", build_copies),
    "copies-alike": Job(f"copies among {NUM_ALIKE} alike images", "sorting their rows' pixels", build_alike),
    "label-errors": Job(f"label errors of {NUM_FACES} faces", "20 products of 1024 x 1024", build_embeddings),
}


if __name__ == "__main__":
    tyro.cli(main)
