"""A served dashboard and a real browser."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from fer_core.analyses import delete_analysis, list_analyses
from fer_core.checkpoint import list_checkpoints
from fer_core.jobs.tasks import discard_task, list_tasks
from fer_core.workspace import Workspace
from tests.e2e.dashboard import BROWSER_FLAGS, find_browser, serve_faultless_dashboard
from tests.e2e.waiting import watch
from tests.small_models import save_small_model

TIMEOUT_MS = 90_000
"""Generous: on a busy machine the first picture waits for torch to be imported."""
expect.set_options(timeout=TIMEOUT_MS)


@pytest.fixture(scope="session")
def dashboard_workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A fresh workspace; with a model of random weights where none ships with the project."""
    workspace = Workspace(tmp_path_factory.mktemp("e2e") / "workspace")
    if not list_checkpoints(workspace):
        save_small_model(workspace, "random")
    return workspace


@pytest.fixture(scope="session")
def dashboard_url(dashboard_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the one dashboard that all modules visit, but for those that override this."""
    with serve_faultless_dashboard(dashboard_workspace, tmp_path_factory.mktemp("log") / "server.log") as url:
        yield url


@pytest.fixture(scope="module")
def launch_browser() -> Iterator[Callable[..., Browser]]:
    """Starts a Chromium: `launch_browser(extra_flags)`. One that is missing is a failure, not a skip."""
    with sync_playwright() as playwright, ExitStack() as browsers:

        def launch(extra_flags: Sequence[str] = ()) -> Browser:
            browser = playwright.chromium.launch(
                executable_path=find_browser(), args=[*BROWSER_FLAGS, *extra_flags]
            )
            browsers.callback(browser.close)
            return browser

        yield launch


@pytest.fixture(scope="module")
def dashboard_browser(launch_browser: Callable[..., Browser]) -> Browser:
    """One browser for the module."""
    return launch_browser()


@pytest.fixture
def open_page(dashboard_browser: Browser, dashboard_url: str) -> Iterator[Callable[..., Page]]:
    """Opens a page of the dashboard: `open_page("analyze_media", color_scheme="dark")`."""
    with ExitStack() as contexts:

        def open_(path: str = "", **options: object) -> Page:
            context = dashboard_browser.new_context(
                **{"viewport": {"width": 1280, "height": 1200}, **options}
            )
            contexts.callback(context.close)
            context.set_default_timeout(TIMEOUT_MS)
            watch(context)
            page = context.new_page()
            page.goto(f"{dashboard_url}/{path}")
            return page

        yield open_


@pytest.fixture(autouse=True)
def forget_media(request: pytest.FixtureRequest) -> Iterator[None]:
    """Delete the analyses that a test made: they decide which tab of *Analyze* opens for the next one."""
    yield
    if "dashboard_workspace" in request.fixturenames:
        workspace = request.getfixturevalue("dashboard_workspace")
        for task in list_tasks(workspace):
            discard_task(workspace, task.name)
        for analysis in list_analyses(workspace):
            delete_analysis(workspace, analysis.key)
