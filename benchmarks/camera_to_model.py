"""From the camera to a model that is adapted to the faces before it: clicks and time, in a real browser.

    python -m benchmarks.camera_to_model --yunet ../shared/models/face_detection_yunet_2023mar.onnx

Chromium plays a film as its camera. Three clips are collected, every face is labelled by key, and a model is
adapted. Clicks are all but the keys that label. What the labels say is made up: only the way is measured.
"""

import argparse
import json
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Locator, Page, expect, sync_playwright

from fer_core.collecting import load_collection
from fer_core.collecting.labels import open_labels
from fer_core.inference.downloads import YUNET, install_file
from fer_core.runs.reader import list_runs
from fer_core.workspace import Workspace
from tests.e2e.dashboard import BROWSER_FLAGS, find_browser, serve_dashboard
from tests.e2e.live_support import write_camera_file

MOST_CLICKS, MOST_S = 25, 300
TIMEOUT_MS = 600_000
NUM_CLIPS, FACES_A_CLIP = 3, 20


class Clicks:
    """Clicks that are counted."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, target: Locator) -> None:
        target.click()
        self.count += 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--yunet", type=Path, help="the detector's file; Haar finds the faces without it")
    wanted = parser.parse_args()
    expect.set_options(timeout=TIMEOUT_MS)
    with tempfile.TemporaryDirectory(prefix="fer-camera-") as name, sync_playwright() as playwright:
        workspace = Workspace(Path(name) / "workspace")
        if wanted.yunet is not None:
            install_file(YUNET, workspace, wanted.yunet)
        film = write_camera_file(Path(name) / "face.y4m")
        flags = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
        arguments = [*BROWSER_FLAGS, *flags, f"--use-file-for-fake-video-capture={film}"]
        browser = playwright.chromium.launch(executable_path=find_browser(), args=arguments)
        with serve_dashboard(workspace, Path(name) / "log") as url:
            page = browser.new_page(viewport={"width": 1400, "height": 1300})
            page.set_default_timeout(TIMEOUT_MS)
            found = go(page, url, workspace)
        browser.close()
    print(json.dumps(found, indent=2))
    return int(found["clicks"] > MOST_CLICKS or found["seconds"] > MOST_S)


def go(page: Page, url: str, workspace: Workspace) -> dict[str, Any]:
    click, start = Clicks(), time.monotonic()
    found: dict[str, Any] = {}

    def note(stage: str) -> None:
        """Told at once, so that a run that is cut off has said how far it came."""
        found.update({"clicks": click.count, stage: round(time.monotonic() - start, 1)})
        print(f"{stage} {found[stage]}, {click.count} clicks", file=sys.stderr, flush=True)

    page.goto(f"{url}/live_webcam?collect=mine")
    click(page.get_by_role("button", name="Everyone in view agreed"))
    click(page.frame_locator("iframe").get_by_role("button", name="Start the camera"))
    expect(page.get_by_role("switch", name="Collect faces")).to_be_enabled()
    for number in range(NUM_CLIPS):
        click(page.get_by_text("Collect faces", exact=True))
        expect(page.get_by_text(re.compile(r"(2[0-9]|[3-9]\d) faces seen"))).to_be_visible()
        click(page.get_by_text("Collect faces", exact=True))
        expect(page.get_by_text("faces seen")).to_have_count(0)
        expect(page.get_by_text("faces went into")).to_be_visible()
        note(f"clip_{number + 1}_s")
    click(page.get_by_role("link", name="Label them"))
    for place in range(NUM_CLIPS * FACES_A_CLIP):
        face = f"{place + 1:06d}"
        expect(page.locator(f"[data-face='{face}']")).to_be_attached()
        page.keyboard.press("12"[place % 2])
    expect(page.get_by_text("All done")).to_be_visible()
    expect(page.locator("[data-unsaved='0']")).to_be_attached()
    note("labelled_s")
    click(page.get_by_role("button", name="Adapt the model"))
    expect(page.get_by_text("Model to adapt")).to_be_visible()
    click(page.get_by_role("button", name="Adapt the model"))
    while not (runs := list_runs(workspace)):
        page.wait_for_timeout(500)
    note("begun_s")
    while not (runs[0].folder / "adaptation.json").is_file():
        page.wait_for_timeout(500)
    note("seconds")
    print((runs[0].folder / "log.txt").read_text(), file=sys.stderr)
    votes = open_labels(load_collection(workspace, "mine")).read()
    return {**found, "labels": len(votes), "load": round(psutil.getloadavg()[0], 1)}


if __name__ == "__main__":
    sys.exit(main())
