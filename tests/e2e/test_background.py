"""Work in the background in a real browser: leave the page at once, reload, kill the server, come back."""

import os
import re
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from fer_core.data.builtin import write_schematic_faces
from fer_core.jobs.tasks import find_task
from fer_core.workspace import Workspace
from tests.background import finish_task
from tests.e2e.dashboard import moving_face, serve_dashboard, write_clip
from tests.e2e.waiting import FILE_INPUT, settle, watch
from tests.small_models import save_small_model

pytestmark = pytest.mark.e2e

SLOW_MS = 300_000
FEWER_FACES = {"PYTHONPATH": str(Path(__file__).parent / "fewer_faces")}


@dataclass(frozen=True)
class Work:
    """Something that takes a while, and how the user meets it."""

    kind: str
    """Of its task."""
    address: str
    """Page that starts it."""
    start: Callable[[Page], None]
    """Begins it on that page."""
    expect_result: Callable[[Page], None]
    """Looks for what came of it, on the page that the navigation leads back to."""
    has_data: bool = True
    """Whether there is a data set before."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of its server, and so of its task."""


def _start_export(page: Page) -> None:
    page.get_by_role("tab", name="ONNX").click()
    page.get_by_role("button", name="Export and check").click()


def _expect_export(page: Page) -> None:
    expect(page.get_by_text("model-fp32.onnx is written")).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_role("button", name="Download", exact=True)).to_be_visible()


def _start_video(page: Page) -> None:
    page.get_by_role("tab", name="Video").click()
    with tempfile.TemporaryDirectory() as folder:
        clip = write_clip(Path(folder) / "clip.mp4", moving_face(24), fps=10).read_bytes()
    upload = {"name": "clip.mp4", "mimeType": "video/mp4", "buffer": clip}
    page.locator(FILE_INPUT).last.set_input_files(upload)
    page.get_by_role("button", name="Analyze the video").click()


def _expect_video(page: Page) -> None:
    expect(page.locator(".player")).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_text("24 frames of 640 × 480 px")).to_be_visible()


def _start_drawing(page: Page) -> None:
    page.get_by_role("button", name="Draw the built-in data set").click()


def _expect_drawing(page: Page) -> None:
    expect(page.get_by_text("1,000 images of 48 × 48 px")).to_be_visible(timeout=SLOW_MS)


WORKS = [
    Work("export", "models?model=mine", _start_export, _expect_export),
    Work("video", "analyze_media", _start_video, _expect_video),
    Work("draw", "explore_data", _start_drawing, _expect_drawing, has_data=False, environment=FEWER_FACES),
]
"""Each is tried twice; the others of this kind are added here."""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace with one model and a few faces; whatever still works there is ended."""
    workspace = Workspace(tmp_path / "workspace")
    shutil.move(save_small_model(workspace, "mine"), workspace.model("mine"))
    write_schematic_faces(workspace, "schematic-faces", num_images=80)
    yield workspace
    for work in WORKS:
        task = find_task(workspace, work.kind)
        if task is not None and task.is_active:
            os.kill(task.status["pid"], signal.SIGKILL)


@pytest.mark.parametrize("is_killed", [False, True], ids=["reloaded", "server killed"])
@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.kind)
def test_work_goes_on_without_its_page(
    work: Work, is_killed: bool, machine: Workspace, tmp_path: Path, dashboard_browser
) -> None:
    if not work.has_data:
        shutil.rmtree(machine.dataset("schematic-faces"))
    serve = partial(serve_dashboard, environment=work.environment)
    with ExitStack() as stack:
        context = dashboard_browser.new_context(viewport={"width": 1280, "height": 1200})
        stack.callback(context.close)
        context.set_default_timeout(SLOW_MS)
        watch(context)
        page = context.new_page()
        first = stack.enter_context(ExitStack())
        url = first.enter_context(serve(machine, tmp_path / "first.log"))
        page.goto(f"{url}/{work.address}")
        work.start(page)
        at_work = page.get_by_role("button", name="at work")
        expect(at_work).to_be_visible()
        page.get_by_test_id("stTopNavLink").filter(has_text="Ethics").click()
        expect(page.get_by_role("heading", name="Responsible use", level=1)).to_be_visible()
        expect(page.get_by_role("button", name=re.compile("at work|ended"))).to_be_visible()
        if is_killed:
            first.close()  # the whole process group of the server
            url = stack.enter_context(serve(machine, tmp_path / "second.log"))
            page.goto(f"{url}/responsible_use")
        else:
            page.reload()
        expect(page.get_by_role("heading", name="Responsible use", level=1)).to_be_visible()
        settle(page)
        badge = page.get_by_role("button", name=re.compile("at work|ended"))
        if badge.count():  # it may have ended before the new session saw it
            badge.click()
            page.get_by_test_id("stPopoverBody").get_by_test_id("stPageLink-NavLink").first.click()
        else:
            task = finish_task(machine, work.kind)
            page.goto(f"{url}/{task.page}")
        work.expect_result(page)
        done = finish_task(machine, work.kind)
        assert (done.state, done.error) == ("finished", "")
    for log in tmp_path.glob("*.log"):
        assert "Traceback" not in log.read_text()
