"""How long a person waits on the Compare runs page, in a real browser, with two models and with eight.

    FER_WORKSPACE=... python benchmarks/compare_page.py RUN RUN ...      # runs with reports, eight of them
    FER_WORKSPACE=... python benchmarks/compare_page.py --repeats 5 RUN RUN ...

Medians over fresh browser sessions. `first content`: from the address to the table of models. `compared`:
from choosing the last model to its matrix; computed the first time (2,000 resamples), later remembered.
`cell`: from the click on a cell to its faces. `chooser`, `tab`: to what they show. Memory is the server's,
resident.
"""

import argparse
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Page, expect, sync_playwright

from fer_core.workspace import PROJECT_ROOT, Workspace

sys.path.insert(0, str(PROJECT_ROOT))
from tests.e2e.dashboard import BROWSER_FLAGS, find_browser, serve_dashboard

TIMEOUT_MS = 120_000
Times = dict[str, float]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    expect.set_options(timeout=TIMEOUT_MS)
    workspace = Workspace.default()
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=list(BROWSER_FLAGS))
        for count in sorted({2, len(arguments.runs)}):
            with serve_dashboard(workspace, Path(folder) / "server.log") as url:
                measure(browser, url, arguments.runs[:count], arguments.repeats)
        browser.close()
    return 0


def measure(browser: Browser, url: str, runs: Sequence[str], repeats: int) -> None:
    """Print the medians of some sessions, and the server's memory."""
    started_mb = find_memory_mb(url)
    first = visit(browser, url, runs)
    later = [visit(browser, url, runs) for _ in range(repeats)]
    print(f"{len(runs)} models, load average {psutil.getloadavg()[0]:.1f}")
    for name, seconds in first.items():
        median = statistics.median(item[name] for item in later)
        print(f"  {name:14} {median:6.2f} s   (first time {seconds:.2f} s)")
    print(f"  server memory  {find_memory_mb(url):.0f} MB (started with {started_mb:.0f} MB)")


def visit(browser: Browser, url: str, runs: Sequence[str]) -> Times:
    """One session, from the address to a tab of the charts."""
    context = browser.new_context(viewport={"width": 1280, "height": 1200})
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    times: Times = {}
    started = time.perf_counter()
    page.goto(f"{url}/compare_runs")
    expect(page.get_by_test_id("stDataFrame").first).to_be_visible()
    times["first content"] = time.perf_counter() - started
    for run in runs[:-1]:
        choose(page, run)
        wait_for_matrix(page, run)
    started = time.perf_counter()
    choose(page, runs[-1])
    wait_for_matrix(page, runs[-1])
    times["compared"] = time.perf_counter() - started
    times["cell"] = time_cell(page, runs[-1])
    times["chooser"] = time_chooser(page)
    times["tab"] = time_tab(page)
    context.close()
    return times


def choose(page: Page, run: str) -> None:
    """Choose a model as a person does: by typing its name."""
    box = page.get_by_role("combobox", name="Models to compare")
    box.click()
    box.fill(run)
    page.get_by_role("option", name=run, exact=True).click()


def wait_for_matrix(page: Page, run: str) -> None:
    """Until every cell of a model's matrix is drawn."""
    expect(page.locator(f".st-key-compare-matrix-{run} .points path.point").last).to_be_attached()


def time_cell(page: Page, run: str) -> float:
    """Seconds from a click on the most filled cell off the diagonal to its faces."""
    page.keyboard.press("Escape")
    cell = page.locator(f".st-key-compare-matrix-{run} .points path.point").nth(3 * 8)
    cell.scroll_into_view_if_needed()
    corner = cell.bounding_box()
    assert corner is not None
    started = time.perf_counter()
    page.mouse.click(corner["x"] + corner["width"] / 2, corner["y"] + corner["height"] / 2)
    expect(
        page.get_by_text(re.compile(rf"faces of {re.escape(run)}: truth sadness, prediction"))
    ).to_be_visible()
    expect(page.get_by_alt_text(re.compile("^face of row")).first).to_be_visible()
    return time.perf_counter() - started


def time_chooser(page: Page) -> float:
    """Seconds from another outcome to the faces that it leaves."""
    page.get_by_role("combobox", name="Who is right").click()
    started = time.perf_counter()
    page.get_by_role("option", name="neither").click()
    expect(page.get_by_text(re.compile("are wrong$"))).to_be_visible()
    return time.perf_counter() - started


def time_tab(page: Page) -> float:
    """Seconds from a click on a tab to its two charts."""
    started = time.perf_counter()
    page.get_by_role("tab", name="ROC and precision-recall").click()
    for key in ("compare-roc", "compare-pr"):
        expect(page.locator(f".st-key-{key} .main-svg").first).to_be_visible()
    return time.perf_counter() - started


def find_memory_mb(url: str) -> float:
    """Resident memory of the server that listens there."""
    port = int(url.rpartition(":")[2])
    for process in psutil.Process().children(recursive=True):
        if str(port) in process.cmdline():
            return process.memory_info().rss / 1e6
    raise SystemExit(f"no server on port {port} among this program's processes")


if __name__ == "__main__":
    sys.exit(main())
