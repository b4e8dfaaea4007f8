"""From an uploaded zip to a cleaned data set, in a real browser."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from fer_core.data.store import load_dataset
from tests.e2e.dashboard import serve_dashboard
from tests.e2e.waiting import settle
from tests.unit.data.pictures import class_files, encode, write_zip

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def dashboard_url(dashboard_workspace, tmp_path_factory):
    log = tmp_path_factory.mktemp("log") / "server.log"
    with serve_dashboard(dashboard_workspace, log, script=Path(__file__).parent / "deciding.py") as url:
        yield url
    assert "Traceback" not in log.read_text()


def test_an_upload_becomes_a_cleaned_data_set(dashboard_workspace, open_page, tmp_path):
    files = class_files("train/", classes=("happy", "blorp"), count=6)
    files |= class_files("test/", classes=("happy", "blorp"), count=0)
    files |= {"test/happy/1.png": encode(900), "test/blorp/1.png": encode(901)}
    files["test/happy/2.png"] = files["train/happy/0.png"]
    source = write_zip(tmp_path / "My faces.zip", files)
    page = open_page("?part=import")
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(source)
    expect(page.get_by_text("15 pictures in class folders")).to_be_visible()
    start = page.get_by_role("button", name="Import", exact=True)
    expect(start).to_be_disabled()
    page.get_by_role("combobox", name=re.compile("blorp")).click()
    page.get_by_role("option", name="fear").click()
    expect(start).to_be_enabled()
    start.click()
    expect(page.get_by_text(re.compile("My_faces|my-faces")).first).to_be_visible()
    expect(page.get_by_role("link", name="Look at it")).to_have_attribute(
        "href", re.compile(r"/explore_data\?dataset=my-faces$")
    )

    page = open_page("?dataset=my-faces")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_text("1 group of exactly equal images")).to_be_visible()
    page.get_by_role("button", name="Exclude 1 copy of training images").click()
    expect(page.get_by_text(re.compile("1 excluded .1 exact copy."))).to_be_visible()
    page.reload()  # nothing is lost
    expect(page.get_by_text(re.compile("1 excluded .1 exact copy."))).to_be_visible()
    current = page.locator(".st-key-cleanup-now")
    expect(current).to_contain_text("train, image 0")  # the excluded one needs no decision
    for key, face in (("n", "test, image 13"), ("b", "train, image 0")):
        settle(page)
        page.keyboard.press(key)
        expect(current).to_contain_text(face)
    settle(page)
    page.keyboard.press("k")
    page.get_by_role("button", name="2 decided: save").click()
    page.get_by_role("button", name="Save as a derived data set").click()
    expect(page.get_by_text(re.compile("my-faces-clean has 14 images"))).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    child = load_dataset(dashboard_workspace.dataset("my-faces-clean")).info
    assert child.split_counts == {"train": 12, "test": 2}
    assert child.history[0]["parent"] == "my-faces"
