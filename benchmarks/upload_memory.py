"""What uploads cost the server's memory: many large pictures, some reruns, and after the tab is closed.

    python benchmarks/upload_memory.py --pictures 30 --megabytes 48

Begins with the sample picture analyzed, so that the model is loaded. Prints MB of the server's resident
memory; the exit status is 1 if it grew by more than 300 MB or is not back, but for 100 MB, within 60 s (some
buffers of libraries grow with the largest picture and stay).
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from fer_core.workspace import Workspace
from tests.e2e.dashboard import BROWSER_FLAGS, find_browser, serve_dashboard

MAX_GROWTH_MB = 300
MAX_LEFT_MB = 100
BACK_WITHIN_S = 60
LOAD_MS = 300_000


class Watcher:
    """Reads the memory of the server ten times a second."""

    def __init__(self, server: psutil.Process) -> None:
        self.server, self.peak_mb, self._ends = server, 0.0, threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def read_mb(self) -> float:
        return self.server.memory_info().rss / 1024**2

    def _watch(self) -> None:
        while not self._ends.wait(0.1):
            self.peak_mb = max(self.peak_mb, self.read_mb())

    def stop(self) -> None:
        self._ends.set()


def write_pictures(folder: Path, count: int, megabytes: float) -> list[Path]:
    """PNG files of noise, which does not pack."""
    side = round((megabytes * 1e6 / 3) ** 0.5)
    rng = np.random.default_rng(0)
    paths = []
    for number in range(count):
        paths.append(folder / f"{number}.png")
        pixels = rng.integers(0, 256, (side, side, 3), np.uint8)
        Image.fromarray(pixels).save(paths[-1], compress_level=0 if megabytes > 10 else 6)
    return paths


def wait_until_idle(page: Page) -> None:
    page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')", timeout=LOAD_MS)


def measure(pictures: list[Path], url: str, watcher: Watcher, reruns: int) -> dict[str, float]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=list(BROWSER_FLAGS))
        page = browser.new_page()
        page.goto(f"{url}/analyze_media")
        page.get_by_text("Show the sample picture").click()
        page.get_by_role("radio", name="sample.png · 1 face").wait_for(timeout=LOAD_MS)
        wait_until_idle(page)
        start_mb = watcher.peak_mb = watcher.read_mb()
        began = time.monotonic()
        page.get_by_test_id("stFileUploaderDropzoneInput").first.set_input_files(pictures)
        page.get_by_role("radio").nth(len(pictures)).wait_for(timeout=LOAD_MS)
        wait_until_idle(page)
        found = {"start": start_mb, "seconds": time.monotonic() - began, "peak": watcher.peak_mb}
        for turn in range(reruns):
            page.get_by_role("radio").nth(turn % 2).click()
            wait_until_idle(page)
        found |= {"after reruns": watcher.read_mb()}
        browser.close()
    closed = time.monotonic()
    while time.monotonic() - closed < BACK_WITHIN_S and watcher.read_mb() > start_mb:
        time.sleep(0.5)
    return found | {"closed": watcher.read_mb(), "closed for s": time.monotonic() - closed}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=30)
    parser.add_argument("--megabytes", type=float, default=48)
    parser.add_argument("--reruns", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures = write_pictures(folder, options.pictures, options.megabytes)
        with serve_dashboard(Workspace(folder / "workspace"), folder / "log") as url:
            port = int(url.rsplit(":", 1)[1].strip("/"))
            (server,) = [
                child for child in psutil.Process(os.getpid()).children() if str(port) in child.cmdline()
            ]
            watcher = Watcher(server)
            found = measure(pictures, url, watcher, options.reruns)
            watcher.stop()
        print(*(f"{key:14} {value:8.0f}" for key, value in found.items()), sep="\n")
    growth, left = found["peak"] - found["start"], found["closed"] - found["start"]
    seconds = found["closed for s"]
    print(f"grew by {growth:.0f} MB; {left:.0f} MB are left {seconds:.0f} s after the tab was closed")
    return int(growth > MAX_GROWTH_MB or left > MAX_LEFT_MB)


if __name__ == "__main__":
    sys.exit(main())
