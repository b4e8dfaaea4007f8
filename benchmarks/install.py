"""The small install beside `pip install fer` (25.10.3, on TensorFlow): time, size, and the same photo read.

    python -m build --wheel && python benchmarks/install.py dist/*.whl photo.jpg [--yunet FILE]

Empty environments are made, one after the other, and removed: ours, ours with OpenCV, the peer's. Sizes leave
pip and setuptools out. Needs the package index. Seconds of processor time hold on a busy machine, too.
"""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import tyro
from tyro.conf import Positional

OURS = """
import sys, time
import fer_core as fer
from PIL import Image
model, picture = fer.load(), Image.open(sys.argv[1]).convert("RGB")
def read():
    return fer.read(picture, model=model)
"""
THEIRS = """
import sys, time
import cv2
from fer.fer import FER
detector, picture = FER(), cv2.imread(sys.argv[1])
def read():
    return detector.detect_emotions(picture)
"""
MEASURE = """
found = len(read())
wall, cpu = time.perf_counter(), time.process_time()
for _ in range(5):
    read()
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(f"{found} faces: {5 * found / wall:.1f} faces/s, {cpu / 5 / max(1, found) * 1e3:.1f} ms CPU a face")
"""
IMPORT = """
import statistics, subprocess, sys
code = "import time; t = time.perf_counter(); import fer_core; print(1e3 * (time.perf_counter() - t))"
times = [float(subprocess.run([sys.executable, "-c", code], capture_output=True).stdout) for _ in range(9)]
print(f"{statistics.median(times):.1f}")
"""
NOT_COUNTED = ("pip", "setuptools", "pkg_resources", "_distutils_hack")


def main(
    wheel: Positional[Path], photo: Positional[Path], peer: str = "fer==25.10.3", yunet: Path | None = None
) -> None:
    """Install all, look at the photo with each, and print.

    Args:
        wheel: Of this program.
        photo: With faces.
        peer: What it is compared with; nothing if empty.
        yunet: A copy of the face detector, where it can't be fetched.
    """
    packages = {"ours": str(wheel.resolve()), "ours with OpenCV": f"{wheel.resolve()}[opencv]", "peer": peer}
    with TemporaryDirectory() as folder:
        os.environ["XDG_DATA_HOME"] = folder
        for name, package in packages.items():
            if not package:
                continue
            python = Path(folder) / name / "bin" / "python"
            run([sys.executable, "-m", "venv", Path(folder) / name])
            wall_s, cpu_s, _ = run([python, "-m", "pip", "install", "-q", package])
            size_mb, num_files = weigh(Path(folder) / name / "lib")
            print(
                f"{name}: installed in {wall_s:.0f} s ({cpu_s:.0f} s CPU), {size_mb:.0f} MB, "
                f"{num_files} files",
                flush=True,
            )
            is_ours = name != "peer"
            if is_ours and yunet is not None:
                run([python, "-m", "fer_core", "fetch", "yunet", "--from-file", yunet])
            wall_s, cpu_s, printed = run([python, "-c", (OURS if is_ours else THEIRS) + MEASURE, photo])
            print(f"{name}: {printed.splitlines()[-1]}; the process took {wall_s:.1f} s ({cpu_s:.1f} s CPU)")
            if is_ours:
                wall_s, cpu_s, _ = run([python, "-m", "fer_core", "predict", photo])
                print(f"{name}: fer predict took {wall_s:.2f} s ({cpu_s:.2f} s CPU)")
                _, _, printed = run([python, "-c", IMPORT])
                print(f"{name}: import fer_core took {printed.strip()} ms (median of 9)", flush=True)


def run(command: Sequence[str | Path]) -> tuple[float, float, str]:
    """Seconds, seconds of processor time, and what was printed."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - started, cpu_s, done.stdout


def weigh(folder: Path) -> tuple[float, int]:
    """MiB on the disk and number of files, without what every environment has."""
    files = [
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(part.partition("-")[0] in NOT_COUNTED for part in path.parts)
    ]
    return sum(path.stat().st_blocks * 512 for path in files) / 2**20, len(files)


if __name__ == "__main__":
    tyro.cli(main)
