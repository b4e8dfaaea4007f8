"""A study in a real browser: made, filled, run, marked by key, seen by condition, handed on."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from fer_core.jobs.tasks import discard_task, list_tasks
from fer_core.studies import delete_study, load_study
from fer_core.studies.persons import list_persons
from fer_core.workspace import Workspace
from tests.e2e.dashboard import moving_face, write_clip

NAME = "smiles"
RUN_MS = 300_000


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    for number, place in enumerate(("p1/calm", "p1/loud", "p2/calm")):
        (folder / place).mkdir(parents=True)
        write_clip(folder / place / "take.mp4", moving_face(20 + 5 * number, (160, 120)))
    return folder


@pytest.fixture
def page(open_page, dashboard_workspace: Workspace) -> Iterator[Page]:
    """The page; what the test made is gone afterwards, for the other modules."""
    yield open_page("studies")
    for task in list_tasks(dashboard_workspace):
        if task.kind.startswith("study"):
            discard_task(dashboard_workspace, task.name)
    if dashboard_workspace.study(NAME).is_dir():
        delete_study(dashboard_workspace, NAME)


def fill(page: Page, label: str, text: str) -> None:
    box = page.get_by_role("textbox", name=label)
    box.fill(text)
    box.press("Enter")


def mark(page: Page, share: float, key: str) -> None:
    """Press a key at a place of the timeline, from 0 to 1."""
    timeline = page.locator(".player .timeline")
    box = timeline.bounding_box()
    assert box is not None
    timeline.click(position={"x": share * box["width"], "y": 20})
    page.keyboard.press(key)


def test_a_study_from_recordings_to_report(page, media, dashboard_workspace, tmp_path):
    page.get_by_role("textbox", name="Name").fill(NAME)
    fill(page, "Codes", "smile, stimulus")
    page.get_by_role("button", name="Make the study").click()
    fill(page, "Folder on this machine", str(media))
    fill(page, "Paths in it", "{participant}/{condition}/*.mp4")
    page.get_by_role("button", name="Add the folder's videos").click()
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("3 of 3 done")).to_be_visible(timeout=RUN_MS)

    page.get_by_role("tab", name="Events").click()
    expect(page.locator(".player .code")).to_have_count(2)
    events = page.locator(".player .event")
    mark(page, 0.2, "1")
    mark(page, 0.6, "1")
    expect(events).to_have_count(1)
    mark(page, 0.8, "2")
    page.keyboard.press("2")
    expect(events).to_have_count(2)
    kept = load_study(dashboard_workspace, NAME).load_events()
    assert list(kept.code) == ["smile", "stimulus"] and kept.end_s.isna().tolist() == [False, True]
    assert kept.start_s[0] < kept.end_s[0] < kept.start_s[1]

    page.get_by_role("tab", name="People").click()
    page.get_by_role("button", name="The first one is the participant").click()
    study = load_study(dashboard_workspace, NAME)
    page.get_by_role("button", name="Who could be the same?").click()
    expect(page.get_by_text("One person?")).to_be_visible(timeout=RUN_MS)
    expect(page.get_by_role("textbox", name="Name")).to_have_value("p1")
    page.get_by_role("button", name="Yes").click()
    expect(page.get_by_text("All proposals are decided")).to_be_visible()
    assert list_persons(study, "p1-calm-take") == list_persons(study, "p1-loud-take") == {1: "p1"}

    page.get_by_role("tab", name="Curves").click()
    expect(page.get_by_text("apparent happiness")).to_be_visible()
    expect(page.locator(".legendtext", has_text="calm (n = 2)").first).to_be_visible()

    page.get_by_role("tab", name="Report and export").click()
    page.get_by_role("button", name="Make it").click()
    text = download(page, "report.html", tmp_path).read_text()
    assert "2 participants" in text and "apparent happiness" in text
    page.get_by_role("combobox", name="What").click()
    page.get_by_role("option", name="ELAN").click()
    page.get_by_role("button", name="Make it").click()
    with zipfile.ZipFile(download(page, "elan.zip", tmp_path)) as archive:
        assert len(archive.namelist()) == 3
        assert "smile" in archive.read("p1-calm-take.eaf").decode()


def download(page: Page, name: str, folder: Path) -> Path:
    button = page.get_by_role("button", name=f"Download {name}")
    expect(button).to_be_visible(timeout=RUN_MS)
    with page.expect_download() as found:
        button.click()
    found.value.save_as(folder / name)
    return folder / name
