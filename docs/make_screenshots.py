"""Take the README's screenshots: `make screenshots`.

Serves the dashboard on a fresh workspace and drives a headless Chromium. On the pictures are the sample
picture (NASA, public domain) and what ships with the project, nothing else. Needs requirements-dev.txt.
"""

import io
import itertools
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, FloatRect, Page, expect, sync_playwright

from fer_core.checkpoint import list_checkpoints
from fer_core.data.synthetic import draw_portrait
from fer_core.types import UInt8Array
from fer_core.workspace import PROJECT_ROOT, Workspace
from tests.e2e.dashboard import BROWSER_FLAGS, find_browser, serve_dashboard, write_clip

IMAGES = PROJECT_ROOT / "docs" / "images"
MAX_KB = 300
WIDTH_PX = 1280
NUM_COLORS = 256
TIMEOUT_MS = 60_000
EXPRESSIONS = ("neutral", "neutral", "happiness", "surprise", "sadness", "happiness")
SEED, FRAMES_EACH, FRAMES_OF_CHANGE = 1, 24, 9


def main() -> None:
    """Take them all."""
    expect.set_options(timeout=TIMEOUT_MS)
    with tempfile.TemporaryDirectory(prefix="fer-screenshots-") as folder:
        workspace = Workspace(Path(folder) / "workspace")
        if not list_checkpoints(workspace):
            sys.exit("no model ships in checkpoints/: publish one first (`fer publish RUN`)")
        clip = write_clip(Path(folder) / "clip.mp4", changing_face(), fps=15)
        with serve_dashboard(workspace, Path(folder) / "log.txt") as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find_browser(), args=list(BROWSER_FLAGS))
            take_home(browser, url)
            take_picture(browser, url, "light", "analyze")
            take_picture(browser, url, "dark", "analyze-dark")
            take_video(browser, url, clip)
            take_live(browser, url)
            browser.close()


def changing_face() -> Iterator[UInt8Array]:
    """Frames of a drawn face that changes its expression: RGB, 640 x 480."""
    portraits = [
        np.pad(draw_portrait(name, np.random.default_rng(SEED), size=480), ((0, 0), (80, 80), (0, 0)), "edge")
        for name in EXPRESSIONS
    ]
    for start, end in itertools.pairwise(portraits):
        for step in range(FRAMES_EACH):
            share = min(1.0, step / FRAMES_OF_CHANGE)
            yield ((1 - share) * start + share * end).astype(np.uint8)


def take_home(browser: Browser, url: str) -> None:
    """The landing page."""
    page = open_page(browser, url, height=860)
    expect(page.get_by_role("heading", name="On this machine")).to_be_visible()
    save(page, "home")


def take_picture(browser: Browser, url: str, color_scheme: str, name: str) -> None:
    """Analyze media with the sample picture."""
    page = open_page(browser, f"{url}/analyze_media", height=1180, color_scheme=color_scheme)
    page.get_by_text("Show the sample picture").click()
    expect(page.get_by_role("heading", name="All faces")).to_be_visible()
    save(page, name)


def take_video(browser: Browser, url: str, clip: Path) -> None:
    """Analyze media with an annotated video and its timeline."""
    page = open_page(browser, f"{url}/analyze_media", height=2100)
    page.get_by_role("tab", name="Video").click()
    expect(page.get_by_text("No video yet")).to_be_visible()
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
    page.locator("input[type=file]").nth(1).set_input_files(clip)
    page.get_by_role("button", name="Analyze the video").click()
    expect(page.get_by_role("heading", name="Over time")).to_be_visible(timeout=120_000)
    page.locator("video").evaluate(
        "(video) => new Promise((done) => { video.addEventListener('seeked', done); video.currentTime = 3; })"
    )
    top = page.locator("video").bounding_box()
    end = page.get_by_text("Moment: click a point").bounding_box()
    assert top is not None
    assert end is not None
    save(page, "video", top_px=top["y"] - 8, height_px=end["y"] - top["y"] + 80)


def take_live(browser: Browser, url: str) -> None:
    """The live page before the camera starts."""
    page = open_page(browser, f"{url}/live_webcam", height=960)
    camera = page.frame_locator("iframe").first
    expect(camera.get_by_text("Start the camera")).to_be_visible()
    save(page, "live")


def open_page(browser: Browser, address: str, *, height: int, color_scheme: str = "light") -> Page:
    """Open a page in a context of its own."""
    context = browser.new_context(
        viewport={"width": WIDTH_PX, "height": height}, color_scheme=color_scheme, reduced_motion="reduce"
    )
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    page.goto(address)
    return page


def save(page: Page, name: str, *, top_px: float = 0, height_px: float | None = None) -> None:
    """Write a screenshot; one that is too large for a repository, in fewer colours.

    Args:
        page: it is closed afterwards.
        name: of the file.
        top_px: where the picture begins.
        height_px: its height; all that is visible if not given.
    """
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)  # nothing runs any more
    for chart in page.get_by_test_id("stPlotlyChart").all():
        expect(chart.locator(".main-svg").first).to_be_attached()
    page.wait_for_timeout(1500)  # pictures fade in
    size = page.viewport_size
    assert size is not None
    height = size["height"] - top_px if height_px is None else height_px
    area: FloatRect = {"x": 0, "y": top_px, "width": size["width"], "height": height}
    IMAGES.mkdir(parents=True, exist_ok=True)
    path = IMAGES / f"{name}.png"
    data = page.screenshot(clip=area)
    if len(data) <= 1000 * MAX_KB:
        path.write_bytes(data)
    else:  # of all methods this one keeps rare colours best: those of small legends
        with Image.open(io.BytesIO(data)) as image:
            image.convert("RGB").quantize(NUM_COLORS, Image.Quantize.MAXCOVERAGE).save(path, optimize=True)
    num_kb = path.stat().st_size / 1000
    sys.stdout.write(f"{path.relative_to(PROJECT_ROOT)}: {num_kb:.0f} KB\n")
    if num_kb > MAX_KB:
        sys.exit(f"{path} is larger than {MAX_KB} KB")
    page.context.close()


if __name__ == "__main__":
    main()
