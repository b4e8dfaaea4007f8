"""Pictures and their faces in a real browser: what is seen without scrolling, and what marks what."""

import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import FloatRect, Locator, Page, expect

from fer_core.inference.sample import load_sample
from tests.e2e.waiting import FILE_INPUT, count_screens, settle

pytestmark = pytest.mark.e2e

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
NUM_FACES = 30


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """A picture with thirty faces, all of which the built-in detector finds."""
    face = load_sample()[20:220, 120:320]
    path = tmp_path_factory.mktemp("media") / "crowd.jpg"
    Image.fromarray(np.vstack([np.hstack([face] * 6)] * 5)).save(path, quality=95)
    return path


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A picture with more pixels than are sent at first."""
    path = tmp_path_factory.mktemp("media") / "large.jpg"
    Image.fromarray(load_sample()).resize((2400, 2400)).save(path, quality=95)
    return path


def show(page: Page, path) -> None:
    """Upload a picture and wait for its faces."""
    expect(page.get_by_role("button", name="Show the sample picture")).to_be_visible()
    settle(page)
    page.locator(FILE_INPUT).first.set_input_files(path)
    expect(page.locator(".stage .picture")).to_be_visible()
    expect(page.get_by_text("All faces in a table")).to_be_visible()
    settle(page)


def measure(part: Locator) -> FloatRect:
    box = part.bounding_box()
    assert box is not None
    return box


def test_a_folder_is_read_with_what_lies_below_it(open_page, crowd, tmp_path):
    for number, name in enumerate(("a.png", "below/b.png")):
        path = tmp_path / "shots" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((64, 64, 3), 99 + number, np.uint8)).save(path)
    (tmp_path / "shots" / "notes.txt").write_text("left out")
    page = open_page("analyze_media", viewport=DESKTOP)
    expect(page.get_by_role("button", name="Show the sample picture")).to_be_visible()
    settle(page)
    page.locator("input[webkitdirectory]").first.set_input_files(tmp_path / "shots")
    for name in ("a.png", "b.png"):
        expect(page.get_by_role("radio", name=f"{name} · no face")).to_be_visible()
    expect(page.get_by_text("notes.txt")).to_have_count(0)


def test_a_crowd_is_answered_on_one_screen(open_page, crowd):
    page = open_page("analyze_media", viewport=DESKTOP)
    show(page, crowd)
    answer = measure(page.get_by_role("heading", name=f"{NUM_FACES} faces: "))
    assert answer["y"] + answer["height"] < DESKTOP["height"] / 2
    picture = measure(page.locator(".stage"))
    assert DESKTOP["height"] - picture["y"] >= picture["height"] / 2
    faces = page.get_by_role("list", name="Faces").get_by_role("listitem")
    expect(faces).to_have_count(NUM_FACES)
    ends = [measure(face) for face in faces.all()]
    assert max(end["y"] + end["height"] for end in ends) <= DESKTOP["height"]
    assert min(end["height"] for end in ends) >= 24  # what a finger or an unsteady hand hits (WCAG 2.5.8)
    assert count_screens(page) <= 2.2


def test_on_a_phone_the_upload_is_on_the_first_screen(open_page):
    page = open_page("analyze_media", viewport=PHONE)
    upload = measure(page.get_by_role("button", name="Upload").first)
    assert upload["y"] + upload["height"] < PHONE["height"]
    assert count_screens(page) <= 2.2


def test_each_side_marks_what_the_other_points_at(open_page, crowd):
    page = open_page("analyze_media", viewport=DESKTOP)
    show(page, crowd)
    entries, boxes = page.locator(".faces .face"), page.locator(".stage .box")
    entries.nth(7).hover()
    expect(page.locator(".stage .box.active")).to_have_count(1)
    expect(boxes.nth(7)).to_have_class(re.compile("active"))
    boxes.nth(3).hover()
    expect(entries.nth(3)).to_have_class(re.compile("active"))
    expect(entries.nth(7)).not_to_have_class(re.compile("active"))
    boxes.nth(3).click()
    bars = entries.nth(3).locator(".bar")
    expect(bars.first).to_be_visible()
    assert bars.count() >= 7, "all classes"


def test_the_keyboard_walks_from_face_to_face(open_page, crowd):
    page = open_page("analyze_media", viewport=DESKTOP)
    show(page, crowd)
    entries, boxes = page.locator(".faces .toggle"), page.locator(".stage .box")
    entries.first.focus()
    page.keyboard.press("ArrowDown")
    expect(entries.nth(2)).to_be_focused()  # there are two columns
    expect(boxes.nth(2)).to_have_class(re.compile("active"))
    page.keyboard.press("Enter")
    expect(entries.nth(2)).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(entries.nth(2)).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("End")
    expect(entries.last).to_be_focused()
    page.keyboard.press("Shift+Tab")  # from the list over the buttons to the picture: one stop for all faces
    expect(page.get_by_role("button", name="Full screen")).to_be_focused()
    boxes.last.focus()
    before = measure(boxes.last)
    page.keyboard.press("ArrowLeft")
    focused = measure(page.locator(".stage .box:focus"))
    assert focused["x"] < before["x"]
    assert abs(focused["y"] - before["y"]) < before["height"]


def test_an_expression_can_be_shown_alone(open_page, crowd):
    page = open_page("analyze_media", viewport=DESKTOP)
    show(page, crowd)
    chip = page.locator(".count").last
    number = int(chip.locator("b").inner_text())
    chip.click()
    expect(page.locator(".faces .face:visible")).to_have_count(number)
    expect(page.locator(".stage .box:visible")).to_have_count(number)
    chip.click()
    expect(page.locator(".faces .face:visible")).to_have_count(NUM_FACES)


def test_a_large_picture_is_enlarged_with_all_its_pixels(open_page, large):
    page = open_page("analyze_media", viewport=DESKTOP)
    show(page, large)
    picture = page.locator(".stage .picture")
    width = "(image) => image.naturalWidth"
    assert picture.evaluate(width) == 1600
    whole = measure(page.locator(".stage .box"))
    stage = measure(page.locator(".stage"))
    page.mouse.move(stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 3)
    for _ in range(6):
        page.mouse.wheel(0, -240)
    expect(picture).to_have_js_property("naturalWidth", 2400)
    zoomed = measure(page.locator(".stage .box"))
    assert zoomed["width"] > 3 * whole["width"]
    page.mouse.down()
    page.mouse.move(stage["x"] + stage["width"] / 2 + 60, stage["y"] + stage["height"] / 3)
    page.mouse.up()
    assert measure(page.locator(".stage .box"))["x"] == pytest.approx(zoomed["x"] + 60, abs=1)
    page.get_by_role("button", name="Whole picture").click()
    assert measure(page.locator(".stage .box")) == pytest.approx(whole, abs=1)
    page.locator(".stage .box").focus()
    page.keyboard.press("+")
    assert measure(page.locator(".stage .box"))["width"] > 1.2 * whole["width"]
    page.keyboard.press("0")
    assert measure(page.locator(".stage .box")) == pytest.approx(whole, abs=1)
