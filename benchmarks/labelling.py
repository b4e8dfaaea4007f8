"""Labelling by key in a real browser: how fast, and what is left when the server is killed.

    python -m benchmarks.labelling                     # 5,000 faces, 300 keys, 50 kills
    python -m benchmarks.labelling --kills 0

`key`: from a key until its label is on the disk and acknowledged, and the next face is shown. `burst`: as
many keys as Chromium takes, without waiting. Then the server is killed (SIGKILL) at random moments while keys
come, and started anew; in the end every label that was acknowledged must be on the disk, and none twice.
"""

import argparse
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from fer_core.collecting import Collection
from fer_core.collecting.collection import LABELS_FILE
from fer_core.workspace import PROJECT_ROOT, Workspace
from tests.collections import make_collection
from tests.e2e.dashboard import BROWSER_FLAGS, HOME, find_browser, wait_until_healthy

TARGET_MS = 150
TIMEOUT_MS = 120_000
SIDE_PX = 224
WATCH = """
window.ferSaved = [];
window.addEventListener("fer-saved", (event) => window.ferSaved.push(...event.detail), true);
"""
TIME_KEYS = """
async (root, keys) => {
  const times = [];
  for (const key of keys) {
    const face = root.dataset.face, start = performance.now();
    const event = { key, code: `Digit${key}`, bubbles: true, composed: true };
    document.body.dispatchEvent(new KeyboardEvent("keydown", event));
    await new Promise((resolve) => {
      const look = () => {
        const next = root.dataset.face;
        if (root.dataset.unsaved === "0" && next && next !== face) resolve();
        else setTimeout(look, 1);
      };
      look();
    });
    times.push(performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return times;
}
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--faces", type=int, default=5000)
    parser.add_argument("--keys", type=int, default=300)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument(
        "--realtime", action="store_true", help="go before all other work of the machine (root, Linux)"
    )
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fer-label-") as name:
        found = measure(Path(name), wanted.faces, wanted.keys, wanted.kills, wanted.realtime)
    print(json.dumps(found, indent=2))
    return int(found["key_p95_ms"] > TARGET_MS or bool(found["lost"] or found["doubled"]))


def measure(
    folder: Path, num_faces: int, num_keys: int, num_kills: int, is_realtime: bool = False
) -> dict[str, Any]:
    workspace = Workspace(folder / "workspace")
    collection = make_collection(workspace, num_faces, side_px=SIDE_PX)
    make_heavy(collection)
    if is_realtime:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    port = find_port()
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright, Server(workspace, port, folder / "log") as server:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=list(BROWSER_FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(TIMEOUT_MS)
        page.add_init_script(WATCH)
        page.goto(f"http://localhost:{port}/label?collection={collection.name}")
        root = page.locator("[data-unsaved='0'][data-face='000001']")
        expect(root).to_be_attached()
        before_s = server.read_cpu_s()
        times = root.evaluate_handle("item => item").evaluate(
            TIME_KEYS, list("12345678" * num_keys)[:num_keys]
        )
        server_s = server.read_cpu_s() - before_s
        burst = type_burst(page, num_keys // 3)
        saved = kill_and_type(page, server, num_kills) if num_kills else read_saved(page)
        browser.close()
    lines = [json.loads(line)["id"] for line in read_whole_lines(collection)]
    return {
        "faces": num_faces,
        "keys": len(times),
        "key_median_ms": round(statistics.median(times), 1),
        "key_p95_ms": round(float(np.percentile(times, 95)), 1),
        "key_slowest_ms": round(max(times), 1),
        "server_cpu_ms_a_key": round(1000 * server_s / len(times), 1),
        "burst_keys_a_second": round(burst, 1),
        "load": round(psutil.getloadavg()[0], 1),
        "kills": num_kills,
        "acknowledged": len(saved),
        "lost": len(saved - set(lines)),
        "doubled": len(lines) - len(set(lines)),
    }


def make_heavy(collection: Collection) -> None:
    """Pictures as large as real ones: noise, smoothed, hardly packs."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (SIDE_PX // 2, SIDE_PX // 2, 3), dtype=np.uint8)
    picture = Image.fromarray(coarse).resize((SIDE_PX, SIDE_PX))
    first = collection.face_file("000001")
    picture.save(first)
    content = first.read_bytes()
    for face in collection.load_faces()["face"]:
        collection.face_file(face).write_bytes(content)


def read_whole_lines(collection: Collection) -> list[str]:
    text = (collection.folder / LABELS_FILE).read_text()
    return [line for line in text[: text.rfind("\n") + 1].splitlines() if line]


def find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


class Server:
    """The dashboard, on a port that stays the same."""

    def __init__(self, workspace: Workspace, port: int, log: Path) -> None:
        self.workspace, self.port, self.log = workspace, port, log

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        command = [sys.executable, "-m", "streamlit", "run", str(HOME), "--server.port", str(self.port)]
        options = ["--server.headless", "true", "--server.fileWatcherType", "none"]
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, *options],
                cwd=PROJECT_ROOT,
                env=os.environ | {"FER_WORKSPACE": str(self.workspace.root)},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until_healthy(f"http://localhost:{self.port}", self.process, self.log)

    def read_cpu_s(self) -> float:
        used = psutil.Process(self.process.pid).cpu_times()
        return float(used.user + used.system)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def read_saved(page: Page) -> set[str]:
    found: set[str] = set(page.evaluate("window.ferSaved"))
    return found


def wait_until_saved(page: Page) -> None:
    expect(page.locator("[data-unsaved='0']")).to_be_attached()


def type_burst(page: Page, count: int) -> float:
    before, start = len(read_saved(page)), time.monotonic()
    for place in range(count):
        page.keyboard.press("12345678"[place % 8])
    wait_until_saved(page)
    return (len(read_saved(page)) - before) / (time.monotonic() - start)


def kill_and_type(page: Page, server: Server, num_kills: int) -> set[str]:
    """Keys all the time, a kill now and then; returns what was acknowledged, of all pages together."""
    chance = random.Random(0)
    for _ in range(num_kills):
        deadline = time.monotonic() + chance.uniform(0.05, 1.5)
        while time.monotonic() < deadline:
            page.keyboard.press(chance.choice("12345678"))
        server.kill()
        page.keyboard.press(chance.choice("12345678"))  # nobody is there
        server.start()
        wait_until_saved(page)
        print(f"{len(read_saved(page))} acknowledged", file=sys.stderr, flush=True)
    return read_saved(page)


if __name__ == "__main__":
    sys.exit(main())
