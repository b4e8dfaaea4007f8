"""Faces read in the visitor's browser: pace, latency, bytes, and what the server has to do meanwhile.

    python benchmarks/browser_live.py --seconds 20
    python benchmarks/browser_live.py --only memory --minutes 10
    python benchmarks/browser_live.py --only visitors --minutes 10

Headless Chromium without a graphics processor plays a film of 640 x 480 at 30 frames a second as its camera.
Needs `fer fetch yunet` and `fer fetch browser`. Wall-clock figures mean something on an idle machine only, so
processor time a frame stands beside each, and the machine's load before all.
"""

import argparse
import functools
import http.server
import json
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from fer_core.browser.bundle import write_bundle
from fer_core.checkpoint import find_checkpoint
from fer_core.export.faces import choose_dataset, load_faces
from fer_core.inference.predictor import load_predictor
from fer_core.inference.sample import load_sample
from fer_core.types import UInt8Array
from fer_core.workspace import Workspace
from tests.e2e.dashboard import BROWSER_FLAGS, find_browser, serve_dashboard
from tests.e2e.live_support import write_camera_file

FPS, NUM_FRAMES = 30, 60
PATIENCE_MS = 300_000


def draw_frame(num_faces: int, phase: float) -> UInt8Array:
    """One face, or four, moving a little to and fro."""
    shift = round(8 * np.sin(2 * np.pi * phase))
    if num_faces == 1:
        return np.ascontiguousarray(cv2.resize(load_sample(), (768, 768))[:480, 64 + shift : 704 + shift])
    tile = cv2.resize(load_sample(), (384, 384))[:240, 32 + shift : 352 + shift]
    return np.ascontiguousarray(np.tile(tile, (2, 2, 1)))


@contextmanager
def launch(playwright: Any, num_faces: int, folder: Path) -> Iterator[Browser]:
    film = folder / f"camera-{num_faces}.y4m"
    frames = [draw_frame(num_faces, index / NUM_FRAMES) for index in range(NUM_FRAMES)]
    write_camera_file(film, frames, fps=FPS)
    flags = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    arguments = [*BROWSER_FLAGS, *flags, f"--use-file-for-fake-video-capture={film}"]
    browser = playwright.chromium.launch(executable_path=find_browser(), args=arguments)
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def serve(folder: Path) -> Iterator[tuple[str, list[int]]]:
    """A plain file server; yields its address and a list that gets the bytes of every answer."""
    sent: list[int] = []

    class Counting(http.server.SimpleHTTPRequestHandler):
        def copyfile(self, source: Any, outputfile: Any) -> None:
            sent.append(os.fstat(source.fileno()).st_size)
            super().copyfile(source, outputfile)

        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Counting, directory=str(folder))
    with http.server.ThreadingHTTPServer(("localhost", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/", sent
        server.shutdown()


def list_processes(word: str) -> list[psutil.Process]:
    """Descendants of this process whose command line has a word."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if word in " ".join(_read(child))]


def _read(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def cpu_seconds(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes if process.is_running())


def rss_mb(processes: list[psutil.Process]) -> float:
    return sum(process.memory_info().rss for process in processes if process.is_running()) / 1e6


def own_mb(processes: list[psutil.Process]) -> float:
    """Memory that would be free without them: Chromium's program, which all of it share, is left out.

    Chromium's task manager counts the same way (https://www.chromium.org/developers/memory-usage-backgrounder).
    """
    return sum(process.memory_full_info().uss for process in processes if process.is_running()) / 1e6


def watch_memory(page: Page, processes: list[psutil.Process], seconds: float) -> dict[str, Any]:
    """Memory of processes over time: at first, and the largest of each quarter."""
    samples = [(own_mb(processes), rss_mb(processes))]
    step_s = min(5.0, seconds / 8)
    for _ in range(round(seconds / step_s)):
        page.wait_for_timeout(1000 * step_s)
        samples.append((own_mb(processes), rss_mb(processes)))
    quarters = np.array_split(np.array(samples[1:]), 4)
    return {
        "own MB, at first and the most of each quarter": [
            samples[0][0],
            *(part[:, 0].max() for part in quarters),
        ],
        "resident MB, the same": [samples[0][1], *(part[:, 1].max() for part in quarters)],
    }


def start_page(context: BrowserContext, url: str) -> tuple[Page, float]:
    """Open the page, agree, start; returns it and the seconds from opening to the first labelled frame."""
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.add_init_script("addEventListener('load', () => { agree.click(); start.click(); })")
    page.goto(url)
    until_first = """() => new Promise((resolve) => {
        const look = () => fer.report().numAnalysed ? resolve(performance.now()) : setTimeout(look, 10);
        look();
    })"""
    return page, page.evaluate(until_first) / 1000


def find_tab() -> list[psutil.Process]:
    """The process that draws the page: the largest of its kind."""
    return sorted(list_processes("type=renderer"), key=lambda process: process.memory_info().rss)[-1:]


def measure_page(page: Page, seconds: float) -> dict[str, float]:
    """Pace and latency of the last seconds, and processor time of the browser a frame."""
    page.wait_for_timeout(5000)
    chromium = list_processes("type=") or list_processes("chrom")
    before, cpu = page.evaluate("() => fer.report()"), cpu_seconds(chromium)
    page.wait_for_timeout(1000 * seconds)
    after, cpu = page.evaluate("() => fer.report()"), cpu_seconds(chromium) - cpu
    frames = after["numAnalysed"] - before["numAnalysed"]
    return {
        "frames a second": frames / seconds,
        "p50 ms": after["p50Ms"],
        "p95 ms": after["p95Ms"],
        "processor ms a frame, whole browser": 1000 * cpu / max(1, frames),
        "tab MB, own and resident": [own_mb(find_tab()), rss_mb(find_tab())],
    }


def measure_bundle(playwright: Any, folder: Path, workspace: Workspace, seconds: float) -> dict[str, Any]:
    report: dict[str, Any] = {}
    for model in ("fer-small", "fer-tiny"):
        write_bundle(folder / model, [find_checkpoint(model, workspace)], workspace)
        with serve(folder / model) as (url, sent), launch(playwright, 1, folder) as browser:
            context = browser.new_context()
            page, cold_s = start_page(context, url)
            found = {"first frame s, cold": cold_s, "MB of the first visit": sum(sent) / 1e6}
            if model == "fer-small":
                found |= measure_page(page, seconds)
            page.close()
            found["first frame s, warm"] = start_page(context, url)[1]
            report[f"{model}, one face"] = found
    with serve(folder / "fer-small") as (url, _), launch(playwright, 4, folder) as browser:
        report["fer-small, four faces"] = measure_page(start_page(browser.new_context(), url)[0], seconds)
    return report


def measure_parity(playwright: Any, folder: Path, workspace: Workspace, num_faces: int) -> dict[str, Any]:
    """Validation faces classified by Python and in Chromium: labels, and the largest difference."""
    entry = find_checkpoint("fer-small", workspace)
    crops = load_faces(choose_dataset(entry.info, workspace), "valid", entry.info, num_faces=num_faces).crops
    ours = load_predictor("fer-small", workspace, device="cpu", runtime="onnx").predict_crops(crops)
    page_folder = folder / "parity"
    write_bundle(page_folder, [entry], workspace)
    (page_folder / "crops.bin").write_bytes(crops.tobytes())
    scripts = {
        name: next(page_folder.glob(f"{name}-*.js")).name for name in ("engine", "files", "onnxruntime")
    }
    classify = """async ([names, size]) => {
        const [{ Engine }, { loadFile }, ort] = await Promise.all(
            [names.engine, names.files, names.onnxruntime].map((name) => import(`./${name}`)));
        const config = JSON.parse(document.getElementById("config").textContent);
        const binary = await loadFile(new URL(config.runtime.binary, location).href);
        Object.assign(ort.env.wasm, { numThreads: 1, wasmBinary: binary });
        const load = (file) => loadFile(new URL(file, location).href);
        const reader = await new Engine(ort, load, config).openReader(config.models[0]);
        const bytes = await load("crops.bin");
        const [width, height] = [size, size];
        const crops = Array.from({ length: bytes.length / size ** 2 }, (_, at) =>
            ({ data: bytes.subarray(at * size ** 2, (at + 1) * size ** 2), width, height, channels: 1 }));
        return (await reader.run(crops)).map((row) => Array.from(row));
    }"""
    with serve(page_folder) as (url, _), launch(playwright, 1, folder) as browser:
        page = browser.new_page()
        page.goto(url)
        theirs = np.array(page.evaluate(classify, [scripts, crops.shape[1]]))
    return {
        "validation faces": len(crops),
        "same label, %": 100 * float((ours.argmax(1) == theirs.argmax(1)).mean()),
        "largest difference of a probability, millionths": 1e6 * float(np.abs(ours - theirs).max()),
    }


def measure_memory(playwright: Any, folder: Path, workspace: Workspace, seconds: float) -> dict[str, Any]:
    """A tab that reads faces, over time; beside it an empty one, and one with a page of text."""
    report: dict[str, Any] = {}
    with launch(playwright, 1, folder) as browser:
        page = browser.new_page()
        page.goto("about:blank")
        report["empty page, MB own and resident"] = [own_mb(find_tab()), rss_mb(find_tab())]
    with serve_dashboard(workspace, folder / "server.log") as url:
        with launch(playwright, 1, folder) as browser:
            page = browser.new_page()
            page.goto(f"{url}/responsible_use")
            page.get_by_role("heading").first.wait_for()
            page.wait_for_timeout(5000)
            report["page of text of the dashboard, MB own and resident"] = [
                own_mb(find_tab()),
                rss_mb(find_tab()),
            ]
        with launch(playwright, 1, folder) as browser:
            page = open_live(browser, url, on_server=False)
            report["Live page"] = watch_memory(page, find_tab(), seconds)
            print(report, flush=True)
    for model, faces in (("fer-small", 1), ("fer-small", 4)):
        write_bundle(folder / f"{model}-{faces}", [find_checkpoint(model, workspace)], workspace)
        with serve(folder / f"{model}-{faces}") as (address, _), launch(playwright, faces, folder) as browser:
            page, _ = start_page(browser.new_context(), address)
            report[f"page without a server, {model}, faces: {faces}"] = watch_memory(
                page, find_tab(), seconds if faces == 1 else min(seconds, 60)
            )
            print(report, flush=True)
    return report


def open_live(browser: Browser, url: str, *, on_server: bool) -> Page:
    """The Live page with its camera on and a frame analysed."""
    page = browser.new_context(viewport={"width": 1280, "height": 1000}).new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{url}/live_webcam")
    if on_server:
        page.get_by_text("On the server").click()
        page.get_by_text("To the computer that runs this page").wait_for()
    page.get_by_role("button", name="Everyone in view agreed").click()
    inner = page.frame_locator("iframe")
    inner.get_by_role("button", name="Start the camera").click()
    (page if on_server else inner).get_by_text("frames a second").first.wait_for()
    return page


def measure_server(
    playwright: Any,
    folder: Path,
    workspace: Workspace,
    seconds: float,
    kinds: dict[str, tuple[int, bool]],
) -> dict[str, Any]:
    """Processor time and memory of the dashboard; a kind is a number of visitors and who reads faces."""
    report: dict[str, Any] = {}
    for title, (number, on_server) in kinds.items():
        with (
            serve_dashboard(workspace, folder / "server.log") as url,
            launch(playwright, 1, folder) as browser,
        ):
            pages = [open_live(browser, url, on_server=on_server) for _ in range(number)]
            pages[0].wait_for_timeout(5000)
            server = list_processes("streamlit")
            cpu = cpu_seconds(server)
            memory = watch_memory(pages[0], server, seconds)
            report[title] = {"% of a core": 100 * (cpu_seconds(server) - cpu) / seconds, "server": memory}
            print(title, report[title], flush=True)
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--visitors", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=1.0, help="of the parts memory and visitors")
    parts = ("bundle", "server", "parity", "memory", "visitors")
    parser.add_argument("--only", choices=parts, help="a part")
    options = parser.parse_args()
    workspace = Workspace.default()
    report: dict[str, Any] = {"load of the machine, cores": [*os.getloadavg()[:1], os.cpu_count()]}
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        if options.only in (None, "parity"):
            report["parity"] = measure_parity(playwright, folder, workspace, 1600)
        if options.only in (None, "bundle"):
            report |= measure_bundle(playwright, folder, workspace, options.seconds)
        if options.only in (None, "server"):
            kinds = {"one visitor, on the server": (1, True), "one visitor, in the browser": (1, False)}
            report |= measure_server(playwright, folder, workspace, options.seconds, kinds)
        if options.only in (None, "visitors"):
            kinds = {f"{options.visitors} visitors, in the browser": (options.visitors, False)}
            report |= measure_server(playwright, folder, workspace, 60 * options.minutes, kinds)
        if options.only in (None, "memory"):
            report |= measure_memory(playwright, folder, workspace, 60 * options.minutes)
    print(json.dumps(report, indent=1, default=lambda value: round(float(value), 3)))


if __name__ == "__main__":
    main()
