"""Nothing is lost: analyses that are kept, several videos at once, a reload."""

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from fer_core.analyses import list_analyses
from fer_core.inference.sample import sample_path
from fer_core.jobs.tasks import list_tasks
from tests.e2e.dashboard import moving_face, write_clip
from tests.e2e.waiting import FILE_INPUT

pytestmark = pytest.mark.e2e


def _upload(page: Page, *files: Path, tab: int = 0) -> None:
    page.locator(FILE_INPUT).nth(tab).set_input_files(files)


def _keep(page: Page, name: str) -> None:
    page.get_by_role("button", name="Keep", exact=True).click()
    popover = page.get_by_test_id("stPopoverBody")
    popover.get_by_label("Name").fill(name)
    popover.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("button", name="Open it")).to_be_visible()
    expect(popover).to_have_count(0)


def test_pictures_are_kept_opened_by_their_address_compared_and_deleted(
    open_page, dashboard_workspace, tmp_path
):
    picture = shutil.copy(sample_path(), tmp_path / "holiday.png")
    page = open_page("analyze_media")
    _upload(page, picture)
    _keep(page, "First <b>try</b>")
    page.get_by_role("button", name="Open it").click()
    expect(page.get_by_role("heading", name="First <b>try</b>")).to_be_visible()
    expect(page).to_have_url(re.compile(r"analyze_media\?analysis=\w+-\w+"))
    page.reload()
    expect(page.get_by_role("heading", name="First <b>try</b>")).to_be_visible()
    expect(page.get_by_text(re.compile("^1 face: "))).to_be_visible()

    page.get_by_role("button", name="All kept").click()
    expect(page.get_by_role("tab", name="Kept")).to_have_attribute("aria-selected", "true")
    page.get_by_role("tab", name="Pictures").click()
    expect(page.get_by_text(re.compile("holiday.png · 1 face")).first).to_be_visible()  # after a reload, too
    _keep(page, "Second")
    first, second = sorted(list_analyses(dashboard_workspace), key=lambda item: item.name)
    page.goto(page.url.partition("?")[0] + f"?analysis={first.key}&analysis={second.key}")
    expect(page.get_by_text(re.compile("^1 of 1 face with the same label"))).to_be_visible()
    page.get_by_role("button", name="Second").click()
    expect(page.get_by_role("heading", name="Second")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete it").click()
    expect(page.get_by_role("tab", name="Kept")).to_have_attribute("aria-selected", "true")
    assert [item.key for item in list_analyses(dashboard_workspace)] == [first.key]
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_two_videos_at_once_go_on_without_their_page(open_page, dashboard_workspace, tmp_path):
    clips = [write_clip(tmp_path / name, moving_face(24), fps=10) for name in ("one.mp4", "two.mp4")]
    page = open_page("analyze_media")
    page.get_by_role("tab", name="Video").click()
    _upload(page, *clips, tab=1)
    page.get_by_role("button", name="Analyze 2 videos").click()
    expect(page.get_by_role("button", name="Cancel").first).to_be_visible()
    page.get_by_test_id("stTopNavLink").filter(has_text="Ethics").click()
    expect(page.get_by_role("heading", name="Responsible use", level=1)).to_be_visible()
    page.reload()
    page.goto(page.url.replace("responsible_use", "analyze_media"))
    for name in ("one.mp4", "two.mp4"):
        page.get_by_test_id("stButtonGroup").get_by_role("radio", name=name).click()
        expect(page.get_by_text("24 frames of 640 × 480 px")).to_be_visible()
    _keep(page, "Clip")
    page.get_by_role("button", name="Open it").click()
    expect(page.get_by_role("heading", name="Clip")).to_be_visible()
    assert len([task for task in list_tasks(dashboard_workspace) if task.kind == "video"]) == 2
    expect(page.get_by_test_id("stException")).to_have_count(0)
