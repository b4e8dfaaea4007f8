"""How fast the dashboard is, beside a Streamlit app of one line on the same machine in the same minutes.

    python benchmarks/page_speed.py --repeats 5

`start`: from starting the server to the first page at rest in a browser. `first`: from the address to the
page at rest, in a new session of a server that has shown this page to nobody. `again`: the same in further
new sessions. `repeat`: from the click on the page's link to the page at rest, in a session that knows it (of
the one-line app: a rerun). At rest means: the script is done and nothing stale is left. The workspace gets a
data set, runs, a collection and a study of 1,000 recordings, so that pages have something to show. Medians;
the one-line app is measured before and after.

With `--second-tab`: how long after *Resume* in one tab another one, open on the same run, says so
(`follows`), and how long one that is opened then takes to show that it is at work (`opened`), at most.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qsl

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from fer_core.config import config_from_dict
from fer_core.data.builtin import write_schematic_faces
from fer_core.jobs import stop_run, submit_run
from fer_core.runs.reader import load_run
from fer_core.studies import create_study
from fer_core.studies.adding import add_recordings
from fer_core.studies.analyzing import analyze
from fer_core.studies.new_recordings import NewRecording
from fer_core.studies.running import list_jobs
from fer_core.studies.study import RECORDINGS_FILE
from fer_core.studies.tables import RECORDING_COLUMNS, write_table
from fer_core.workspace import PROJECT_ROOT, Workspace

sys.path.insert(0, str(PROJECT_ROOT))
from app.shared import navigation
from benchmarks.script_runs import RUN_ENDED, WATCH_RUNS
from tests.collections import make_collection
from tests.e2e.dashboard import BROWSER_FLAGS, find_browser, moving_face, serve_dashboard, write_clip
from tests.small_runs import save_small_run

ONE_LINE = "one line"
PAGES = {"home": "Home"} | {name: spec.label or spec.title for name, spec in navigation.PAGES.items()}
"""What the navigation calls each page, by its path."""
MANY = "studies?study=many"
"""The study of `NUM_RECORDINGS`; no link leads there."""
NUM_RECORDINGS = 1000
WATCHED = "watched"
"""Name of the run that a second tab follows."""
LOOK_S = 3.0
"""Before the run is resumed: charts are still drawn when a page's script is done."""
_PATIENCE_MS = 120_000
_NOTE_CLICK = """() => addEventListener(
    "click", () => { window.ferClicked = Date.now(); }, { capture: true, once: true }
)"""
_STATE = """(states) => {
    const text = document.querySelector('.stMarkdownBadge')?.textContent ?? '';
    return states.split(' ').some((state) => text.includes(state));
}"""
_AT_REST = """() => {
    const app = document.querySelector('[data-testid=stApp]');
    return app !== null && app.getAttribute('data-test-script-state') === 'notRunning'
        && document.querySelector('.stMain [data-testid=stElementContainer]') !== null
        && document.querySelector('[data-stale=true]') === null;
}"""
Times = dict[str, dict[str, float]]
"""Seconds, by page and kind."""


@contextmanager
def open_session(browser: Browser) -> Iterator[Page]:
    """A browser context of its own: nothing cached, no session."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    context.set_default_timeout(_PATIENCE_MS)
    try:
        context.add_init_script(WATCH_RUNS)
        yield context.new_page()
    finally:
        context.close()


def rest(page: Page) -> None:
    page.wait_for_function(_AT_REST, polling=10)


def visit(browser: Browser, url: str) -> float:
    """Seconds until a page is at rest in a new session."""
    with open_session(browser) as page:
        started = time.perf_counter()
        page.goto(url)
        rest(page)
        return time.perf_counter() - started


def measure_one_line(browser: Browser, folder: Path, repeats: int) -> dict[str, float]:
    """The same figures for the smallest app there is; its repeat is a rerun by the keyboard."""
    script = folder / "one_line.py"
    script.write_text('import streamlit as st; st.write("x")\n')
    started = time.perf_counter()
    options = {"STREAMLIT_CLIENT_TOOLBAR_MODE": "developer"}  # with the key that reruns
    with serve_dashboard(
        Workspace(folder / "none"), folder / "one.log", script=script, environment=options
    ) as url:
        visit(browser, url)
        start = time.perf_counter() - started
        again = statistics.median(visit(browser, url) for _ in range(repeats))
        with open_session(browser) as page:
            page.goto(url)
            rest(page)
            times = []
            for _ in range(repeats):
                before = page.evaluate("performance.now()")
                started = time.perf_counter()
                page.keyboard.press("r")
                page.wait_for_function(RUN_ENDED, arg=before, polling=10)
                rest(page)
                times.append(time.perf_counter() - started)
    return {"start": start, "first": again, "again": again, "repeat": statistics.median(times)}


def measure_dashboard(
    browser: Browser, workspace: Workspace, folder: Path, repeats: int, pages: Sequence[str]
) -> Times:
    """Pages of the dashboard, each first on a server of its own start."""
    times: Times = {"home": {}}
    started = time.perf_counter()
    with serve_dashboard(workspace, folder / "dashboard.log") as url:
        visit(browser, url)
        start = time.perf_counter() - started
        for path in pages:
            address = url if path == "home" else f"{url}/{path}"
            first = visit(browser, address)
            again = statistics.median(visit(browser, address) for _ in range(repeats))
            times[path] = {"first": first, "again": again}
        with open_session(browser) as page:
            page.goto(url)
            rest(page)
            for path in PAGES.keys() & pages:
                times[path]["repeat"] = statistics.median(
                    _revisit(page, PAGES[path], "Home" if path != "home" else "Models")
                    for _ in range(repeats)
                )
    times["home"]["start"] = start
    return times


def _revisit(page: Page, title: str, elsewhere: str) -> float:
    for name in (elsewhere, title):
        link = page.get_by_test_id("stTopNavLink").filter(has_text=name).last
        before = page.evaluate("performance.now()")
        started = time.perf_counter()
        link.click()
        page.wait_for_function(RUN_ENDED, arg=before, polling=10)
        rest(page)
    return time.perf_counter() - started


def measure_second_tab(browser: Browser, workspace: Workspace, folder: Path, repeats: int) -> Times:
    """Seconds until another tab tells of a run that is resumed in the first."""
    network = {"name": "fer_resnet", "arguments": {"widths": "8-8-8"}}
    settings = {"epochs": 100_000, "data": {"dataset": "faces"}, "model": network}
    submit_run(config_from_dict(settings), workspace, name=WATCHED, device="cpu")
    times: Times = {"follows": {}, "opened": {}}
    with (
        serve_dashboard(workspace, folder / "tabs.log") as url,
        open_session(browser) as here,
        open_session(browser) as other,
    ):
        address = f"{url}/train?run={WATCHED}"
        for number in range(repeats):
            _stop(workspace)
            for page in (here, other):
                page.goto(address)
                page.wait_for_function(_STATE, arg="stopped", polling=10)
                rest(page)
            other.wait_for_timeout(1000 * LOOK_S)
            here.evaluate(_NOTE_CLICK)
            here.get_by_role("button", name="Resume").click()
            other.wait_for_function(_STATE, arg="queued running", polling=10)
            followed = other.evaluate("Date.now()") - here.evaluate("window.ferClicked")
            times["follows"][str(number)] = followed / 1000
            with open_session(browser) as new:
                started = time.perf_counter()
                new.goto(address)
                new.wait_for_function(_STATE, arg="queued running", polling=10)
                times["opened"][str(number)] = time.perf_counter() - started
    _stop(workspace)
    return times


def _stop(workspace: Workspace) -> None:
    """Stop the watched run once it has trained for a while, so that it can be resumed."""
    while (status := load_run(workspace.run(WATCHED)).status).state != "running" or not (
        status.epoch or status.step
    ):
        time.sleep(0.2)
    stop_run(WATCHED, workspace)
    while load_run(workspace.run(WATCHED)).is_active:
        time.sleep(0.2)


def fill(workspace: Workspace, pages: Sequence[str]) -> None:
    """Something to show on every page."""
    if MANY in pages:
        write_study(workspace)
    if pages == [MANY]:
        return
    write_schematic_faces(workspace, "faces", num_images=2000)
    for number in range(20):
        save_small_run(workspace, f"run-{number:02}", num_epochs=10)
    make_collection(workspace, 60)


def write_study(workspace: Workspace) -> None:
    """One recording, and its result, as `NUM_RECORDINGS`."""
    study = create_study(workspace, "many", model="fer-tiny", detector="whole-image")
    clip = write_clip(workspace.root / "clip.mp4", moving_face(10, (160, 120)))
    add_recordings(study, [NewRecording(path=clip, facts={"participant": "p1", "condition": "calm"})])
    if reason := analyze(list_jobs(study)[0]):
        raise RuntimeError(reason)
    row = study.load_recordings()
    names = [f"r{number:04}" for number in range(NUM_RECORDINGS)]
    for name in names:
        shutil.copytree(study.result_folder(row["recording"][0]), study.result_folder(name))
    table = row.loc[row.index.repeat(NUM_RECORDINGS)].assign(recording=names)
    write_table(study.folder / RECORDINGS_FILE, table.astype(row.dtypes), RECORDING_COLUMNS)


def measure_scripts(workspace: Workspace, repeats: int, pages: Sequence[str]) -> Times:
    """Processor seconds of each page's script alone, without server and browser, in this process.

    They hold on a machine that others use too: time spent waiting for a core is not in them. A page's `first`
    has its imports in it, but for those of the pages before it.
    """
    from streamlit.testing.v1 import AppTest

    os.environ["FER_WORKSPACE"] = str(workspace.root)
    AppTest.from_string('import streamlit as st; st.write("x")').run()  # what AppTest itself imports
    scripts = {ONE_LINE: AppTest.from_string('import streamlit as st; st.write("x")')}
    scripts["home"] = AppTest.from_file(PROJECT_ROOT / "app" / "Home.py", default_timeout=600)
    for name in pages:
        if name != "home":
            page, _, query = name.partition("?")
            scripts[name] = AppTest.from_file(PROJECT_ROOT / "pages" / f"{page}.py", default_timeout=600)
            scripts[name].query_params.update(dict(parse_qsl(query)))
    times: Times = {}
    for name, script in scripts.items():
        runs = []
        for _ in range(1 + repeats):
            started = time.process_time()
            script.run()
            runs.append(time.process_time() - started)
        assert not script.exception, name
        times[name] = {"first": runs[0], "repeat": statistics.median(runs[1:])}
    return times


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="file for all that was measured")
    parser.add_argument("--only", nargs="+", default=[*PAGES, MANY], help=f"pages, such as '{MANY}'")
    parser.add_argument("--second-tab", action="store_true", help="also how soon another tab tells of a run")
    parser.add_argument("--scripts", action="store_true", help="processor time of the scripts alone")
    arguments = parser.parse_args()
    if arguments.scripts:
        with tempfile.TemporaryDirectory() as name:
            workspace = Workspace(Path(name) / "workspace")
            fill(workspace, arguments.only)
            times = measure_scripts(workspace, arguments.repeats, arguments.only)
        print(describe(times.pop(ONE_LINE), times))
        return 0
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workspace = Workspace(folder / "workspace")
        fill(workspace, arguments.only)
        browser = playwright.chromium.launch(executable_path=find_browser(), args=list(BROWSER_FLAGS))
        before = measure_one_line(browser, folder, arguments.repeats)
        times = measure_dashboard(browser, workspace, folder, arguments.repeats, arguments.only)
        after = measure_one_line(browser, folder, arguments.repeats)
        base = {key: (before[key] + after[key]) / 2 for key in before}
        print(describe(base, times), flush=True)
        found: dict[str, object] = {"one_line": [before, after], "pages": times}
        if arguments.second_tab:
            found["second_tab"] = tabs = measure_second_tab(browser, workspace, folder, arguments.repeats)
            for kind, seconds in tabs.items():
                print(f"second tab {kind}: {max(seconds.values()):.2f} s at most of {len(seconds)}")
        browser.close()
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1))
    return 0


def describe(base: dict[str, float], times: Times) -> str:
    """A table in ms, with the ratio to the one-line app behind each figure."""
    kinds = ("start", "first", "again", "repeat")
    lines = [f"load average {psutil.getloadavg()[0]:.1f} on {psutil.cpu_count()} cores; ms (x one-line app)"]
    lines.append(f"{'page':20}" + "".join(f"{kind:>16}" for kind in kinds))
    for page, row in {ONE_LINE: base, **times}.items():
        cells = [
            f"{1000 * row[kind]:.0f} ({row[kind] / base[kind]:.1f})" if kind in row else "" for kind in kinds
        ]
        lines.append(f"{page:20}" + "".join(f"{cell:>16}" for cell in cells))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
