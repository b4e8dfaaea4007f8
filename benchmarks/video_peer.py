"""A table of a video beside `fer` 25.10 (Haar, boxes and labels only): CPU time a frame, decoding included.

    python3 -m venv /tmp/fer && /tmp/fer/bin/pip install fer==25.10.3          # 7.5 GB
    python benchmarks/video_peer.py ../shared/media/videos/justinshenk_woman2.mp4 /tmp/fer/bin/python

All are measured in turns, each in a process of its own that has read a few frames before. Ours follows faces
and writes a table as well; with YuNet, and with Haar, which is what there is before YuNet was fetched.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import tyro
from tyro.conf import Positional

from fer_core.cli.streams import build_stream
from fer_core.inference.video import FILE_TEMPORAL, annotate_video
from fer_core.workspace import PROJECT_ROOT

_PEER: Final[str] = """
import sys, time
import cv2
from fer.fer import FER

peer = FER(mtcnn=False)
def read(most):
    capture, num = cv2.VideoCapture(sys.argv[1]), 0
    while num < most and (got := capture.read())[0]:
        peer.detect_emotions(got[1])
        num += 1
    return num
read(3)
start = time.process_time()
num = read(10**9)
print(1e3 * (time.process_time() - start) / num)
"""


def main(video: Positional[Path], peer: Positional[Path], *, rounds: int = 3, detector: str = "") -> None:
    """Measure and compare.

    Args:
        video: of about one face.
        peer: the Python that has `fer` installed.
        rounds: measurements of each; medians count.
        detector: only print what ours takes with it, in this process.
    """
    if detector:
        print(measure(video, detector))
        return
    video = video.resolve()
    ours = [sys.executable, __file__, str(video), str(peer), "--detector"]
    commands = {
        "fer": [str(peer), "-c", _PEER, str(video)],
        "yunet": [*ours, "yunet"],
        "haar": [*ours, "haar"],
    }
    found: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            found[name].append(run(command))
    theirs = statistics.median(found["fer"])
    for name, values in found.items():
        own = statistics.median(values)
        spread = f"{min(values):.1f} to {max(values):.1f}"
        print(f"{name:6} {own:6.1f} CPU ms a frame ({spread}); fer takes {theirs / own:.1f} times as much")


def run(command: list[str]) -> float:
    """The last line that it prints, as a number."""
    done = subprocess.run(
        command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True
    )
    return float(done.stdout.split()[-1])


def measure(video: Path, detector: str) -> float:
    """Milliseconds of processor time that a table takes a frame."""
    stream = build_stream(
        None,
        detector,
        detect_every=FILE_TEMPORAL.detect_every,
        smoothing=FILE_TEMPORAL.smoothing_s,
        threads=0,
        runtime="auto",
        device="cpu",
        prior="training",
    )
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table.csv"
        annotate_video(video, None, stream, table=table)
        start = time.process_time()
        summary = annotate_video(video, None, stream, table=table)
        return 1e3 * (time.process_time() - start) / summary.num_frames


if __name__ == "__main__":
    tyro.cli(main)
