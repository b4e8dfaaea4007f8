"""Pace of importing pictures against torchvision's ImageFolder merely decoding the same files.

`python benchmarks/import_pictures.py --num-images 20000` draws JPEG of 224 x 224 px into class folders, then
takes turns: import as a data set, decode with ImageFolder, with as many threads each. Reports the ratio of
the medians, by the clock and by processor time (which a busy machine disturbs less), and the memory that the
import added.
"""

import argparse
import io
import os
import resource
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from fer_core.data.importers.pictures import PictureOptions, import_pictures
from fer_core.data.synthetic import draw_face
from fer_core.labels import EMOTIONS

_DISTINCT = 160
"""Faces that are drawn; the files are these, each with noise and light of its own."""


def write_source(folder: Path, num_images: int, side_px: int) -> float:
    """Draw class folders of JPEG; returns their mean size in bytes."""
    faces = [
        draw_face(EMOTIONS[index % 8], np.random.default_rng(index), size=side_px, color="rgb")
        for index in range(_DISTINCT)
    ]
    rng = np.random.default_rng(0)
    num_bytes = 0
    for name in EMOTIONS:
        (folder / "train" / name).mkdir(parents=True)
    for index in range(num_images):
        face = faces[index % _DISTINCT].astype(np.int16) + rng.integers(-20, 20)
        face = face + rng.integers(-3, 4, (side_px // 4, side_px // 4, 1)).repeat(4, 0).repeat(4, 1)
        buffer = io.BytesIO()
        Image.fromarray(face.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=92)
        (folder / "train" / EMOTIONS[index % 8] / f"{index:06d}.jpg").write_bytes(buffer.getvalue())
        num_bytes += len(buffer.getvalue())
    return num_bytes / num_images


class Stopwatch:
    """Seconds by the clock and of this process's threads."""

    def __init__(self) -> None:
        self._start = (time.perf_counter(), time.process_time())

    def read(self) -> tuple[float, float]:
        return time.perf_counter() - self._start[0], time.process_time() - self._start[1]


def decode_all(folder: Path, threads: int) -> tuple[float, float]:
    """Time that ImageFolder takes to decode every file; in threads, since decoders release the lock."""
    from torchvision.datasets import ImageFolder

    source = ImageFolder(str(folder / "train"))
    watch = Stopwatch()
    if threads == 1:
        for index in range(len(source)):
            source[index]
    else:
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(source.__getitem__, range(len(source))):
                pass
    return watch.read()


@contextmanager
def watch_memory() -> Iterator[list[float]]:
    """Largest resident memory of the block in MB, in a list of one, without what mapped files hold."""
    process, largest, done = psutil.Process(), [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            info = process.memory_info()
            largest[0] = max(largest[0], (info.rss - info.shared) / 1e6)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield largest
    finally:
        done.set()
        thread.join()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num-images", type=int, default=20_000)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--size", type=int, default=48, help="of the data set, in pixels")
    parser.add_argument("--color", choices=("gray", "rgb"), default="gray")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="draw the pictures here, or use those that are here")
    arguments = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="fer-import-"))
    source = arguments.keep or work / "source"
    try:
        if not source.exists():
            mean_bytes = write_source(source, arguments.num_images, arguments.side)
            print(f"drew {arguments.num_images:,} JPEG of {mean_bytes / 1000:.1f} kB", flush=True)
        options = PictureOptions(width=arguments.size, height=arguments.size, color=arguments.color)
        decoding, importing, memory = [], [], []
        for number in range(arguments.rounds):
            decoding.append(decode_all(source, arguments.threads))
            before = psutil.Process().memory_info()
            with watch_memory() as largest:
                watch = Stopwatch()
                report = import_pictures(
                    source, work / f"set-{number}", options, num_threads=arguments.threads
                )
                importing.append(watch.read())
            memory.append(largest[0] - (before.rss - before.shared) / 1e6)
            count = report.info.num_images
            print(
                f"round {number + 1}: ImageFolder {count / decoding[-1][0]:,.0f} images/s, import "
                f"{count / importing[-1][0]:,.0f} images/s, + {memory[-1]:.0f} MB",
                flush=True,
            )
        wall, cpu = (
            statistics.median(item[kind] for item in decoding)
            / statistics.median(item[kind] for item in importing)
            for kind in (0, 1)
        )
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(
            f"{count:,} JPEG of {arguments.side} px to {arguments.size} px {arguments.color}, "
            f"{arguments.threads} thread(s): import at {wall:.2f} of the pace of ImageFolder "
            f"({cpu:.2f} by processor time); peak memory of the process {peak_mb:.0f} MB"
        )
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
