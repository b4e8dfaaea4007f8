"""Take the screenshots of README and guide: `make screenshots`.

Fills a workspace with drawn faces, two short runs, a small search, a study and a collection, serves the
dashboard on it and drives a headless Chromium. On the pictures are drawn faces, the sample picture (NASA,
public domain) and what ships with the project, nothing else. Needs requirements-dev.txt; takes some minutes.
Some of them again:
`python docs/make_screenshots.py home live --workspace FOLDER`.
"""

import argparse
import io
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, FloatRect, Locator, Page, expect, sync_playwright

from app.shared.browser_needs import has_all
from docs.screenshot_data import COLLECTION, FIRST, SEARCH, SECOND, STUDY, changing_face, fill
from fer_core.checkpoint import list_checkpoints
from fer_core.workspace import PROJECT_ROOT, Workspace
from tests.e2e.dashboard import BROWSER_FLAGS, find_browser, moving_face, serve_dashboard, write_clip
from tests.e2e.live_support import write_camera_file
from tests.e2e.waiting import pick, settle, watch

IMAGES = PROJECT_ROOT / "docs" / "images"
MAX_KB = 150
WIDTH_PX, HEIGHT_PX = 1280, 860
NUM_COLORS = (256, 128, 64)
"""Palettes, the largest first; the first that gives a small enough file is taken."""
TIMEOUT_MS = 120_000


@dataclass(frozen=True, slots=True)
class Studio:
    """What a picture is taken with."""

    browser: Browser
    url: str
    folder: Path
    reads_in_browser: bool
    """Whether faces are read in the browser, since what that needs is in the workspace (`fer fetch`)."""

    def open(self, path: str = "", *, height: int = HEIGHT_PX, dark: bool = False) -> Page:
        """Open a page in a context of its own."""
        context = self.browser.new_context(
            viewport={"width": WIDTH_PX, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        context.set_default_timeout(TIMEOUT_MS)
        watch(context)
        page = context.new_page()
        page.goto(f"{self.url}/{path}")
        expect(page.get_by_test_id("stHeading").first).to_be_visible()
        return page


def main() -> None:
    """Take those that are named; all, if none is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shots", nargs="*", metavar="NAME", help=f"of {', '.join(SHOTS)}")
    parser.add_argument("--workspace", type=Path, help="fill this one, once, instead of a temporary one")
    wanted = parser.parse_args()
    if unknown := sorted(set(wanted.shots) - set(SHOTS)):
        parser.error(f"there is no screenshot {', '.join(unknown)}; there are {', '.join(SHOTS)}")
    expect.set_options(timeout=TIMEOUT_MS)
    with tempfile.TemporaryDirectory(prefix="fer-screenshots-") as name:
        folder = Path(name)
        workspace = Workspace((wanted.workspace or folder / "workspace").resolve())
        if not list_checkpoints(workspace):
            sys.exit("no model ships in checkpoints/: publish one first (`fer publish RUN`)")
        fill(workspace, folder)
        with studio(workspace, folder) as place:
            for shot in wanted.shots or SHOTS:
                SHOTS[shot](place)


@contextmanager
def studio(workspace: Workspace, folder: Path) -> Iterator[Studio]:
    """A served dashboard, and a browser whose camera plays the sample picture."""
    camera = write_camera_file(folder / "camera.y4m", list(moving_face(40)))
    flags = (
        *BROWSER_FLAGS,
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={camera}",
    )
    with serve_dashboard(workspace, folder / "log.txt") as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=list(flags))
        yield Studio(browser, url, folder, has_all(workspace))
        browser.close()


def take_home(place: Studio) -> None:
    """The landing page."""
    page = place.open(height=960)
    expect(page.get_by_role("heading", name="On this machine")).to_be_visible()
    save(page, "home")


def take_explore(place: Studio) -> None:
    """Explore data: the overview."""
    page = place.open("explore_data?dataset=schematic-faces", height=1180)
    expect(page.get_by_role("heading", name="Do annotators agree?")).to_be_visible()
    save(page, "explore")


def take_explore_images(place: Studio) -> None:
    """Explore data: the images."""
    page = place.open("explore_data?dataset=schematic-faces", height=1000)
    expect(page.get_by_role("heading", name="Do annotators agree?")).to_be_visible()
    choose_part(page, "Images")
    expect(page.get_by_text("Click one for its details")).to_be_visible()
    expect(page.locator(".layer-below image, .imagelayer image").first).to_be_attached()
    save(page, "explore-images")


def take_train(place: Studio) -> None:
    """Train: the form."""
    page = place.open("train", height=820)
    expect(page.get_by_role("button", name="Start training")).to_be_visible()
    save(page, "train")


def take_run(place: Studio) -> None:
    """Train: a run that has ended."""
    page = place.open(f"train?run={FIRST}", height=1250)
    expect(page.get_by_test_id("stPlotlyChart").first).to_be_visible()
    save(page, "run")


def take_tune(place: Studio) -> None:
    """Tune: a search and what mattered."""
    page = place.open(f"tune?sweep={SEARCH}", height=1150)
    expect(page.get_by_test_id("stPlotlyChart").first).to_be_visible()
    save(page, "tune")


def open_comparison(place: Studio, tab: str, *, height: int) -> Page:
    """Compare runs with both models."""
    page = place.open(
        f"compare_runs?compare_dataset=schematic-faces&compare_models={FIRST}&compare_models={SECOND}&tab={tab}",
        height=height,
    )
    expect(page.get_by_role("tab", name=tab)).to_have_attribute("aria-selected", "true")
    settle(page)
    return page


def take_compare(place: Studio) -> None:
    """Compare runs: table, verdict and figures."""
    save(open_comparison(place, "Verdict", height=1000), "compare")


def take_errors(place: Studio) -> None:
    """Compare runs: matrices and faces."""
    page = open_comparison(place, "Errors", height=1600)
    expect(page.get_by_alt_text("face of row").first).to_be_visible()
    save(page, "compare-errors")


def take_groups(place: Studio) -> None:
    """Compare runs: scores by group."""
    page = open_comparison(place, "Groups", height=1500)
    pick(page, "Group the images by", "label in the source", page.get_by_text("p: a permutation test"))
    save_part(
        page, "compare-groups", page.get_by_role("tablist").last, page.get_by_text("p: a permutation test")
    )


def take_robustness(place: Studio) -> None:
    """Compare runs: accuracy on corrupted images."""
    page = open_comparison(place, "Robustness", height=1500)
    end = page.get_by_text("Dotted: accuracy on clean images")
    expect(end).to_be_visible()
    save_part(page, "compare-robustness", page.get_by_role("tablist").last, end)


def take_models(place: Studio) -> None:
    """Models: all of them."""
    page = place.open("models", height=900)
    expect(page.get_by_role("button", name="Open").first).to_be_visible()
    save(page, "models")


def take_model(place: Studio) -> None:
    """Models: one, in the dark."""
    page = place.open("models?model=fer-small", height=1050, dark=True)
    expect(page.get_by_role("tab", name="Facts")).to_be_visible()
    save(page, "model-dark")


def take_analyze(place: Studio) -> None:
    """Analyze media with the sample picture."""
    page = place.open("analyze_media", height=800)
    page.get_by_role("button", name="Show the sample picture").click()
    expect(page.get_by_text("All faces in a table")).to_be_visible()
    save(page, "analyze")


def take_video(place: Studio) -> None:
    """Analyze media with an annotated video and its timeline."""
    clip = write_clip(place.folder / "clip.mp4", changing_face(), fps=15)
    page = place.open("analyze_media", height=2100)
    page.get_by_role("tab", name="Video").click()
    expect(page.get_by_text("No video yet")).to_be_visible()
    settle(page)
    page.locator("input[type=file]:not([webkitdirectory])").nth(1).set_input_files(clip)
    page.get_by_role("button", name="Analyze the video").click()
    player = page.locator(".player")
    timeline = player.locator(".timeline")
    expect(timeline).to_be_visible()
    timeline.click(position={"x": 300, "y": 60})
    expect(player).not_to_have_attribute("data-frame", "0")
    save_part(page, "video", player, page.get_by_text("frames a second"), below_px=8)


def take_study(place: Studio) -> None:
    """Studies: the recordings of one."""
    page = place.open(f"studies?study={STUDY}", height=900)
    expect(page.get_by_text("6 of 6 done")).to_be_visible()
    save(page, "study")


def take_curves(place: Studio) -> None:
    """Studies: means by condition."""
    page = place.open(f"studies?study={STUDY}&tab=Curves", height=1000)
    expect(page.get_by_test_id("stPlotlyChart").nth(1)).to_be_visible()
    save(page, "study-curves")


def take_label(place: Studio) -> None:
    """Label: a face, and its keys."""
    page = place.open(f"label?collection={COLLECTION}", height=800)
    expect(page.locator("[data-unsaved='0'][data-face]")).to_be_visible()
    save(page, "label")


def take_live(place: Studio) -> None:
    """Live webcam while it plays the sample picture."""
    page = place.open("live_webcam", height=1000)
    page.get_by_role("button", name="Everyone in view agreed").click()
    camera = page.frame_locator("iframe").first
    camera.get_by_role("button", name="Start the camera").click()
    if place.reads_in_browser:
        expect(camera.get_by_text("frames a second").first).to_be_visible()
    else:
        expect(page.get_by_test_id("stMetricValue")).not_to_have_text("–")
        expect(page.locator(".st-key-live_history_0 .scatterlayer path:visible").first).to_be_visible()
    page.wait_for_timeout(12_000)  # the chart fills
    save(page, "live", is_still=False)


def take_consent(place: Studio) -> None:
    """Live webcam before anything else."""
    page = place.open("live_webcam", height=640)
    expect(page.get_by_text("Before the camera starts")).to_be_visible()
    save(page, "live-consent")


def take_responsible(place: Studio) -> None:
    """Responsible use."""
    page = place.open("responsible_use", height=1000)
    expect(page.get_by_text("Work and schools")).to_be_visible()
    save(page, "responsible-use")


def choose_part(page: Page, name: str) -> None:
    """Press one of the buttons of a row."""
    page.get_by_role("radio", name=name, exact=True).or_(
        page.get_by_role("button", name=name, exact=True)
    ).first.click()


def save_part(page: Page, name: str, top: Locator, end: Locator, *, below_px: int = 40) -> None:
    """Save what lies between two things on a page that is made high enough to hold them."""
    page.set_viewport_size({"width": WIDTH_PX, "height": 3600})
    settle(page)
    page.wait_for_timeout(1500)
    first, last = top.bounding_box(), end.bounding_box()
    assert first is not None
    assert last is not None
    save(page, name, top_px=first["y"] - 8, height_px=last["y"] - first["y"] + below_px)


def save(
    page: Page, name: str, *, top_px: float = 0, height_px: float | None = None, is_still: bool = True
) -> None:
    """Write a screenshot in a palette, which keeps a page's few colours and makes it small.

    Args:
        page: it is closed afterwards.
        name: of the file.
        top_px: where the picture begins.
        height_px: its height; all that is visible if not given.
        is_still: wait until nothing runs any more.
    """
    if is_still:
        settle(page)
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    for chart in page.get_by_test_id("stPlotlyChart").all():
        expect(chart.locator(".main-svg").first).to_be_attached()
    page.wait_for_timeout(1500)  # pictures fade in
    size = page.viewport_size
    assert size is not None
    height = size["height"] - top_px if height_px is None else height_px
    area: FloatRect = {"x": 0, "y": top_px, "width": size["width"], "height": height}
    IMAGES.mkdir(parents=True, exist_ok=True)
    path = IMAGES / f"{name}.png"
    with Image.open(io.BytesIO(page.screenshot(clip=area))) as image:
        picture = image.convert("RGB")
    for num_colors in NUM_COLORS:
        # Of all methods this one keeps rare colours best: those of small legends.
        picture.quantize(num_colors, Image.Quantize.MAXCOVERAGE).save(path, optimize=True)
        if path.stat().st_size <= 1000 * MAX_KB:
            break
    num_kb = path.stat().st_size / 1000
    sys.stdout.write(f"{path.relative_to(PROJECT_ROOT)}: {num_kb:.0f} KB\n")
    sys.stdout.flush()
    if num_kb > MAX_KB:
        sys.exit(f"{path} is larger than {MAX_KB} KB")
    page.context.close()


SHOTS: dict[str, Callable[[Studio], None]] = {
    "home": take_home,
    "explore": take_explore,
    "explore-images": take_explore_images,
    "train": take_train,
    "run": take_run,
    "tune": take_tune,
    "compare": take_compare,
    "compare-errors": take_errors,
    "compare-groups": take_groups,
    "compare-robustness": take_robustness,
    "models": take_models,
    "model-dark": take_model,
    "analyze": take_analyze,
    "video": take_video,
    "study": take_study,
    "study-curves": take_curves,
    "label": take_label,
    "live-consent": take_consent,
    "live": take_live,
    "responsible-use": take_responsible,
}
"""By the name of the file."""


if __name__ == "__main__":
    main()
