"""Many people at once: browser sessions that click through every page while a training and a webcam run.

    python benchmarks/load.py --minutes 10 --sessions 8

One Chromium, one context a session. The first session streams a camera (a file that Chromium plays) all the
time; the others go from page to page in an order of their own and click what switches a view there. A rerun
is measured in the browser, from the click until the script that it started is done (Streamlit's own sign of
it). Reported: reruns and their times by page, errors on pages and in the server's log, memory of the server
over time, models in its memory, and the machine's load, without which no time means anything.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import json
import logging
import random
import re
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from playwright.async_api import Browser, Error, Page, TimeoutError, async_playwright  # noqa: A004

from fer_core.config import DataConfig, TrainConfig, load_preset
from fer_core.data.builtin import write_schematic_faces
from fer_core.errors import RunError
from fer_core.jobs import stop_run, submit_run
from fer_core.runs.reader import list_runs, load_run
from fer_core.workspace import PROJECT_ROOT, Workspace

sys.path.insert(0, str(PROJECT_ROOT))
from benchmarks.script_runs import RUN_ENDED, RUN_STARTED, WATCH_RUNS
from tests.e2e.dashboard import BROWSER_FLAGS, find_browser, serve_dashboard
from tests.e2e.live_support import write_camera_file

PAGES = ("Home", "Explore", "Train", "Tune", "Compare", "Models", "Analyze")
RUN = "load"
_GRACE_S = 20.0
_LONGEST_S = 600.0
"""How much longer it may take to get as many reruns as were asked for."""
logger = logging.getLogger("load")
_PATIENCE_MS = 120_000
"""A machine that others use too may need a minute for what takes a second alone."""
_SHORT_MS = 10_000
_TABS = ".stMain [role=tab]:visible"
_SWITCHES = f"{_TABS}, .stMain [data-testid=stButtonGroup] button:visible"
_SAMPLE = re.compile("Show the sample picture|Remove$")
_FRAMES = re.compile(r"([\d,]+) of ([\d,]+) frames analyzed")


@dataclass
class Load:
    """What was seen."""

    seconds: float = 0.0
    rerun_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """From the click until the script was done, by page and kind of click."""
    num_unanswered: int = 0
    """Sessions that still waited for a page when the time was over."""
    errors: list[str] = field(default_factory=list)
    memory: list[dict[str, Any]] = field(default_factory=list)
    """What `tests/e2e/watched_home.py` told, over time."""
    loads: list[float] = field(default_factory=list)
    """Load average of the last minute, over time."""
    num_frames: int = 0
    """Of the camera, analyzed."""
    num_epochs: int = 0
    """Of the training."""
    training_state: str = ""

    @property
    def all_ms(self) -> list[float]:
        return [value for values in self.rerun_ms.values() for value in values]

    @property
    def num_networks(self) -> int:
        """Most networks that were in the server's memory at once."""
        return max((len(item["networks"]) for item in self.memory), default=0)

    @property
    def most_predictors(self) -> dict[str, int]:
        """Most predictors that were in the server's memory at once, by class."""
        kinds = {kind for item in self.memory for kind in item["predictors"]}
        return {kind: max(item["predictors"].get(kind, 0) for item in self.memory) for kind in kinds}

    def compute_slope_mb(self, *, skip: float = 0.5) -> float:
        """Growth of the server's memory in MB a minute, without the first part, in which caches fill."""
        kept = [item for item in self.memory if item["time"] - self.memory[0]["time"] >= skip * self.seconds]
        if len(kept) < 3:
            return float("nan")
        minutes = [(item["time"] - kept[0]["time"]) / 60 for item in kept]
        return float(np.polyfit(minutes, [item["rss"] / 1e6 for item in kept], 1)[0])

    def describe(self) -> str:
        """The report."""
        lines = [f"{'page':28} {'reruns':>7} {'p50 ms':>8} {'p95 ms':>8} {'max ms':>8}"]
        for name, values in sorted({**self.rerun_ms, "all": self.all_ms}.items()):
            p50, p95 = np.percentile(values, (50, 95)) if values else (float("nan"),) * 2
            worst = max(values, default=float("nan"))
            lines.append(f"{name:28} {len(values):7} {p50:8.0f} {p95:8.0f} {worst:8.0f}")
        rss = [item["rss"] / 1e6 for item in self.memory]
        parts = " -> ".join(f"{value:.0f}" for value in rss[:: max(1, len(rss) // 8)])
        last = self.memory[-1] if self.memory else {"threads": 0, "files": 0}
        lines += [
            f"unanswered        {self.num_unanswered} sessions still waited at the end",
            f"errors            {len(self.errors)}",
            *(f"  {error}" for error in self.errors[:20]),
            f"server memory MB  {parts}",
            f"                  slope {self.compute_slope_mb():+.2f} MB/min over the second half of the time",
            f"threads, files    {last['threads']}, {last['files']}",
            f"models in memory  {self.num_networks} networks at most; predictors {self.most_predictors}",
            f"camera            {self.num_frames:,} frames analyzed in {self.seconds:.0f} s",
            f"training          {self.num_epochs} epochs, {self.training_state} to the end",
            f"load average      median {statistics.median(self.loads):.1f}, most {max(self.loads):.1f}, on "
            f"{psutil.cpu_count()} cores",
        ]
        return "\n".join(lines)


def run_load(
    workspace: Workspace,
    *,
    num_sessions: int,
    seconds: float,
    num_reruns: int = 0,
    seed: int = 0,
    without: Collection[str] = (),
) -> Load:
    """Put a dashboard of its own under load.

    Args:
        workspace: gets a data set and a run; must be new.
        num_sessions: browser sessions, the one with the camera included.
        seconds: how long they click.
        num_reruns: they go on until there were as many, for at most ten minutes more.
        seed: of their choices.
        without: what is not there beside them: `camera`, `training`, or both.
    """
    load = Load()
    write_schematic_faces(workspace, "faces", num_images=400)
    if "training" not in without:
        submit_run(choose_training(), workspace, name=RUN, device="cpu")
    log = workspace.root / "server.log"
    script = PROJECT_ROOT / "tests" / "e2e" / "watched_home.py"
    try:
        with serve_dashboard(workspace, log, script=script) as url:
            asyncio.run(
                _click_all(
                    load, workspace, url, num_sessions, seconds, num_reruns, seed, "camera" not in without
                )
            )
        if "training" not in without:
            run = load_run(workspace.run(RUN))
            load.num_epochs, load.training_state = run.status.epoch, run.state
    finally:
        _stop_training(workspace)
    load.errors += [f"server log: {line}" for line in _find_trouble(log.read_text(errors="replace"))]
    return load


def choose_training() -> TrainConfig:
    """Takes seconds an epoch, as real ones do at least: what a run has written grows with its epochs."""
    data = DataConfig(dataset="faces")
    return dataclasses.replace(load_preset("shipped"), data=data, epochs=100_000, batch_size=32, threads=1)


def _stop_training(workspace: Workspace) -> None:
    end = time.monotonic() + 60
    while any(run.is_active for run in list_runs(workspace)) and time.monotonic() < end:
        try:
            stop_run(RUN, workspace)
        except RunError:
            return
        time.sleep(0.5)


def _find_trouble(log: str) -> list[str]:
    lines = log.splitlines()
    return [line for index, line in enumerate(lines) if "Traceback" in line or "Error" in line.split(":")[0]]


async def _click_all(
    load: Load,
    workspace: Workspace,
    url: str,
    num_sessions: int,
    seconds: float,
    num_reruns: int,
    seed: int,
    streams: bool,
) -> None:
    camera = write_camera_file(workspace.root / "camera.y4m")
    flags = [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={camera}",
    ]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_browser(), args=[*BROWSER_FLAGS, *flags]
        )
        streaming = await _open(browser, load, f"{url}/live_webcam")
        if streams:
            await _start_camera(streaming)
            logger.info("the camera streams")
        opening = [_open(browser, load, url) for _ in range(num_sessions - 1)]
        pages = list(await asyncio.gather(*opening))
        logger.info("%d sessions are open", num_sessions)
        started = time.monotonic()

        def is_over() -> bool:
            taken = time.monotonic() - started
            return taken >= seconds and (len(load.all_ms) >= num_reruns or taken >= seconds + _LONGEST_S)

        watching = asyncio.create_task(_watch(load, workspace, is_over))
        clicking = [
            asyncio.create_task(_click_through(page, load, random.Random(seed + number), is_over))
            for number, page in enumerate(pages)
        ]
        await watching
        _, pending = await asyncio.wait(clicking, timeout=_GRACE_S)
        load.num_unanswered = len(pending)
        for task in pending:  # what has not answered by then is no longer measured
            task.cancel()
        await asyncio.gather(*clicking, return_exceptions=True)
        load.seconds = time.monotonic() - started
        if streams:
            await _read_camera(streaming, load)
        for page in (*pages, streaming):
            await _note_errors(page, load)
        await browser.close()


async def _open(browser: Browser, load: Load, url: str) -> Page:
    context = await browser.new_context(viewport={"width": 1280, "height": 1000}, permissions=["camera"])
    context.set_default_timeout(_PATIENCE_MS)
    page = await context.new_page()
    await page.add_init_script(WATCH_RUNS)
    page.on("pageerror", lambda error: load.errors.append(f"in the browser: {error}"))
    await page.goto(url, wait_until="commit")
    await page.get_by_test_id("stHeading").first.wait_for()
    return page


async def _start_camera(page: Page) -> None:
    await page.get_by_role("button", name="Everyone in view agreed").click()
    frame = page.frame_locator("iframe")
    await frame.get_by_role("button", name="Start the camera").click()
    await frame.get_by_role("button", name="Stop").wait_for()
    await page.get_by_text(_FRAMES).first.wait_for()


async def _read_camera(page: Page, load: Load) -> None:
    try:
        text = await page.get_by_text(_FRAMES).first.inner_text(timeout=30_000)
    except TimeoutError:
        load.errors.append("the camera's page tells no frames any more")
        return
    found = _FRAMES.search(text)
    load.num_frames = int(found[1].replace(",", "")) if found else 0


async def _watch(load: Load, workspace: Workspace, is_over: Callable[[], bool]) -> None:
    path = workspace.root / "watch.json"
    while not is_over():
        if path.is_file():
            told = json.loads(path.read_text())
            if not load.memory or told["time"] != load.memory[-1]["time"]:
                load.memory.append(told)
        load.loads.append(psutil.getloadavg()[0])
        logger.info("%d reruns, %d errors", len(load.all_ms), len(load.errors))
        await asyncio.sleep(5)


async def _click_through(page: Page, load: Load, draw: random.Random, is_over: Callable[[], bool]) -> None:
    """Go through the pages, each time in another order, and switch views on them."""
    while not is_over():
        for title in draw.sample(PAGES, len(PAGES)):
            if is_over():
                return
            try:
                link = page.get_by_test_id("stTopNavLink").filter(has_text=re.compile(rf"{title}$"))
                await _measure(page, load, f"{title}: open", link.first)
                await _note_errors(page, load)
                if title == "Analyze":  # with it every session needs the model
                    await page.locator(_TABS).first.click()  # the page opens with the tab that was last open
                    sample = page.get_by_role("button", name=_SAMPLE).first
                    await _measure(page, load, f"{title}: sample picture", sample)
                await _click_switches(page, load, title, draw, is_over)
            except Error as error:
                load.errors.append(f"{title}: {str(error).splitlines()[0]}")
                with contextlib.suppress(Error):
                    await page.reload(wait_until="commit")  # as a person does when a page no longer answers
            await asyncio.sleep(draw.uniform(0.2, 1.0))  # a person looks before the next click


async def _click_switches(
    page: Page, load: Load, title: str, draw: random.Random, is_over: Callable[[], bool]
) -> None:
    for _ in range(2):
        switches = await page.locator(_SWITCHES).all()
        if not switches or is_over():
            return
        try:
            await _measure(page, load, f"{title}: switch", draw.choice(switches), is_sure=False)
        except TimeoutError:
            continue  # a redraw took it away before the click
        await _note_errors(page, load)


async def _measure(page: Page, load: Load, name: str, target: Any, *, is_sure: bool = True) -> None:
    """Click and wait until the script is done.

    Args:
        page: the session.
        load: gets the time.
        name: of what is measured.
        target: what to click.
        is_sure: the click starts the script. Otherwise (a tab that needs no server) it counts only if the
            script begins within ten seconds.
    """
    before: float = await page.evaluate("performance.now()")
    await target.click(timeout=_PATIENCE_MS if is_sure else _SHORT_MS)
    try:
        await page.wait_for_function(
            RUN_STARTED,
            arg=before,
            timeout=_PATIENCE_MS if is_sure else _SHORT_MS,
            polling=100,
        )
    except TimeoutError:
        if is_sure:
            raise
        return
    taken = await page.wait_for_function(RUN_ENDED, arg=before, polling=50)
    load.rerun_ms[name].append(float(await taken.json_value()))


async def _note_errors(page: Page, load: Load) -> None:
    for place in (page.get_by_test_id("stException"), page.get_by_text("Something unexpected went wrong")):
        for text in await place.all_inner_texts():
            load.errors.append(f"{page.url}: {text[:200]}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--sessions", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--without", nargs="*", choices=("camera", "training"), default=[])
    parser.add_argument("--json", type=Path, help="file for all that was measured")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    with tempfile.TemporaryDirectory(prefix="fer-load-") as folder:
        load = run_load(
            Workspace(Path(folder) / "workspace"),
            num_sessions=arguments.sessions,
            seconds=60 * arguments.minutes,
            seed=arguments.seed,
            without=arguments.without,
        )
    print(load.describe())
    if arguments.json:
        arguments.json.write_text(json.dumps(vars(load), indent=1))
    return 1 if load.errors else 0


if __name__ == "__main__":
    sys.exit(main())
