"""The Train page in a real browser: real runs, watched, stopped, resumed, queued and killed."""

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from fer_core.data.builtin import write_schematic_faces
from fer_core.errors import RunError
from fer_core.jobs import stop_run
from fer_core.runs.reader import list_runs, load_run
from fer_core.workspace import Workspace
from tests.e2e.dashboard import serve_faultless_dashboard
from tests.e2e.waiting import settle

pytestmark = pytest.mark.e2e

SLOW_MS = 180_000
"""A run imports torch before it begins, on a machine that may do much else."""
NUM_IMAGES = 400
ENDLESS = 4000
"""Epochs of a run that never ends before a slow browser has come back to it."""
RESTING_EPOCHS = {"PYTHONPATH": str(Path(__file__).parent / "resting_epochs")}


@pytest.fixture(scope="module")
def dashboard_workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace of its own with a small built-in data set; runs that are left over are ended."""
    workspace = Workspace(tmp_path_factory.mktemp("train") / "workspace")
    write_schematic_faces(workspace, num_images=NUM_IMAGES)
    yield workspace
    end = time.monotonic() + 60
    while active := [run for run in list_runs(workspace) if run.is_active]:
        for run in active:
            try:
                stop_run(run.name, workspace)
            except RunError:
                continue  # ended meanwhile
        assert time.monotonic() < end, [run.name for run in active]
        time.sleep(0.5)


@pytest.fixture(scope="module")
def dashboard_url(dashboard_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A dashboard of its own: the runs of others would be in its list."""
    log = tmp_path_factory.mktemp("log") / "server.log"
    with serve_faultless_dashboard(dashboard_workspace, log, environment=RESTING_EPOCHS) as url:
        yield url


def _fill(page: Page, label: str, value: object) -> None:
    field = page.get_by_label(label, exact=True)
    field.fill(str(value))
    field.press("Tab")
    settle(page)


def _launch(page: Page, name: str, *, epochs: int) -> None:
    """Start a run of a very small network from the form; the page shows it then."""
    expect(page.get_by_role("button", name="Start training")).to_be_enabled(timeout=SLOW_MS)
    settle(page)
    page.get_by_test_id("stExpander").filter(has_text="Model arguments").locator("summary").click()
    _fill(page, "Widths", "8-8-8")
    _fill(page, "Epochs", epochs)
    _fill(page, "Name of the run", name)
    expect(page.get_by_text(f"--name {name}")).to_be_visible()
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible(timeout=SLOW_MS)


def _expect_state(page: Page, state: str) -> None:
    badge = page.locator(".stMarkdownBadge").filter(has_text=state)
    expect(badge.first).to_be_visible(timeout=SLOW_MS)


def _expect_points(page: Page, at_least: int) -> int:
    """Wait until the chart of the loss has so many epochs; returns how many it has."""
    count = page.wait_for_function(
        """(least) => {
            const chart = document.querySelector('.st-key-run-loss .js-plotly-plot');
            const count = chart?.data?.[0]?.x?.length ?? 0;
            return count >= least ? count : 0;
        }""",
        arg=at_least,
        timeout=SLOW_MS,
    )
    return int(count.json_value())


def _stop(page: Page) -> None:
    # Streamlit's own header has a "Stop", too, while the page's script runs.
    page.get_by_test_id("stMainBlockContainer").get_by_role("button", name="Stop").click()
    _expect_state(page, "stopped")


def test_a_run_is_launched_watched_left_alone_stopped_resumed_and_deleted(open_page, dashboard_workspace):
    page = open_page("train")
    _launch(page, "watched", epochs=ENDLESS)
    first = _expect_points(page, 1)
    seen = _expect_points(page, first + 1)
    page.close()  # the run does not mind

    page = open_page("train?run=watched")
    _expect_points(page, seen)
    _stop(page)
    done = load_run(dashboard_workspace.run("watched")).status.epoch
    assert done >= seen
    assert _expect_points(page, done) == done
    expect(page.get_by_text("The first step is near")).to_have_count(0)

    page.get_by_role("button", name="Resume").click()
    more = _expect_points(page, done + 1)
    _stop(page)
    epochs = [record.epoch for record in load_run(dashboard_workspace.run("watched")).load_metrics()]
    assert len(epochs) >= more
    assert epochs == list(range(1, len(epochs) + 1))

    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_text("No runs yet")).to_be_visible()
    assert not dashboard_workspace.run("watched").exists()


def test_a_run_that_finishes_shows_what_it_learned(open_page, dashboard_workspace):
    page = open_page("train")
    _launch(page, "short", epochs=2)
    _expect_state(page, "finished")
    _expect_points(page, 2)
    expect(page.get_by_text(re.compile("validation images right"))).to_be_visible()
    expect(page.get_by_alt_text(re.compile("Validation image")).first).to_be_visible()
    page.get_by_role("tab", name="Gradients").click()
    expect(page.locator(".st-key-run-gradients .js-plotly-plot")).to_be_visible()


def test_two_runs_queue_and_a_killed_one_is_interrupted_and_can_be_resumed(open_page, dashboard_workspace):
    page = open_page("train")
    _launch(page, "one", epochs=ENDLESS)
    seen = _expect_points(page, 1)
    other = open_page("train")
    _launch(other, "two", epochs=2)
    _expect_state(other, "queued · number 1")

    os.kill(load_run(dashboard_workspace.run("one")).status.pid, signal.SIGKILL)
    _expect_state(page, "interrupted")
    expect(page.get_by_text("its process is gone")).to_be_visible()
    _expect_state(other, "finished")  # its turn came by itself

    page.get_by_role("button", name="Resume").click()
    _expect_state(page, "running")
    _expect_points(page, seen + 1)
    _stop(page)

    page.get_by_role("button", name="All runs").click()
    table = page.get_by_test_id("stDataFrame").locator(".dvn-scroller")
    expect(table).to_be_visible()
    settle(page)
    table.click(position={"x": 150, "y": 52})  # the first row: a canvas has no elements to ask for
    expect(page).to_have_url(re.compile(r"train\?run=(one|two)$"))
    expect(page.get_by_role("button", name="Clone with changes")).to_be_visible()
    home = open_page()
    home.get_by_role("link", name="one · stopped").click()
    expect(home.get_by_role("heading", name="one", exact=True)).to_be_visible()


def test_an_estimate_is_made_beside_the_form(open_page, dashboard_workspace):
    page = open_page("train")
    expect(page.get_by_role("button", name="Estimate time and memory")).to_be_enabled(timeout=SLOW_MS)
    before = {run.name for run in list_runs(dashboard_workspace)}
    page.get_by_role("button", name="Estimate time and memory").click()
    expect(page.get_by_role("button", name="Cancel")).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_text("Whole training")).to_be_visible(timeout=SLOW_MS)
    expect(
        page.get_by_text(re.compile(r"278,636 parameters · cpu|278,636 parameters · cuda"))
    ).to_be_visible()
    assert {run.name for run in list_runs(dashboard_workspace)} == before
