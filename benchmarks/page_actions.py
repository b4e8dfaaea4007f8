"""How long the user waits on the Explore data and Compare runs pages, in a real browser.

    FER_WORKSPACE=... python benchmarks/page_actions.py --dataset ferplus
    FER_WORKSPACE=... python benchmarks/page_actions.py RUN RUN ...      # runs with reports, eight of them

Explore data. `first content`: from the address to the facts of the dataset. `all`: to the last chart of the
overview. `images`: from the click to the grid. `filter`: from choosing a class to its number of images.
`detail`: from the click on a face to its neighbours.

Compare runs, with two models and with all. `first content`: to the table of models. `compared`: from the
address of the comparison to the last matrix; computed the first time (2,000 resamples), later remembered.
`cell`: from the click on a cell to its faces. `chooser`, `tab`: to what they show.

Medians over browser sessions; memory is the server's, resident.
"""

import argparse
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import psutil
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from fer_core.workspace import PROJECT_ROOT, Workspace

sys.path.insert(0, str(PROJECT_ROOT))
from tests.e2e.dashboard import BROWSER_FLAGS, find_browser, serve_dashboard

TIMEOUT_MS = 120_000
Times = dict[str, float]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("runs", nargs="*")
    parser.add_argument("--dataset")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    expect.set_options(timeout=TIMEOUT_MS)
    visits: dict[str, Callable[[Page, str], Times]] = {}
    if arguments.dataset:
        visits[f"Explore data, {arguments.dataset}"] = partial(visit_dataset, dataset=arguments.dataset)
    for count in sorted({2, len(arguments.runs)} if arguments.runs else ()):
        visits[f"Compare runs, {count} models"] = partial(visit_comparison, runs=arguments.runs[:count])
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=list(BROWSER_FLAGS))
        for title, visit in visits.items():
            with serve_dashboard(Workspace.default(), Path(folder) / "server.log") as url:
                print(f"{title}, load average {psutil.getloadavg()[0]:.1f}")
                measure(browser, url, visit, arguments.repeats)
        browser.close()
    return 0


def measure(browser: Browser, url: str, visit: Callable[[Page, str], Times], repeats: int) -> None:
    """Print the medians of some sessions, and the server's memory."""
    started_mb = find_memory_mb(url)
    first, *later = [open_session(browser, url, visit) for _ in range(1 + repeats)]
    for name, seconds in first.items():
        median = statistics.median(item[name] for item in later)
        print(f"  {name:14} {median:6.2f} s   (first time {seconds:.2f} s)")
    print(f"  server memory  {find_memory_mb(url):.0f} MB (started with {started_mb:.0f} MB)")


def open_session(browser: Browser, url: str, visit: Callable[[Page, str], Times]) -> Times:
    context = browser.new_context(viewport={"width": 1280, "height": 1200})
    context.set_default_timeout(TIMEOUT_MS)
    times = visit(context.new_page(), url)
    context.close()
    return times


def clock(act: Callable[[], object], *awaited: Locator) -> float:
    """Seconds from an action until everything awaited is visible."""
    started = time.perf_counter()
    act()
    for locator in awaited:
        expect(locator).to_be_visible()
    return time.perf_counter() - started


def visit_dataset(page: Page, url: str, *, dataset: str) -> Times:
    """Explore data, from the address to the details of a face."""
    facts, last_chart = (
        page.get_by_text(re.compile(r"images of \d+ × \d+ px")),
        page.get_by_text("Light and sharpness"),
    )
    times = {"first content": clock(lambda: page.goto(f"{url}/explore_data?dataset={dataset}"), facts)}
    times["all"] = times["first content"] + clock(lambda: None, last_chart)
    count = page.get_by_text("Click one for its details")
    times["images"] = clock(page.get_by_text("Images", exact=True).first.click, count)
    before = count.inner_text()
    page.get_by_role("combobox", name="Classes").click()
    started = time.perf_counter()
    page.get_by_role("option", name="fear").click()
    expect(count).not_to_have_text(before)
    times["filter"] = time.perf_counter() - started
    page.keyboard.press("Escape")
    page.wait_for_timeout(1500)  # the new grid takes the place of the old one
    chart = page.get_by_test_id("stPlotlyChart").first
    expect(chart.locator(".imagelayer image").first).to_be_attached()
    similar = page.get_by_text("Most similar images")
    times["detail"] = clock(lambda: click(page, chart, right=1 / 24, down_px=48), similar)
    return times


def visit_comparison(page: Page, url: str, *, runs: Sequence[str]) -> Times:
    """Compare runs, from the address to a tab of the charts."""
    table = page.get_by_test_id("stDataFrame").first
    times = {"first content": clock(lambda: page.goto(f"{url}/compare_runs"), table)}
    address = f"{url}/compare_runs?{urlencode({'compare_models': runs, 'tab': 'Errors'}, doseq=True)}"
    matrix = page.locator(f".st-key-compare-matrix-{runs[-1]} .points path.point").last
    times["compared"] = clock(lambda: page.goto(address), matrix)
    cell = page.locator(f".st-key-compare-matrix-{runs[-1]} .points path.point").nth(
        3 * 8
    )  # off the diagonal
    cell.scroll_into_view_if_needed()
    faces = page.get_by_text(re.compile(rf"faces of {re.escape(runs[-1])}: truth sadness, prediction"))
    face = page.get_by_alt_text(re.compile("^face of row")).first
    times["cell"] = clock(lambda: click(page, cell), faces, face)
    page.get_by_role("combobox", name="Who is right").click()
    wrong = page.get_by_text(re.compile("are wrong$"))
    times["chooser"] = clock(page.get_by_role("option", name="neither").click, wrong)
    charts = [page.locator(f".st-key-{key} .main-svg").first for key in ("compare-roc", "compare-pr")]
    times["tab"] = clock(page.get_by_role("tab", name="Classes").click, *charts)
    return times


def click(page: Page, target: Locator, *, right: float = 0.5, down_px: float | None = None) -> None:
    """Click inside something that Plotly drew: a share of its width from the left, pixels from its top."""
    box = target.bounding_box()
    assert box is not None
    down = box["height"] / 2 if down_px is None else down_px
    page.mouse.click(box["x"] + box["width"] * right, box["y"] + down)


def find_memory_mb(url: str) -> float:
    """Resident memory of the server that listens there."""
    port = url.rpartition(":")[2]
    for process in psutil.Process().children(recursive=True):
        if port in process.cmdline():
            return process.memory_info().rss / 1e6
    raise SystemExit(f"no server on port {port} among this program's processes")


if __name__ == "__main__":
    sys.exit(main())
