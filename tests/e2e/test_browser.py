"""The page without a server, in Chromium: it computes by itself, asks first, and contacts nobody."""

import functools
import http.server
import json
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, Request, expect

from fer_core.browser.bundle import write_bundle, write_single_page
from fer_core.browser.page import PICTURE_COLUMNS
from fer_core.checkpoint import find_checkpoint
from fer_core.cli import main
from fer_core.inference.face_table import FIXED_COLUMNS
from fer_core.inference.sample import sample_path
from fer_core.types import UInt8Array
from tests.browser_support import BINARY, MODEL, RUNTIME, Golden, check_answer
from tests.e2e.conftest import TIMEOUT_MS
from tests.e2e.dashboard import serve_faultless_dashboard
from tests.e2e.live_support import CAMERA_FPS, camera_frame, write_camera_file, write_microphone_file
from tests.e2e.waiting import pick, watch
from tests.small_models import save_small_voice
from tests.unit.data.pictures import write_tree
from tests.voices import emodb_files

UNPACK = """async (bytes) => new Uint8Array(await new Response(
    new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer())"""
WATCH = """window.asked = 0;
const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = (wanted) => { window.asked += 1; return ask(wanted); };"""
WAIT = """() => {
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => {
        await new Promise((answer) => (window.answer = answer));
        return (window.given = await ask(wanted));
    };
}"""
"""The camera comes once `answer()` is called."""
PLAYING = "() => fer.report().numAnalysed > 3"


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """A plain file server, which adds nothing."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("localhost", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://localhost:{server.server_port}/"
        finally:
            server.shutdown()


def write_webm(path: Path, frames: Sequence[UInt8Array]) -> None:
    """A video that every Chromium can play."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx", rate=CAMERA_FPS, options={"deadline": "realtime"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


@pytest.fixture(scope="module")
def bundle(browser_workspace, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "page"
    entries = [find_checkpoint(name, browser_workspace) for name in (MODEL, "fer-seven")]
    write_bundle(folder, entries, browser_workspace)
    return folder


@pytest.fixture(scope="module")
def camera_browser(launch_browser: Callable[..., Browser], tmp_path_factory) -> Browser:
    film = write_camera_file(tmp_path_factory.mktemp("camera") / "camera.y4m")
    sound = write_microphone_file(film.with_suffix(".wav"))
    flags = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    flags += [f"--use-file-for-fake-video-capture={film}", f"--use-file-for-fake-audio-capture={sound}"]
    return launch_browser(flags)


class Visit:
    """A visitor on the page, and every address that their browser asked for."""

    def __init__(self, browser: Browser, url: str, downloads: ExitStack) -> None:
        self.context = browser.new_context(accept_downloads=True)
        downloads.callback(self.context.close)
        self.context.set_default_timeout(TIMEOUT_MS)
        self.url, self.asked, self.errors = url, list[str](), list[str]()
        self.context.on("request", self._note)
        self.page: Page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.add_init_script(WATCH)
        self.page.goto(url)

    def _note(self, request: Request) -> None:
        if not request.url.startswith((self.url, f"blob:{self.url}", "data:")):
            self.asked.append(request.url)

    def start(self) -> None:
        self.page.locator("#agree").click()
        self.page.locator("#start").click()
        self.wait_until(PLAYING)

    def wait_until(self, condition: str) -> None:
        """Playwright's own waiting evaluates a string, which the page's policy forbids."""
        for _ in range(TIMEOUT_MS // 100):
            if self.page.evaluate(condition):
                return
            self.page.wait_for_timeout(100)
        raise AssertionError(f"{condition}: {self.page.inner_text('body')}")


@pytest.fixture
def visit(camera_browser: Browser, bundle: Path) -> Iterator[Visit]:
    with serve(bundle) as url, ExitStack() as contexts:
        visitor = Visit(camera_browser, url, contexts)
        yield visitor
        assert visitor.errors == []


def test_chromium_finds_what_python_finds(camera_browser, golden: Golden):
    (golden.folder / "index.html").write_text("<!doctype html><title>replay</title>")
    with serve(golden.folder) as url:
        page = camera_browser.new_page()
        page.goto(url)
        call = (
            f"import('./replay.mjs').then(({{replayHere}}) => replayHere('{RUNTIME}', '{BINARY}', {UNPACK}))"
        )
        check_answer(golden, json.loads(page.evaluate(f"() => {call}.then(JSON.stringify)")))
        page.close()


def test_the_camera_is_asked_only_after_consent(visit: Visit):
    expect(visit.page.locator("#consent")).to_contain_text("who agreed")
    expect(visit.page.locator("#start")).to_be_hidden()
    assert visit.page.evaluate("() => window.asked") == 0
    visit.start()
    assert visit.page.evaluate("() => window.asked") == 1
    visit.page.locator("#again").click()
    expect(visit.page.locator("#work")).to_be_hidden()
    assert visit.page.evaluate("() => document.documentElement.dataset.state") == "idle"


def test_a_camera_that_comes_after_consent_was_withdrawn_is_closed_at_once(visit: Visit):
    """The browser's own question may be open for as long as its user likes."""
    page = visit.page
    page.evaluate(WAIT)
    page.locator("#agree").click()
    page.locator("#start").click()
    visit.wait_until("() => Boolean(window.answer)")
    page.locator("#again").click()
    page.evaluate("() => window.answer()")
    visit.wait_until("() => window.given?.getTracks().every(({readyState}) => readyState === 'ended')")
    expect(page.locator("#start")).to_be_enabled()
    assert page.evaluate("() => document.documentElement.dataset.state") == "idle"
    assert page.evaluate("() => fer.report().numReceived") == 0


def test_a_camera_that_is_unplugged_is_told(visit: Visit):
    visit.page.evaluate(WAIT)
    visit.page.locator("#agree").click()
    visit.page.locator("#start").click()
    visit.wait_until("() => Boolean(window.answer)")
    visit.page.evaluate("() => window.answer()")
    visit.wait_until(PLAYING)
    visit.page.evaluate("() => window.given.getVideoTracks()[0].dispatchEvent(new Event('ended'))")
    expect(visit.page.locator("#message")).to_contain_text("it was unplugged")
    expect(visit.page.locator("#start")).to_have_text("Start the camera")
    expect(visit.page.locator("#hint")).to_have_text("The camera is off.")


def test_with_the_camera_running_nobody_else_is_contacted(visit: Visit):
    visit.start()
    with serve(Path(__file__).parent) as elsewhere:
        attempt = f"() => fetch('{elsewhere}', {{mode: 'no-cors'}}).then(() => 'reached', () => 'refused')"
        assert visit.page.evaluate(attempt) == "refused"
        # The worker is begun the same way: from a blob, so that it obeys the page's policy.
        in_a_worker = """(address) => new Promise((resolve) => {
            const code = `fetch('${address}', {mode: 'no-cors'}).then(() => 'reached', () => 'refused')
                .then(postMessage)`;
            new Worker(URL.createObjectURL(new Blob([code]))).onmessage = ({data}) => resolve(data);
        })"""
        assert visit.page.evaluate(in_a_worker, elsewhere) == "refused"
    assert [address for address in visit.asked if "localhost" not in address] == []


def test_nothing_of_a_visit_is_kept_after_closing(visit: Visit):
    visit.start()
    visit.page.locator("#start").click()
    visit.page.close()
    page = visit.context.new_page()
    page.goto(visit.url)
    kept = """async () => {
        const files = [];
        for (const name of await caches.keys())
            for (const {url} of await (await caches.open(name)).keys()) files.push(url);
        return {files, stored: localStorage.length + sessionStorage.length,
            databases: (await indexedDB.databases()).length, cookies: document.cookie};
    }"""
    found = page.evaluate(kept)
    files = found.pop("files")
    assert found == {"stored": 0, "databases": 0, "cookies": ""}
    assert files and all(
        not Path(url).suffix or Path(url).suffix in {".js", ".css", ".gz", ".onnx"} for url in files
    )
    expect(page.locator("#consent")).to_be_visible()


def test_results_snapshot_and_recording_go_to_the_visitors_disk(visit: Visit, tmp_path):
    visit.start()
    page = visit.page
    expect(page.locator(".reading strong")).not_to_have_text("–")
    with page.expect_download() as waiting:
        page.locator("#snapshot").click()
    assert Path(waiting.value.path()).read_bytes()[:4] == b"\x89PNG"
    page.locator("#record").click()
    before = page.evaluate("() => fer.report().numAnalysed")
    visit.wait_until(f"() => fer.report().numAnalysed > {before} + 10")
    with page.expect_download() as waiting:
        page.locator("#record").click()
    assert Path(waiting.value.path()).stat().st_size > 1000
    with page.expect_download() as waiting:
        page.locator("#save").click()
    waiting.value.save_as(tmp_path / "results.csv")
    table = pd.read_csv(tmp_path / "results.csv")
    assert tuple(table.columns[: len(FIXED_COLUMNS)]) == FIXED_COLUMNS
    shares = table[table.columns[len(FIXED_COLUMNS) :]]
    assert len(table) > 3 and shares.shape[1] == 8
    assert shares.dropna().sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-5)


def test_two_models_side_by_side_and_settings(visit: Visit):
    visit.start()
    width = visit.page.evaluate("() => document.getElementById('picture').width")
    visit.page.locator("#second").select_option("fer-seven")
    visit.wait_until("() => document.querySelectorAll('.reading').length === 2")
    visit.wait_until(f"() => document.getElementById('picture').width > 1.2 * {width}")
    visit.page.locator("#prior").select_option("uniform")
    before = visit.page.evaluate("() => fer.report().numAnalysed")
    visit.wait_until(f"() => fer.report().numAnalysed > {before} + 3")
    expect(visit.page.locator("#message")).to_be_hidden()


def test_pictures_are_read_without_a_camera_and_without_an_upload(visit: Visit, tmp_path):
    """Three files at once, of which one is broken and one shows nobody."""
    page = visit.page
    page.locator("#agree").click()
    (tmp_path / "broken.png").write_bytes(b"\x89PNG and nothing more")
    cv2.imwrite(str(tmp_path / "empty.png"), np.full((200, 300, 3), 90, np.uint8))
    names = [sample_path(), tmp_path / "broken.png", tmp_path / "empty.png"]
    page.locator("#file").set_input_files(names)
    expect(page.locator("#faces tbody tr")).to_have_count(1)
    expect(page.locator("#faces tbody strong")).to_have_text("happiness")
    expect(page.locator("#halt")).to_be_hidden()
    assert visit.page.evaluate("() => window.asked") == 0
    with page.expect_download() as waiting:
        page.locator("#save").click()
    waiting.value.save_as(tmp_path / "faces.csv")
    table = pd.read_csv(tmp_path / "faces.csv")
    assert tuple(table.columns[: len(PICTURE_COLUMNS) + 1]) == ("picture", *PICTURE_COLUMNS)
    assert table["num_faces"].tolist() == [1, 0] and table["label"].tolist()[0] == "happiness"
    page.locator("#faces button").press("Enter")
    expect(page.locator("#faces button")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="broken.png").click()
    expect(page.locator("#message")).to_contain_text("broken.png can't be read")
    page.get_by_role("button", name="empty.png").click()
    expect(page.locator("#message")).to_contain_text("No face was found")
    page.locator("#start").click()
    visit.wait_until(PLAYING)
    expect(page.locator("#chips button")).to_have_count(0)


def test_a_short_video_has_a_timeline(visit: Visit, tmp_path):
    page = visit.page
    page.locator("#agree").click()
    write_webm(tmp_path / "clip.webm", [camera_frame(index / 8) for index in range(8)])
    page.locator("#file").set_input_files(tmp_path / "clip.webm")
    expect(page.locator("#player")).to_be_visible()
    expect(page.locator("#faces tbody strong")).to_have_text("happiness")
    painted = """() => {
        const {width, height} = document.getElementById('curve');
        const {data} = document.getElementById('curve').getContext('2d').getImageData(0, 0, width, height);
        return data.some(Boolean);
    }"""
    assert page.evaluate(painted)
    page.locator("#seek").press("End")
    expect(page.locator("#clock")).not_to_contain_text("0:00.0 of")
    with page.expect_download() as waiting:
        page.locator("#save").click()
    waiting.value.save_as(tmp_path / "faces.csv")
    table = pd.read_csv(tmp_path / "faces.csv")
    assert tuple(table.columns[: len(FIXED_COLUMNS)]) == FIXED_COLUMNS
    assert table["time_s"].is_monotonic_increasing and table["time_s"].iloc[-1] > 0.3


def test_one_file_works_from_a_disk(camera_browser: Browser, browser_workspace, tmp_path):
    page_file = tmp_path / "page.html"
    write_single_page(page_file, [find_checkpoint(MODEL, browser_workspace)], browser_workspace)
    with ExitStack() as contexts:
        visitor = Visit(camera_browser, page_file.as_uri(), contexts)
        visitor.start()
        expect(visitor.page.locator(".reading strong")).to_have_text("happiness")
        attempt = """(address) => fetch(address, {mode: 'no-cors'}).then(() => 'reached', () => 'refused')"""
        with serve(tmp_path) as elsewhere:
            assert visitor.page.evaluate(attempt, elsewhere) == "refused"
            assert visitor.page.workers[0].evaluate(attempt, elsewhere) == "refused"
        assert visitor.errors == []
        assert {url for url in visitor.asked if not url.startswith(("blob:", elsewhere))} == set()


def test_it_works_without_the_network_once_loaded(camera_browser, bundle, tmp_path):
    folder = shutil.copytree(bundle, tmp_path / "page")
    with serve(folder) as url, ExitStack() as contexts:
        visitor = Visit(camera_browser, url, contexts)
        visitor.start()
        visitor.page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
        for path in folder.iterdir():  # whatever is asked of the server now is not there
            path.unlink()
        visitor.page.close()
        visitor.page = visitor.context.new_page()
        visitor.page.goto(url)
        visitor.start()


def test_a_file_that_is_missing_is_told(camera_browser, bundle, tmp_path):
    folder = shutil.copytree(bundle, tmp_path / "page")
    next(folder.glob("yunet-*.onnx")).unlink()
    with serve(folder) as url, ExitStack() as contexts:
        visitor = Visit(camera_browser, url, contexts)
        visitor.page.locator("#agree").click()
        visitor.page.locator("#start").click()
        expect(visitor.page.locator("#message")).to_contain_text("can't be loaded (404)")
        expect(visitor.page.locator("#start")).to_have_text("Start the camera")


@pytest.fixture(scope="module")
def live_url(browser_workspace, tmp_path_factory) -> Iterator[str]:
    with serve_faultless_dashboard(browser_workspace, tmp_path_factory.mktemp("log") / "server.log") as url:
        yield url


def test_the_live_page_reads_faces_in_the_browser(camera_browser, live_url, browser_workspace):
    """It is the default there; the server gets no picture, and a changed setting does not stop the camera."""
    context = camera_browser.new_context(viewport={"width": 1280, "height": 1200})
    context.set_default_timeout(TIMEOUT_MS)
    context.add_init_script(WATCH)
    asked, sent, missing = [], [], []
    context.on("request", lambda request: asked.append(request.url))
    context.on("request", lambda request: sent.append(request.url) if request.method != "GET" else None)
    context.on("response", lambda answer: missing.append(answer.url) if answer.status >= 400 else None)
    page = context.new_page()
    page.goto(f"{live_url}/live_webcam")
    expect(page.get_by_text("Nowhere: everything is computed in this browser")).to_be_visible()
    expect(page.locator("iframe[title^='Camera and']")).to_have_count(0)
    page.get_by_role("button", name="Everyone in view agreed").click()
    inner = page.frame_locator("iframe[title^='Camera and']")
    inner.locator("#start").click()
    expect(inner.locator(".reading strong")).to_have_text("happiness")
    page.get_by_text("Mirror the picture").click()
    page.get_by_text("Compare with a second model").click()
    page.get_by_role("combobox", name="Second model").click()
    page.get_by_role("option", name=MODEL).click()
    expect(inner.locator(".reading")).to_have_count(2)
    expect(inner.locator("#start")).to_have_text("Stop")
    expect(inner.locator("#message")).to_be_hidden()
    frame = next(frame for frame in page.frames if frame != page.main_frame)
    assert frame.evaluate("() => window.asked") == 1, "the camera ran on"
    assert sent == []
    assert not list(browser_workspace.analyses.glob("*")), "nothing is kept unasked"
    inner.locator("#keep").click()
    expect(page.get_by_role("link", name="Open it")).to_be_visible()
    (kept,) = browser_workspace.analyses.glob("[!.]*")
    assert {path.name for path in kept.iterdir()} == {"analysis.json", "faces.parquet"}
    assert [url for url in missing if "/media/" in url] == []
    assert {url for url in asked if not url.startswith((live_url, f"blob:{live_url}", "data:"))} == set()
    page.get_by_text("On the server").click()
    expect(page.get_by_text("To the computer that runs this page")).to_be_visible()
    expect(page.locator("iframe[title^='Camera and']")).to_have_count(0)
    context.close()


@pytest.fixture
def ears(browser_workspace, tmp_path, monkeypatch, known_graphs):
    """A voice model that browsers can run, compared with torch on made-up voices."""
    monkeypatch.setenv("FER_WORKSPACE", str(browser_workspace.root))
    save_small_voice(browser_workspace, "ears", always="happiness")
    source = write_tree(tmp_path / "emodb", emodb_files())
    assert main(["import", str(source), "--window", "1", "--valid", "0.25", "--test", "0.25"]) == 0
    assert main(["export", "ears", "--data", "emodb"]) == 0
    yield
    for folder in (browser_workspace.run("ears"), browser_workspace.dataset("emodb")):
        shutil.rmtree(folder)


@pytest.mark.usefixtures("ears")
def test_the_live_page_hears_a_voice_in_the_browser(camera_browser, live_url):
    """Off until it is asked for; then speech and pauses are told, and nothing is sent."""
    context = camera_browser.new_context(viewport={"width": 1280, "height": 1200})
    context.set_default_timeout(TIMEOUT_MS)
    context.add_init_script(WATCH)
    asked, sent = [], []
    context.on("request", lambda request: asked.append(request.url))
    context.on("request", lambda request: sent.append(request.url) if request.method != "GET" else None)
    page = context.new_page()
    page.goto(f"{live_url}/live_webcam")
    page.get_by_role("button", name="Everyone in view agreed").click()
    camera = page.locator("iframe[title^='Camera and']")
    expect(camera).to_have_attribute("allow", "camera")
    page.get_by_text("Listen, too").click()
    expect(page.get_by_text("the sound stays in this browser")).to_be_visible()
    expect(camera).to_have_count(0)
    page.get_by_role("button", name="Everyone who is heard agreed").click()
    expect(camera).to_have_attribute("allow", "camera; microphone")
    inner = page.frame_locator("iframe[title^='Camera and']")
    inner.locator("#start").click()
    expect(inner.locator("#voice strong")).to_have_text("happiness")
    expect(inner.locator("#voice")).to_contain_text("nobody speaks")
    expect(inner.locator("#readings strong")).to_have_text("happiness")
    inner.locator("#start").click()
    expect(inner.locator("#voice strong")).to_have_count(0)
    assert sent == []
    assert {url for url in asked if not url.startswith((live_url, f"blob:{live_url}", "data:"))} == set()
    context.close()


def test_analyze_reads_a_picture_that_stays_on_the_device(camera_browser, live_url, browser_workspace):
    context = camera_browser.new_context(viewport={"width": 1280, "height": 1200})
    context.set_default_timeout(TIMEOUT_MS)
    watch(context)
    sent, asked, held = [], [], []
    context.on("request", lambda request: asked.append(request.url))
    context.on("request", lambda request: sent.append(request.url) if request.method != "GET" else None)

    def hold(request):  # a file may be chosen while the script is on its way
        held.append(request)

    context.route("**/media/*.js", hold)
    page = context.new_page()
    page.goto(f"{live_url}/analyze_media")
    page.get_by_role("tab", name="In this browser").click()
    expect(page.get_by_text("Nothing is uploaded: pictures")).to_be_visible()
    inner = page.frame_locator("iframe[title^='Pictures and videos']")
    expect(inner.locator("#start")).to_be_hidden()
    inner.locator("#more").set_input_files(sample_path())
    for request in held:
        request.continue_()
    context.unroute("**/media/*.js")
    expect(inner.locator("#faces tbody strong")).to_have_text("happiness")
    page.get_by_role("button", name="Settings").click()
    pick(page, "Model", "fer-seven")
    expect(inner.locator("#faces thead")).not_to_contain_text("contempt")
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Pictures").click()
    expect(page.get_by_text("Choose pictures or drop them here")).to_be_visible()
    page.get_by_role("tab", name="In this browser").click()
    expect(inner.locator("#faces tbody tr")).to_have_count(1)
    assert sent == []
    assert {url for url in asked if not url.startswith((live_url, f"blob:{live_url}", "data:"))} == set()
    context.close()
