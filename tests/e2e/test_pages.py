"""The pages in a real browser."""

import csv
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from fer_core.inference.sample import load_sample
from fer_core.labels import EMOTIONS
from fer_core.palette import EMOTION_COLORS, UNKNOWN_COLOR, hex_to_rgb
from tests.e2e.dashboard import moving_face, write_clip
from tests.e2e.waiting import FILE_INPUT

pytestmark = pytest.mark.e2e

EMPTY = ("Show the sample picture", "No video yet")
LABELS = "|".join((*EMOTIONS, "uncertain"))
EXPRESSION = re.compile(rf"^Face 1: ({LABELS}), \d+ %$")


@pytest.fixture(scope="module")
def astronaut(tmp_path_factory):
    path = tmp_path_factory.mktemp("media") / "astronaut.jpg"
    Image.fromarray(load_sample()).save(path, quality=95)
    return path


def _upload(page: Page, path, *, tab: int = 0) -> None:
    """Give a file to a file dialog once the page has come to rest."""
    expect(page.get_by_text(EMPTY[tab]).first).to_be_visible()
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
    page.locator(FILE_INPUT).nth(tab).set_input_files(path)


def _num_pixels_like(image: np.ndarray, color: str) -> int:
    return int((np.abs(image.astype(int) - hex_to_rgb(color)).max(axis=2) < 12).sum())


def test_home_shows_its_three_ways_and_they_lead_somewhere(open_page):
    page = open_page()
    for title in ("Analyze pictures and videos", "Go live", "Train a model"):
        expect(page.get_by_role("heading", name=title)).to_be_visible()
    expect(page.get_by_text("base no decision about a person on it")).to_be_visible()
    page.get_by_role("button", name="Open Analyze media").click()
    expect(page.get_by_role("heading", name="Analyze media")).to_be_visible()
    page.get_by_role("link", name="Home").first.click()
    page.get_by_role("button", name="Open Live webcam").click()
    expect(page.get_by_role("heading", name="Live webcam")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_pages_contact_nobody_but_their_own_server(open_page, dashboard_url):
    page = open_page()
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    for path in ("", "train", "analyze_media", "live_webcam", "responsible_use"):
        page.goto(f"{dashboard_url}/{path}")
        expect(page.get_by_test_id("stHeading").first).to_be_visible()
        page.wait_for_load_state("networkidle")
    assert addresses
    assert [url for url in addresses if not url.startswith((dashboard_url, "data:", "blob:"))] == []


def test_an_uploaded_picture_gets_its_box_and_label(open_page, astronaut):
    page = open_page("analyze_media")
    _upload(page, astronaut)
    box = page.get_by_label(EXPRESSION)
    expect(box).to_be_visible()
    found = EXPRESSION.search(box.get_attribute("aria-label") or "")
    assert found is not None
    color = EMOTION_COLORS.get(found[1], UNKNOWN_COLOR)
    expect(box).to_have_css("border-top-color", f"rgb{hex_to_rgb(color)}")
    expect(page.get_by_role("heading", name=f"1 face: 1 {found[1]}")).to_be_visible()
    expect(page.get_by_alt_text("astronaut.jpg with 1 face marked")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Annotated picture (PNG)").click()
    with Image.open(download.value.path()) as saved:
        assert saved.format == "PNG"
        drawn = np.asarray(saved.convert("RGB"))
    plain = np.asarray(Image.open(astronaut).resize(drawn.shape[1::-1]))
    # The box alone is some 400 px long and 3 px wide.
    assert _num_pixels_like(drawn, color) > _num_pixels_like(plain, color) + 500
    with page.expect_download() as download:
        page.get_by_role("button", name="Table (CSV)").click()
    header, row = csv.reader(download.value.path().read_text().splitlines())
    assert header[:2] == ["picture", "face"]
    assert row[:2] == ["astronaut.jpg", "1"]


def test_what_is_no_picture_gets_a_clear_message(open_page, tmp_path):
    notes = tmp_path / "notes.png"
    notes.write_text("this is text, whatever its name says")
    page = open_page("analyze_media")
    _upload(page, notes)
    alert = page.get_by_test_id("stAlert")
    expect(alert).to_contain_text("notes.png")
    expect(alert).to_contain_text("no picture that can be read")
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_a_video_is_annotated_and_its_timeline_answers_clicks(open_page, tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", moving_face(24), fps=10)
    page = open_page("analyze_media")
    page.get_by_role("tab", name="Video").click()
    _upload(page, clip, tab=1)
    page.get_by_role("button", name="Analyze the video").click()
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    expect(page.get_by_role("progressbar").first).to_be_visible()
    player = page.locator(".player")
    expect(player.locator(".who")).to_have_text(re.compile(rf"^#1 ({LABELS}) \d+ %$"), timeout=60_000)
    assert player.locator("video").evaluate("(video) => [video.videoWidth, video.videoHeight]") == [640, 480]
    player.get_by_role("button", name="Play").click()
    expect(player).to_have_attribute("data-frame", "23")  # the last one
    timeline = player.locator(".timeline")
    page.set_viewport_size({"width": 1280, "height": 800})
    expect(timeline).to_be_in_viewport(ratio=1)
    expect(player.locator(".screen")).to_be_in_viewport(ratio=0.5)
    box = timeline.bounding_box()
    assert box is not None
    timeline.click(position={"x": 0.52 * box["width"], "y": 0.5 * box["height"]})
    expect(player).to_have_attribute("data-frame", "12")
    expect(player.locator(".clock")).to_have_text("0:01.20 / 0:02.30")
    with page.expect_download() as download:
        page.get_by_role("button", name="Table (CSV)").click()
    assert len(download.value.path().read_text().splitlines()) >= 24
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No video yet")).to_be_visible()


def test_text_called_mp4_gets_a_clear_message(open_page, tmp_path):
    notes = tmp_path / "notes.mp4"
    notes.write_text("this is text, whatever its name says")
    page = open_page("analyze_media")
    page.get_by_role("tab", name="Video").click()
    _upload(page, notes, tab=1)
    expect(page.get_by_test_id("stAlert")).to_contain_text("not a video that can be read")
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_dark_pages_are_dark_and_complete(open_page):
    page = open_page("analyze_media", color_scheme="dark")
    page.get_by_role("button", name="Show the sample picture").click()
    expect(page.get_by_text("All faces in a table")).to_be_visible()
    background = page.get_by_test_id("stApp").evaluate("(app) => getComputedStyle(app).backgroundColor")
    assert max(int(value) for value in re.findall(r"\d+", background)[:3]) < 60
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_a_narrow_screen_needs_no_sideways_scrolling(open_page):
    page = open_page("analyze_media", viewport={"width": 400, "height": 900})
    page.get_by_role("button", name="Show the sample picture").click()
    expect(page.get_by_text("All faces in a table")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
