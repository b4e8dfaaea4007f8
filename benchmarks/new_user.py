"""Three tasks as a new user does them, with nothing but the address: clicks, seconds, hesitations.

    FER_WORKSPACE=... python benchmarks/new_user.py --photo group.jpg --video clip.mp4

face: find the surprised face in a group photo. models: say which of two models is better, and why (both need
a report in the workspace). table: get the table of a video. A click is a click or a chosen file. A hesitation
is something wanted next that is not on the screen (1280 x 800), so that the user scrolls. Seconds are
the machine's, without those in which a person reads. Runs on older builds too: start it with their Python,
from their folder.
"""

import argparse
import csv
import math
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect, sync_playwright

from fer_core.workspace import PROJECT_ROOT, Workspace

sys.path.insert(0, str(PROJECT_ROOT))
from tests.e2e.dashboard import BROWSER_FLAGS, find_browser, serve_dashboard

SCREEN = {"width": 1280, "height": 800}
PATIENCE_MS = 240_000


class User:
    """Somebody at a browser, who counts."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.clicks = 0
        self.off_screen: list[str] = []
        self.started = time.monotonic()

    def see(self, item: Locator, what: str) -> None:
        """Wait for something; scroll where it is not on the screen."""
        expect(item).to_be_visible(timeout=PATIENCE_MS)
        self.rest()
        box = item.bounding_box()
        assert box is not None
        seen = min(box["y"] + box["height"], SCREEN["height"]) - max(box["y"], 0)
        if seen < min(box["height"] / 2, SCREEN["height"] / 2):
            far = max(-box["y"], box["y"] + box["height"] - SCREEN["height"])
            screens = math.ceil(far / SCREEN["height"])
            self.off_screen.append(f"{what} ({screens} screen{'s' if screens > 1 else ''})")
            item.scroll_into_view_if_needed()

    def click(self, item: Locator, what: str) -> None:
        self.see(item, what)
        item.click(timeout=PATIENCE_MS)
        self.clicks += 1

    def give(self, item: Locator, file: Path, what: str) -> None:
        """Choose a file: the button is what is seen, the input is hidden behind it."""
        self.see(item.locator("xpath=ancestor::*[@data-testid='stFileUploader']").first, what)
        item.set_input_files(file)
        self.clicks += 1

    def rest(self) -> None:
        expect(self.page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=PATIENCE_MS)
        expect(self.page.locator("[data-stale=true]")).to_have_count(0, timeout=PATIENCE_MS)

    def pages(self, name: str) -> Locator:
        return self.page.get_by_test_id("stTopNavLink").filter(has_text=name).last


def find_face(user: User, photo: Path, **_: object) -> str:
    page = user.page
    user.click(page.get_by_role("button", name="Open Analyze media"), "Open Analyze media")
    user.give(page.locator("input[type=file]:not([webkitdirectory])").first, photo, "the upload")
    chip = page.get_by_role("group", name="Show one apparent expression only").get_by_text("surprise")
    old = page.get_by_text(re.compile(r"^#\d+ surprise"))
    expect(chip.or_(page.get_by_text(re.compile(r"^#1 "))).first).to_be_visible(timeout=PATIENCE_MS)
    user.rest()
    if chip.count():
        user.click(chip.first, "the chip of surprise")
        user.see(page.get_by_label(re.compile(r"^Face \d+: surprise")).first, "the surprised face")
        return page.get_by_label(re.compile(r"^Face \d+: surprise")).first.get_attribute("aria-label") or ""
    while not old.count():  # older builds show eight faces at a time
        user.click(page.get_by_role("button", name=re.compile("next", re.IGNORECASE)).last, "the next faces")
        user.rest()
    user.see(old.first, "the surprised face")
    return old.first.inner_text()


def compare_models(user: User, models: tuple[str, str], **_: object) -> str:
    page = user.page
    user.click(user.pages("Compare"), "Compare")
    expect(page.get_by_role("heading", name="Compare runs")).to_be_visible(timeout=PATIENCE_MS)
    user.rest()
    picker = page.get_by_role("combobox", name=re.compile("^Models to compare|.*Models to compare"))
    if picker.count():
        for name in models:
            user.click(picker.first, "the picker of models")
            page.keyboard.type(name)
            page.keyboard.press("Enter")
            expect(page).to_have_url(re.compile(f"compare_models={name}"), timeout=PATIENCE_MS)
        page.keyboard.press("Escape")
    else:
        for name in models:
            tick(user, name)
    verdict = page.get_by_text(re.compile("The difference is real|may be chance"))
    user.see(verdict.first, "the verdict")
    why = page.get_by_text(re.compile("disagree in being right"))
    user.see(why.first, "why")
    return verdict.first.inner_text()


def tick(user: User, name: str) -> None:
    """The tick boxes of a table are drawn in a canvas."""
    table = user.page.get_by_test_id("stDataFrame").first
    user.see(table, "the table of models")
    cell = table.locator("td[aria-colindex='1']").filter(has_text=re.compile(f"^{name}$"))
    row = int(str(cell.get_attribute("id")).rpartition("-")[2])
    corner = table.bounding_box()
    assert corner is not None
    user.page.mouse.click(corner["x"] + 16, corner["y"] + 36 + 35 * row + 17)
    user.clicks += 1
    expect(user.page).to_have_url(re.compile(f"compare_models={name}"), timeout=PATIENCE_MS)


def get_table(user: User, video: Path, **_: object) -> str:
    page = user.page
    user.click(page.get_by_role("button", name="Open Analyze media"), "Open Analyze media")
    user.click(page.get_by_role("tab", name="Video"), "the tab Video")
    user.give(page.locator("input[type=file]:not([webkitdirectory])").nth(1), video, "the upload")
    user.click(page.get_by_role("button", name="Analyze the video"), "Analyze the video")
    button = page.get_by_role("button", name="Table (CSV)").last
    user.see(button, "Table (CSV)")
    with page.expect_download(timeout=PATIENCE_MS) as download:
        button.click()
    user.clicks += 1
    with Path(download.value.path()).open(newline="") as file:
        return f"{len(list(csv.DictReader(file))):,} rows"


TASKS: dict[str, Callable[..., str]] = {"face": find_face, "models": compare_models, "table": get_table}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("tasks", nargs="*", help=f"of {', '.join(TASKS)}; all, if none is named")
    parser.add_argument("--photo", type=Path, help="a group photo with one surprised face")
    parser.add_argument("--video", type=Path)
    parser.add_argument("--models", nargs=2, default=("fer-small", "fer-tiny"))
    arguments = parser.parse_args()
    inputs = {"photo": arguments.photo, "video": arguments.video, "models": tuple(arguments.models)}
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=list(BROWSER_FLAGS))
        with serve_dashboard(Workspace.default(), Path(folder) / "server.log") as url:
            for name in arguments.tasks or TASKS:
                context = browser.new_context(viewport=SCREEN)
                context.set_default_timeout(PATIENCE_MS)
                user = User(context.new_page())
                user.page.goto(url)
                answer = TASKS[name](user, **inputs)
                seconds = time.monotonic() - user.started
                print(f"{name}: {user.clicks} clicks, {seconds:.1f} s, {len(user.off_screen)} hesitations")
                for item in user.off_screen:
                    print(f"    not on the screen: {item}")
                print(f"    answer: {' '.join(answer.split())}")
                context.close()
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
