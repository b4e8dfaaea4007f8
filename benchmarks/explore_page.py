"""How long a person waits on the Explore data page, in a real browser, and what the server needs for it.

    FER_WORKSPACE=... python benchmarks/explore_page.py ferplus

`first content`: from the address to the facts of the data set, in a browser that has been there before.
`all`: to the last chart of the overview. `images`: from the click to the grid. `filter`: from choosing a
class to its number of images. `detail`: from the click on a face to its neighbours. Medians over sessions;
memory is the server's, resident.
"""

import argparse
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from fer_core.workspace import PROJECT_ROOT, Workspace

sys.path.insert(0, str(PROJECT_ROOT))
from tests.e2e.dashboard import BROWSER_FLAGS, find_browser, serve_dashboard

TIMEOUT_MS = 120_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    expect.set_options(timeout=TIMEOUT_MS)
    with (
        sync_playwright() as playwright,
        tempfile.TemporaryDirectory() as folder,
        serve_dashboard(Workspace.default(), Path(folder) / "server.log") as url,
    ):
        browser = playwright.chromium.launch(executable_path=find_browser(), args=list(BROWSER_FLAGS))
        context = browser.new_context(viewport={"width": 1280, "height": 1200})
        context.set_default_timeout(TIMEOUT_MS)
        first = visit(context, url, arguments.dataset)
        later = [visit(context, url, arguments.dataset) for _ in range(arguments.repeats)]
        print(f"{arguments.dataset}, load average {psutil.getloadavg()[0]:.1f}")
        for name, seconds in first.items():
            median = statistics.median(item[name] for item in later)
            print(f"  {name:14} {median:6.2f} s   (first time {seconds:.2f} s)")
        print(f"  server memory  {find_memory_mb(url):.0f} MB")
        browser.close()
    return 0


def visit(context: BrowserContext, url: str, dataset: str) -> dict[str, float]:
    page = context.new_page()
    times: dict[str, float] = {}
    started = time.perf_counter()
    page.goto(f"{url}/explore_data?dataset={dataset}")
    expect(page.get_by_text(re.compile(r"images of \d+ × \d+ px"))).to_be_visible()
    times["first content"] = time.perf_counter() - started
    expect(page.get_by_text("Sharpness:")).to_be_visible()
    times["all"] = time.perf_counter() - started
    times["images"] = measure(
        page.get_by_text("Images", exact=True).first.click,
        lambda: expect(page.get_by_text("Click one for its details")).to_be_visible(),
    )
    count = page.get_by_text("Click one for its details")
    before = count.inner_text()
    page.get_by_role("combobox", name="Classes").click()
    times["filter"] = measure(
        page.get_by_role("option", name="fear").click,
        lambda: expect(count).not_to_have_text(before),
    )
    page.keyboard.press("Escape")
    page.wait_for_timeout(1500)  # the new grid takes the place of the old one
    times["detail"] = measure(lambda: click_face(page), lambda: expect(similar(page)).to_be_visible())
    page.close()
    return times


def measure(act: Callable[[], object], wait: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    wait()
    return time.perf_counter() - started


def click_face(page: Page) -> None:
    chart = page.get_by_test_id("stPlotlyChart").first
    expect(chart.locator(".imagelayer image").first).to_be_attached()
    box = chart.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 24, box["y"] + 48)


def similar(page: Page):
    return page.get_by_text("Images that look most like it")


def find_memory_mb(url: str) -> float:
    """Resident memory of the server that listens there."""
    port = url.rpartition(":")[2]
    for process in psutil.Process().children(recursive=True):
        if port in process.cmdline():
            return process.memory_info().rss / 1e6
    raise SystemExit(f"no server on port {port} among this program's processes")


if __name__ == "__main__":
    sys.exit(main())
