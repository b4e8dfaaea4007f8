"""The player of videos in a real browser, on a video whose frames carry their numbers in their pixels."""

import itertools
import random
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from fer_core.workspace import Workspace
from tests.e2e import numbered_player
from tests.e2e.dashboard import serve_faultless_dashboard
from tests.e2e.numbered_player import (
    make_numbered_video,
    middle_of_face,
    play,
    seek,
    shown_frame,
    wait_for_picture,
)

pytestmark = pytest.mark.e2e
NUM_FRAMES = 200
_MIDDLE = """(canvas) => {
    const {width, height} = canvas;
    return canvas.getContext("2d").getImageData(width / 2, height / 2, 1, 1).data[0];
}"""
STEPS_MS = (20, 33, 40, 150)
_HOLD_BACK = """() => {
    const told = HTMLVideoElement.prototype.requestVideoFrameCallback, held = [];
    HTMLVideoElement.prototype.requestVideoFrameCallback = function (act) {
        return told.call(this, (...of) => window.isLate ? held.push(() => act(...of)) : act(...of));
    };
    window.tellAll = () => held.splice(0).forEach((act) => act());
}"""
"""A browser that tells late which pictures it has shown, while `isLate`."""


_HOLD_SEEKED = """(player) => {
    const video = player.querySelector("video"), root = player.getRootNode();
    const hold = (event) => event.stopImmediatePropagation();
    root.addEventListener("seeked", hold, true);
    player.tell = () => {
        root.removeEventListener("seeked", hold, true);
        video.dispatchEvent(new Event("seeked"));
    };
}"""
_PRESS_RIGHT = """(player, times) => {
    const right = {key: "ArrowRight", bubbles: true};
    while (times--) player.querySelector(".timeline").dispatchEvent(new KeyboardEvent("keydown", right));
}"""


@pytest.fixture(scope="module")
def times_s() -> list[float]:
    """Frames that are not equally far apart."""
    steps_ms = random.Random(0).choices(STEPS_MS, k=NUM_FRAMES - 1)
    return [time_ms / 1000 for time_ms in (0, *itertools.accumulate(steps_ms))]


@pytest.fixture(scope="module")
def dashboard_url(times_s: list[float], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Only the player."""
    workspace = Workspace(tmp_path_factory.mktemp("player"))
    make_numbered_video(workspace.root, [round(1000 * time_s) for time_s in times_s])
    with serve_faultless_dashboard(workspace, workspace.root / "log", script=numbered_player.SCRIPT) as url:
        yield url


@pytest.fixture
def player(open_page) -> Locator:
    found = open_page().locator(".player")
    expect(found).to_have_attribute("data-frame", "0")
    return found


def expect_frame(player: Locator, frame: int) -> None:
    """Cursor, numbers and picture are at the same frame."""
    expect(player).to_have_attribute("data-frame", str(frame))
    expect(player).to_have_attribute("data-cursor", str(frame))
    expect(player.locator(".place")).to_have_text(f"frame {frame + 1}")
    assert shown_frame(player) == frame


def test_a_click_shows_the_frame_of_its_moment(player, times_s):
    for share in (0.7, 0.31, 0.99, 0.0, 0.52):
        moment_s = share * times_s[-1]
        seek(player, share)
        frame = int(player.get_attribute("data-frame"))
        expect_frame(player, frame)
        # A pixel of the timeline is some 30 ms, and the last frame has a length.
        assert times_s[frame] - 0.2 < moment_s < times_s[min(frame + 1, NUM_FRAMES - 1)] + 0.2


def test_keys_step_by_a_frame_and_play(player):
    seek(player, 0.4)
    frame = int(player.get_attribute("data-frame"))
    for key, step in (("ArrowRight", 1), ("ArrowRight", 1), ("ArrowLeft", -1), ("ArrowLeft", -1)):
        player.page.keyboard.press(key)
        frame += step
        expect_frame(player, frame)
    player.page.keyboard.press("End")
    expect_frame(player, NUM_FRAMES - 1)
    player.page.keyboard.press("Home")
    expect_frame(player, 0)
    player.page.keyboard.press(" ")
    expect(player.get_by_role("button", name="Pause")).to_be_visible()
    expect(player).not_to_have_attribute("data-frame", "0")
    player.page.keyboard.press(" ")
    expect(player.get_by_role("button", name="Play")).to_be_visible()


def test_keys_that_come_faster_than_pictures_are_all_counted(player):
    player.locator(".timeline").focus()
    for _ in range(15):
        player.page.keyboard.press("ArrowRight")
    expect_frame(player, 15)


def test_no_key_is_lost_where_the_browser_tells_late_of_a_picture(open_page):
    page = open_page()
    page.add_init_script(f"({_HOLD_BACK})()")
    page.reload()
    player = page.locator(".player")
    expect(player).to_have_attribute("data-frame", "0")
    player.locator(".timeline").focus()
    page.evaluate("isLate = true")
    for frame in (1, 2):
        page.keyboard.press("ArrowRight")
        expect(player).to_have_attribute("data-cursor", str(frame))
        expect(player.locator("video")).to_have_js_property("seeking", False)
    page.evaluate("isLate = false")
    page.evaluate("tellAll()")
    expect(player).to_have_attribute("data-frame", "1")
    expect(player).to_have_attribute("data-cursor", "2")
    page.keyboard.press("ArrowRight")
    expect_frame(player, 3)


def test_no_key_is_lost_where_the_browser_tells_late_that_it_has_found_a_frame(player):
    player.locator(".timeline").focus()
    player.evaluate(_HOLD_SEEKED)
    player.evaluate(_PRESS_RIGHT, 2)  # the second while the first one's frame is looked for
    expect(player.locator("video")).to_have_js_property("seeking", False)
    player.evaluate(_PRESS_RIGHT, 1)
    player.evaluate("(player) => player.tell()")
    expect_frame(player, 3)


def test_the_cursor_runs_with_the_picture(player):
    seek(player, 0.1)
    player.get_by_label("Speed").select_option("0.5")
    seen = [picture for picture in play(player, 3) if picture.is_in_time]
    assert len({picture.frame for picture in seen}) > 1, "a few pictures on the slowest machine"
    assert max(picture.off for picture in seen) <= 1


def test_a_face_is_picked_in_the_picture_and_in_the_list(player):
    seek(player, 0.9)
    who = player.locator(".who")
    expect(who).to_have_text("#1 is not in this frame")
    hits = player.locator(".face:visible")
    expect(hits).to_have_count(2)
    frame = player.get_attribute("data-frame")
    hits.nth(1).click()
    expect(who).to_have_text(re.compile(r"^#4 [a-z]+ \d+ %$"))
    option = player.locator(".row[aria-selected=true]")
    expect(option).to_contain_text("#4")
    assert player.get_attribute("data-frame") == frame
    # A face that is elsewhere comes into the picture.
    option.press("ArrowDown")
    expect(player.locator(".row[aria-selected=true]")).to_contain_text("#2")
    wait_for_picture(player)
    expect(who).to_have_text(re.compile(r"^#2 [a-z]+ \d+ %$"))
    expect_frame(player, int(0.6 * NUM_FRAMES))


def test_the_list_shows_each_face_as_the_video_shows_it(player):
    pictures = player.locator(".thumbnail")
    expect(pictures).to_have_count(4)
    for number, share in enumerate((0, 0.75, 0.75, 0.6)):
        frame = int(share * NUM_FRAMES)
        expect(pictures.nth(number)).to_have_attribute("data-frame", str(frame))
    seen = [picture.evaluate(_MIDDLE) for picture in pictures.all()]
    tracks = [int(row.inner_text()[1:]) for row in player.locator(".row b").all()]
    for grey, track, picture in zip(seen, tracks, pictures.all(), strict=True):
        frame = int(picture.get_attribute("data-frame"))
        expected = middle_of_face(track, frame, NUM_FRAMES)
        assert min(abs(grey - expected), 256 - abs(grey - expected)) < 12


def test_the_timeline_marks_cuts_and_frames_without_a_face(player, times_s):
    expect(player.locator(".key")).to_contain_text("not in the picture")
    expect(player.locator(".key")).to_contain_text("no face")
    expect(player.locator(".key")).to_contain_text("cut")
    seek(player, times_s[int(0.55 * NUM_FRAMES)] / times_s[-1])
    assert player.locator(".face:visible").count() == 0
