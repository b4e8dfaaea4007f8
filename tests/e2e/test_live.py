"""The live page in a real browser whose camera plays a known face."""

import io
import re
import time
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, TimeoutError, expect  # noqa: A004

from fer_core.inference.detectors import build_detector
from fer_core.palette import emotion_color, hex_to_rgb
from fer_core.types import FaceBox
from fer_core.workspace import PROJECT_ROOT, Workspace
from tests.e2e.dashboard import serve_dashboard
from tests.e2e.live_support import FRAME_SIZE, camera_frame, write_camera_file, write_microphone_file
from tests.e2e.watched_live import read_watch
from tests.small_models import save_small_model, save_small_voice

pytestmark = pytest.mark.e2e

COUNTS = re.compile(r"([\d,]+) of ([\d,]+) frames analyzed · ([\d,]+) dropped · ([\d,]+) failed")
PATIENCE_MS = 120_000


@pytest.fixture(scope="module")
def live_workspace(tmp_path_factory):
    workspace = Workspace(tmp_path_factory.mktemp("live") / "workspace")
    save_small_model(workspace, "zz-disgusted", always="disgust")  # the last name is first in the list
    save_small_model(workspace, "aa-sad", always="sadness")
    save_small_voice(workspace, "ears", always="happiness")
    return workspace


@pytest.fixture(scope="module")
def live_url(live_workspace, tmp_path_factory):
    """The live page of a dashboard that is served for this module."""
    log = tmp_path_factory.mktemp("log") / "server.log"
    with serve_dashboard(live_workspace, log, environment={"HF_TOKEN": "hf_not_to_be_sent"}) as url:
        yield f"{url}/live_webcam"
    assert "Traceback" not in log.read_text()


@pytest.fixture(scope="module")
def browser(launch_browser, tmp_path_factory):
    camera = write_camera_file(tmp_path_factory.mktemp("camera") / "face.y4m")
    return launch_browser(
        [
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={camera}",
            f"--use-file-for-fake-audio-capture={write_microphone_file(camera.with_suffix('.wav'))}",
        ]
    )


@contextmanager
def started(browser, url, model="zz-disgusted/best", *, listens=False):
    """A tab whose camera plays, and whose microphone is heard where it is asked for."""
    page = browser.new_page(viewport={"width": 1400, "height": 1300})
    page.goto(url)
    expect(page.get_by_text("Before the camera starts")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("iframe")).to_have_count(0)  # nothing asks for the camera yet
    page.get_by_role("button", name="Everyone in view agreed").click(timeout=PATIENCE_MS)
    choose(page, "Model", model)
    if listens:
        page.get_by_text("Listen, too").click(timeout=PATIENCE_MS)
        expect(page.get_by_text("Before the microphone listens")).to_be_visible(timeout=PATIENCE_MS)
        expect(page.locator("iframe")).to_have_count(0)
        page.get_by_role("button", name="Everyone who is heard agreed").click(timeout=PATIENCE_MS)
    frame = page.frame_locator("iframe")
    frame.get_by_role("button", name="Start the camera").click(timeout=PATIENCE_MS)
    expect(frame.get_by_role("button", name="Stop")).to_be_visible(timeout=PATIENCE_MS)
    try:
        yield page
    finally:
        page.close()


def choose(page: Page, label: str, option: str) -> None:
    """Choose in a list of options; again where a redraw of the running page closed it before the click."""
    wanted = page.get_by_role("option", name=option, exact=True)
    for _ in range(10):
        page.get_by_role("combobox", name=re.compile(label)).first.click(timeout=PATIENCE_MS)
        try:
            wanted.click(timeout=PATIENCE_MS / 10)
        except TimeoutError:
            page.keyboard.press("Escape")
        else:
            return
    raise AssertionError(f"{label} does not take {option}")


def read_counts(page: Page) -> tuple[int, int, int, int]:
    """Frames analyzed, received, dropped and failed, as the page says."""
    text = page.get_by_text(COUNTS).inner_text(timeout=PATIENCE_MS)
    return tuple(int(item.replace(",", "")) for item in COUNTS.search(text).groups())


def see_video(page: Page, expression: str):
    """What a JavaScript function says of the video element, once that is in view."""
    video = page.frame_locator("iframe").locator("video")
    video.scroll_into_view_if_needed(timeout=PATIENCE_MS)  # Chromium pauses a muted video that nobody sees
    return video.evaluate(expression)


def wait_for(condition, message, seconds=120.0):
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, message() if callable(message) else message
        time.sleep(0.5)
    return result


def share_over(page: Page, seconds: float) -> float:
    """Analyzed over received frames of the next seconds."""
    before = read_counts(page)
    time.sleep(seconds)
    after = read_counts(page)
    assert after[1] > before[1], "no frames come"
    return (after[0] - before[0]) / (after[1] - before[1])


def take_snapshot(page: Page) -> np.ndarray:
    for _ in range(5):
        with page.expect_download(timeout=PATIENCE_MS) as download:
            page.get_by_role("button", name="Snapshot").click()
        if download.value.failure() is None:  # a redraw of the page cancels one that is on its way
            return np.asarray(Image.open(io.BytesIO(download.value.path().read_bytes())))
    raise AssertionError("every snapshot was cut off")


def drawn_box(picture: np.ndarray, emotion: str) -> FaceBox | None:
    """The box drawn in the colour of `emotion`, in pixels of the camera's picture; None without one."""
    import cv2

    mask = (picture == np.array(hex_to_rgb(emotion_color(emotion)), np.uint8)).all(axis=2)
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count == 1:  # the background alone
        return None
    x, y, width, height, _ = max(stats[1:].tolist(), key=lambda row: row[2] * row[3])
    scale = FRAME_SIZE[0] / picture.shape[1]
    return FaceBox(x=x, y=y, width=width, height=height, score=1.0).scaled(scale)


def is_boxed(picture: np.ndarray, expected: FaceBox) -> bool:
    found = drawn_box(picture, "disgust")
    if found is None:
        return False
    # The panel's stripe has the same colour and may touch the box's right side.
    tolerance = 0.2 * expected.height
    right_sides = found.x + found.width, expected.x + expected.width
    return (
        abs(found.x - expected.x) <= tolerance
        and abs(found.y - expected.y) <= tolerance
        and abs(found.height - expected.height) <= tolerance
        and right_sides[0] >= right_sides[1] - tolerance
    )


def test_the_stream_is_annotated_and_keeps_up(browser, live_url):
    with started(browser, live_url) as page:
        expect(page.get_by_text("disgust", exact=True).first).to_be_visible(timeout=PATIENCE_MS)
        # How large a share is analyzed depends on what else the machine does: benchmarks/live.py measures it.
        wait_for(lambda: share_over(page, 5) > 0.1, "frames come, but hardly any is analyzed")
        analyzed, received, dropped, failed = read_counts(page)
        assert failed == 0
        assert analyzed + dropped == received

        (expected,) = build_detector("haar").detect(np.ascontiguousarray(camera_frame()[:, ::-1]))
        # In a single frame a face may be missed; the next one has it again.
        wait_for(lambda: is_boxed(take_snapshot(page), expected), "no snapshot has the box around the face")

        before = see_video(page, "v => v.currentTime")
        wait_for(lambda: see_video(page, "v => v.currentTime") > before + 1, "the picture stands still")
        # What the browser shows has the label's green somewhere; the sample picture has none.
        green = see_video(
            page,
            """v => {
                const canvas = document.createElement('canvas');
                canvas.width = v.videoWidth; canvas.height = v.videoHeight;
                const context = canvas.getContext('2d'); context.drawImage(v, 0, 0);
                const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
                let number = 0;
                for (let i = 0; i < data.length; i += 4)
                    if (data[i + 1] > data[i] + 50 && data[i + 1] > data[i + 2] + 15) number++;
                return number;
            }""",
        )
        assert green > 300


def test_models_are_swapped_and_compared_while_it_plays(browser, live_url):
    with started(browser, live_url) as page:
        expect(page.get_by_text("disgust", exact=True).first).to_be_visible(timeout=PATIENCE_MS)
        analyzed = read_counts(page)[0]
        choose(page, "Model", "aa-sad/best")
        expect(page.get_by_test_id("stMetricValue")).to_have_text("sadness", timeout=PATIENCE_MS)
        wait_for(lambda: read_counts(page)[0] > analyzed + 20, "the stream stopped at the swap")

        page.get_by_text("Compare with a second model").click()
        choose(page, "Second model", "zz-disgusted/best")
        choose(page, "Face detector", "Whole picture")
        wait_for(
            lambda: see_video(page, "v => v.videoWidth / v.videoHeight") > 2,
            lambda: f"still {see_video(page, 'v => [v.videoWidth, v.videoHeight, v.currentTime]')}",
        )
        filled = "v => Math.abs((v.clientWidth * v.videoHeight) / (v.clientHeight * v.videoWidth) - 1) < 0.03"
        wait_for(lambda: see_video(page, filled), "bars stay beside the picture")
        assert read_counts(page)[3] == 0


def test_the_voice_is_heard_beside_the_face_where_the_user_asks_for_it(browser, live_url):
    with started(browser, live_url, listens=True) as page:
        voice = page.get_by_test_id("stMetric").filter(has_text=re.compile("^Voice"))
        expect(voice).to_contain_text("happiness", timeout=PATIENCE_MS)
        expect(voice).to_contain_text("nobody speaks", timeout=PATIENCE_MS)  # the microphone's pauses
        expect(page.get_by_text("disgust", exact=True).first).to_be_visible()
        expect(page.get_by_text(re.compile("Face #.* and voice"))).to_have_count(0)  # its mouth is still
        page.get_by_text("Listen, too").click()
        frame = page.frame_locator("iframe")
        expect(frame.get_by_role("button", name="Start the camera")).to_be_visible(timeout=PATIENCE_MS)


def test_a_predictor_that_raises_on_every_tenth_frame_does_not_end_the_stream(
    browser, live_workspace, tmp_path
):
    script = PROJECT_ROOT / "tests" / "e2e" / "failing_live.py"
    log = tmp_path / "server.log"
    with serve_dashboard(live_workspace, log, script=script) as url, started(browser, url) as page:
        wait_for(lambda: read_counts(page)[3] >= 1, "nothing failed")
        seconds = see_video(page, "v => v.currentTime")
        wait_for(lambda: read_counts(page)[3] >= 5, lambda: f"it ended: {read_counts(page)}")
        analyzed, _, _, failed = read_counts(page)
        assert 7 <= analyzed / failed <= 13  # nine to one; the page's figures are a moment old
        wait_for(lambda: see_video(page, "v => v.currentTime") > seconds + 1, "the video stands still")
        expect(page.get_by_text("RuntimeError").first).to_be_visible()  # a redraw shows old and new
        expect(page.get_by_text("every tenth frame fails").first).to_be_visible()
        expect(page.get_by_text("Traceback")).to_have_count(0)
    assert log.read_text().count("Traceback") == 1  # the first is logged, the rest counted


def test_a_second_tab_works_at_once_and_nothing_stays_after_both(browser, live_workspace, tmp_path):
    script = PROJECT_ROOT / "tests" / "e2e" / "watched_live.py"
    watch = live_workspace.root / "watch.json"
    with serve_dashboard(live_workspace, tmp_path / "server.log", script=script) as url:
        with started(browser, url) as first:
            wait_for(lambda: read_counts(first)[0] > 30, "the first tab does not get going")
            memory = read_watch(watch)["rss"]
            with started(browser, url) as second:
                wait_for(lambda: read_counts(second)[0] > 30, "the second tab does not get going")
                analyzed = read_counts(first)[0]
                wait_for(lambda: read_counts(first)[0] > analyzed + 10, "the first tab stands")
                running = read_watch(watch)
                assert running["engines"] == 2
                assert sum(name.startswith("async_media") for name in running["threads"]) == 2
        # A closed tab says nothing: WebRTC notices after half a minute without an answer.
        wait_for(
            lambda: read_watch(watch)["threads"] == [] and read_watch(watch)["engines"] == 0,
            lambda: read_watch(watch),
            seconds=150,
        )
        assert read_watch(watch)["rss"] < 1.1 * memory
