"""How fast a live step is, stage by stage, and what a training on the same machine does to it.

    python benchmarks/live.py                     # the shipped model, YuNet, 640x480, one face
    python benchmarks/live.py --beside-training   # also: 30 frames a second alone, then beside `fer train`

The machine is rarely idle, so look at the ratios too. No browser and no network take part.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tyro

from fer_core.checkpoint import CheckpointInfo, InputSpec, list_checkpoints
from fer_core.data.schematic.actions import FaceActions, draw_actions
from fer_core.data.schematic.canvas import View
from fer_core.data.schematic.drawing import render_face
from fer_core.data.schematic.person import Person
from fer_core.inference.detectors import default_detector
from fer_core.inference.interfaces import Predictor
from fer_core.inference.live import LiveSession
from fer_core.inference.live_engine import LiveSettings
from fer_core.inference.live_stats import LiveReport
from fer_core.inference.pipeline import build_pipeline
from fer_core.inference.predictor import load_predictor
from fer_core.inference.threads import limit_threads
from fer_core.inference.torch_predictor import TorchPredictor
from fer_core.inference.tracker import TemporalConfig
from fer_core.labels import EMOTIONS
from fer_core.types import UInt8Array
from fer_core.workspace import PROJECT_ROOT, Workspace

BUDGET_MS = 33.0
FPS = 30


def main(
    model: str | None = None,
    detector: str | None = None,
    num_frames: int = 300,
    threads: int = 0,
    beside_training: bool = False,
    seconds: float = 20.0,
    nice: int = 10,
) -> int:
    """Measure.

    Args:
        model: a checkpoint's name; without it the first there is, or random weights of the shipped size.
        detector: a name in the detector registry; without it the best that is installed.
        num_frames: frames a measurement of the stages.
        threads: of torch and OpenCV; 0 is what the program takes by itself.
        beside_training: also feed 30 frames a second, alone and beside `fer train`.
        seconds: length of each of those.
        nice: how far the training steps back; 10 is what `fer train` does by itself.
    """
    threads = limit_threads(threads)
    workspace = Workspace.default()
    predictor, model_name = load_model(model, workspace)
    detector = detector or default_detector(workspace)
    frames = draw_frames(90)
    print(f"{model_name} · {detector} · {threads} thread(s) · load average {os.getloadavg()[0]:.1f}")
    for every in (1, TemporalConfig().detect_every):
        session = build_session(predictor, detector, workspace, every)
        print(f"\nfaces looked for in every {'' if every == 1 else f'{every}rd '}frame, {num_frames} frames")
        print_stages(measure_stages(session, frames, num_frames))
    if beside_training:
        measure_pace(lambda: build_session(predictor, detector, workspace, 3), frames, seconds, nice)
    return 0


def load_model(reference: str | None, workspace: Workspace) -> tuple[Predictor, str]:
    """A checkpoint, or random weights where there is none: speed does not depend on what they are."""
    entries = list_checkpoints(workspace)
    if reference is None and entries:
        reference = entries[0].key
    if reference is not None:
        return load_predictor(reference, workspace), reference
    from fer_core.models import build_model, count_parameters

    network = build_model("fer_resnet", num_classes=len(EMOTIONS), in_channels=1, arguments={})
    info = CheckpointInfo(
        name="random",
        architecture="fer_resnet",
        arguments={},
        classes=EMOTIONS,
        input=InputSpec(height=48, width=48, color="gray", mean=(0.5,), std=(0.25,)),
        weights_sha256="0" * 64,
        num_parameters=count_parameters(network),
    )
    return TorchPredictor(
        network, info
    ), f"fer_resnet with random weights, {info.num_parameters:,} parameters"


def draw_frames(num_frames: int) -> list[UInt8Array]:
    """A drawn person who moves and smiles, 640 x 480."""
    rng = np.random.default_rng(3)
    person, smile = Person.random(rng), draw_actions("happiness", 1.0, rng)
    frames = []
    for index in range(num_frames):
        phase = 2 * np.pi * index / num_frames
        view = View(side=3.0, center=(0.2 * np.sin(phase), 0.2), tilt_deg=5 * np.sin(phase))
        actions = FaceActions().blended(smile, 0.5 - 0.5 * np.cos(phase))
        frames.append(render_face(person, actions, view, height_px=480, width_px=640))
    return frames


def build_session(predictor: Predictor, detector: str, workspace: Workspace, every: int) -> LiveSession:
    session = LiveSession(window_s=3600)  # the report covers the whole measurement
    parts = build_pipeline(detector, predictor, workspace, is_stream=True)
    session.configure(parts.detector, [predictor], LiveSettings(temporal=TemporalConfig(detect_every=every)))
    return session


def measure_stages(session: LiveSession, frames: Sequence[UInt8Array], num_frames: int) -> LiveReport:
    """Process frame after frame without a pause."""
    for index in range(num_frames):
        session.process(frames[index % len(frames)])
    report = session.report()
    assert report.num_failed == 0, report.errors
    (reading,) = session.readings()
    assert reading.face is not None, "the detector does not find the face"
    return report


def print_stages(report: LiveReport) -> None:
    print(f"{'stage':<10}{'p50 ms':>9}{'p95 ms':>9}")
    for name in ("detect", "classify", "track", "draw"):
        print(f"{name:<10}{report.stages[name].p50_ms:>9.2f}{report.stages[name].p95_ms:>9.2f}")
    print(f"{'whole step':<10}{report.latency_p50_ms:>9.2f}{report.latency_p95_ms:>9.2f}")
    rest = sum(report.stages[name].p50_ms for name in ("classify", "track", "draw"))
    detect, p95 = report.stages["detect"].p50_ms, report.latency_p95_ms
    print(f"classify + track + draw = {rest:.2f} ms = {rest / detect:.2f} x detect (target: below 1)")
    print(f"whole step p95 = {p95 / BUDGET_MS:.2f} x {BUDGET_MS:.0f} ms (target: at most 1)")


def measure_pace(
    build: Callable[[], LiveSession], frames: Sequence[UInt8Array], seconds: float, nice: int
) -> None:
    """Print how many of 30 frames a second are analyzed, alone and beside a training."""
    print(f"\n{FPS} frames a second for {seconds:.0f} s; what is not taken in time is dropped")
    print(f"{'':<28}{'analyzed':>10}{'fps':>7}{'p50 ms':>9}{'p95 ms':>9}")
    print_pace("alone", *run_paced(build(), frames, seconds))
    with training_beside(nice) as is_training:
        before = is_training()
        result = run_paced(build(), frames, seconds)
        assert before and is_training(), "the training ended too soon to say anything"
    print_pace(f"beside `fer train --nice {nice}`", *result)


def run_paced(
    session: LiveSession, frames: Sequence[UInt8Array], seconds: float
) -> tuple[int, int, list[float]]:
    """Hand over frames as a camera would; returns frames received, analyzed, and times in ms."""
    start, taken, latencies = time.perf_counter(), 0, []
    while taken < seconds * FPS:
        due = start + (taken + 1) / FPS
        if (wait := due - time.perf_counter()) > 0:
            time.sleep(wait)
        arrived = min(int((time.perf_counter() - start) * FPS), round(seconds * FPS))
        before = time.perf_counter()
        session.process(frames[arrived % len(frames)], num_received=max(1, arrived - taken))
        latencies.append(1e3 * (time.perf_counter() - before))
        taken = max(arrived, taken + 1)
    return taken, len(latencies), latencies


def print_pace(name: str, num_received: int, num_processed: int, latencies: list[float]) -> None:
    p50, p95 = np.percentile(latencies, [50, 95])
    share = num_processed / num_received
    print(f"{name:<28}{share:>9.1%}{share * FPS:>8.1f}{p50:>9.2f}{p95:>9.2f}")


@contextmanager
def training_beside(nice: int):
    """Run `fer train` on drawn faces in a separate folder; yields a function that says whether it runs."""
    with tempfile.TemporaryDirectory(prefix="fer-bench-") as folder:
        environment = os.environ | {"FER_WORKSPACE": folder}
        command = [sys.executable, "-m", "fer_core"]
        subprocess.run(
            [*command, "import", "schematic-faces"], env=environment, check=True, capture_output=True
        )
        training = subprocess.Popen(
            [*command, "train", "--preset", "quick", "--epochs", "500", "--nice", str(nice)],
            env=environment,
            cwd=PROJECT_ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            deadline = time.monotonic() + 120
            while not any(Path(folder, "runs").glob("*/metrics.jsonl")) and time.monotonic() < deadline:
                time.sleep(0.5)
            yield lambda: training.poll() is None
        finally:
            training.terminate()
            training.wait(60)


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
