"""Labelling by key, and from the camera to labelled faces, in a real browser."""

import json
import re

import pytest
from playwright.sync_api import expect

from fer_core.collecting import delete_collection, load_collection
from fer_core.collecting.labels import open_labels
from fer_core.labels import EMOTIONS
from tests.collections import make_collection
from tests.e2e.conftest import TIMEOUT_MS
from tests.e2e.live_support import write_camera_file

pytestmark = pytest.mark.e2e


@pytest.fixture
def collection(dashboard_workspace):
    made = make_collection(dashboard_workspace, 6, name="keys")
    yield made
    delete_collection(dashboard_workspace, "keys")


def read_labels(collection):
    return {face: vote.labels for (face, _), vote in open_labels(collection).read().items()}


def shows(page, face):
    """The place where a face is shown and everything is saved."""
    return page.locator(f"[data-unsaved='0'][data-face='{face}']")


def test_keys_label_and_undo(open_page, collection):
    page = open_page("label?collection=keys")
    expect(shows(page, "000001")).to_be_attached()
    page.keyboard.press("2")
    expect(shows(page, "000002")).to_be_attached()
    page.keyboard.press("Shift+Digit7")
    page.keyboard.press("Shift+Digit3")
    page.keyboard.press("Enter")
    expect(shows(page, "000003")).to_be_attached()
    page.keyboard.press("u")
    expect(shows(page, "000004")).to_be_attached()
    page.keyboard.press("0")
    expect(shows(page, "000005")).to_be_attached()
    expected = {
        "000001": (EMOTIONS[1],),
        "000002": (EMOTIONS[6], EMOTIONS[2]),
        "000003": ("unsure",),
        "000004": ("no face",),
    }
    assert read_labels(collection) == expected
    page.keyboard.press("Backspace")
    expect(shows(page, "000004")).to_be_attached()
    assert read_labels(collection) == {face: expected[face] for face in sorted(expected)[:3]}
    expect(page.get_by_text("Model: ")).to_have_count(1)
    expect(page.get_by_text("Model: ")).to_be_hidden()  # the guess biases
    page.keyboard.press("g")
    expect(page.get_by_text("Model: happiness")).to_be_visible()
    page.get_by_role("button", name="sadness").click()
    expect(shows(page, "000005")).to_be_attached()
    page.reload()
    expect(shows(page, "000005")).to_be_attached()
    page.get_by_role("textbox", name="Your name").fill("12")  # typing a name labels nothing
    page.keyboard.press("Enter")
    expect(shows(page, "000001")).to_be_attached()
    assert len(read_labels(collection)) == 4


def test_two_annotators_at_once(open_page, collection):
    pages = [open_page("label?collection=keys") for _ in range(2)]
    for page, name in zip(pages, ("Ann", "Ben"), strict=True):
        page.get_by_role("textbox", name="Your name").fill(name)
        page.keyboard.press("Enter")
        expect(shows(page, "000001")).to_be_attached()
        page.locator("h1").click()
    for _ in range(6):
        for page in pages:
            page.keyboard.press("1")
    for page in pages:
        expect(page.get_by_text("All done")).to_be_visible()
        expect(page.locator("[data-unsaved='0']")).to_be_attached()
    lines = [json.loads(line) for line in (collection.folder / "labels.jsonl").read_text().splitlines()]
    assert sorted((line["annotator"], line["face"]) for line in lines) == [
        (name, f"{face:06d}") for name in ("Ann", "Ben") for face in range(1, 7)
    ]


@pytest.fixture(scope="module")
def camera_browser(launch_browser, tmp_path_factory):
    camera = write_camera_file(tmp_path_factory.mktemp("camera") / "face.y4m")
    flags = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    return launch_browser([*flags, f"--use-file-for-fake-video-capture={camera}"])


def test_from_the_camera_to_labels(camera_browser, dashboard_url, dashboard_workspace):
    page = camera_browser.new_page(viewport={"width": 1400, "height": 1300})
    page.set_default_timeout(TIMEOUT_MS)
    page.goto(f"{dashboard_url}/live_webcam?collect=seen")
    page.get_by_role("button", name="Everyone in view agreed").click()
    page.frame_locator("iframe").get_by_role("button", name="Start the camera").click()
    switch = page.get_by_role("switch", name="Collect faces")
    expect(switch).to_be_enabled()
    assert not dashboard_workspace.collection("seen").exists()  # nothing is kept unasked
    page.get_by_text("Collect faces", exact=True).click()  # once: no redraw may undo it
    expect(page.get_by_text(re.compile(r"[1-9]\d* faces? seen"))).to_be_visible()
    page.get_by_text("Collect faces", exact=True).click()
    page.get_by_role("link", name="Label them").click()
    expect(shows(page, "000001")).to_be_attached()
    page.keyboard.press("2")
    expect(page.locator("[data-unsaved='0']:not([data-face='000001'])")).to_be_attached()
    collection = load_collection(dashboard_workspace, "seen")
    assert read_labels(collection) == {"000001": ("happiness",)}
    faces = collection.load_faces()
    assert set(faces["person"]) == {"me"} and faces["clip"].str.startswith("camera ").all()
    page.close()
    delete_collection(dashboard_workspace, "seen")
