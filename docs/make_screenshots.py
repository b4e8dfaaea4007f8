"""Take the README's screenshots: `make screenshots`.

Serves the dashboard on a fresh workspace and drives a headless Chromium. On the pictures are the sample
picture (NASA, public domain) and what ships with the project, nothing else. Needs requirements-dev.txt.
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from fer_core.checkpoint import list_checkpoints
from fer_core.workspace import PROJECT_ROOT, Workspace
from tests.e2e.dashboard import BROWSER_FLAGS, find_browser, moving_face, serve_dashboard, write_clip

IMAGES = PROJECT_ROOT / "docs" / "images"
MAX_KB = 300
WIDTH_PX = 1280
NUM_COLORS = 256
TIMEOUT_MS = 60_000


def main() -> None:
    """Take them all."""
    expect.set_options(timeout=TIMEOUT_MS)
    with tempfile.TemporaryDirectory(prefix="fer-screenshots-") as folder:
        workspace = Workspace(Path(folder) / "workspace")
        if not list_checkpoints(workspace):
            sys.exit("no model ships in checkpoints/: publish one first (`fer publish RUN`)")
        clip = write_clip(Path(folder) / "clip.mp4", moving_face(100))
        with serve_dashboard(workspace, Path(folder) / "log.txt") as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find_browser(), args=list(BROWSER_FLAGS))
            take_home(browser, url)
            take_picture(browser, url, "light", "analyze")
            take_picture(browser, url, "dark", "analyze-dark")
            take_video(browser, url, clip)
            take_live(browser, url)
            browser.close()


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
    page = open_page(browser, f"{url}/analyze_media", height=1400)
    page.get_by_role("tab", name="Video").click()
    page.locator("input[type=file]").nth(1).set_input_files(clip)
    page.get_by_role("button", name="Analyze the video").click()
    expect(page.get_by_role("heading", name="Over time")).to_be_visible(timeout=120_000)
    page.locator("video").evaluate(
        "(video) => new Promise((done) => { video.addEventListener('seeked', done); video.currentTime = 1; })"
    )
    save(page, "video")


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


def save(page: Page, name: str) -> None:
    """Write a screenshot of what is visible, in few colours so that the repository stays small."""
    import io

    from PIL import Image

    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)  # nothing runs any more
    for chart in page.get_by_test_id("stPlotlyChart").all():
        expect(chart.locator(".main-svg").first).to_be_attached()
    page.wait_for_timeout(1500)  # pictures fade in
    IMAGES.mkdir(parents=True, exist_ok=True)
    path = IMAGES / f"{name}.png"
    with Image.open(io.BytesIO(page.screenshot())) as image:
        image.convert("RGB").quantize(NUM_COLORS, Image.Quantize.MEDIANCUT).save(path, optimize=True)
    num_kb = path.stat().st_size / 1000
    sys.stdout.write(f"{path.relative_to(PROJECT_ROOT)}: {num_kb:.0f} KB\n")
    if num_kb > MAX_KB:
        sys.exit(f"{path} is larger than {MAX_KB} KB")
    page.context.close()


if __name__ == "__main__":
    main()
