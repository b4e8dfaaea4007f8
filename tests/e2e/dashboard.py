"""Serving the dashboard, and finding a browser for it: for tests and for docs/make_screenshots.py."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from fer_core.types import UInt8Array
from fer_core.workspace import PROJECT_ROOT, Workspace

HOME = PROJECT_ROOT / "app" / "Home.py"
BROWSER_NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
_START_S = 60.0
_STOP_S = 20.0


def find_browser() -> str | None:
    """Path of an installed Chromium; None lets Playwright take its own."""
    return next((path for name in BROWSER_NAMES if (path := shutil.which(name))), None)


@contextmanager
def serve_dashboard(
    workspace: Workspace,
    log: Path,
    *,
    script: Path = HOME,
    environment: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Serve a Streamlit script on a free port; yields its address. Its process group ends with the block.

    Args:
        workspace: what the dashboard takes for its own.
        log: file for everything that the server prints.
        script: what to serve.
        environment: further variables.
    """
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    options = ["--server.headless", "true", "--server.fileWatcherType", "none"]
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*command, *options],
            cwd=PROJECT_ROOT,
            env=os.environ | {"FER_WORKSPACE": str(workspace.root)} | dict(environment or {}),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            url = f"http://localhost:{port}"
            wait_until_healthy(url, server, log)
            yield url
        finally:
            _stop(server)


@contextmanager
def serve_faultless_dashboard(
    workspace: Workspace, log: Path, *, script: Path = HOME, environment: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Serve the dashboard; what it logs must hold no traceback and no warning."""
    with serve_dashboard(workspace, log, script=script, environment=environment) as url:
        yield url
    text = log.read_text()
    assert "Traceback" not in text, text
    assert "deprecat" not in text.lower(), text
    assert "Session State API" not in text, text


def wait_until_healthy(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"the server did not start:\n{log.read_text()[-4000:]}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, number)
            server.wait(_STOP_S)
            return
        except ProcessLookupError:
            server.wait(_STOP_S)
            return
        except subprocess.TimeoutExpired:
            continue


def moving_face(num_frames: int, size: tuple[int, int] = (640, 480)) -> Iterator[UInt8Array]:
    """Frames of the sample picture under a camera that moves to and fro, RGB."""
    import cv2

    from fer_core.inference.sample import load_sample

    picture = load_sample()
    width, height = size
    for phase in np.linspace(0, 2 * np.pi, num_frames):
        zoom = height / 480 * (1.45 + 0.2 * np.sin(phase))
        x, y = 225 + 25 * np.sin(2 * phase), 150 + 10 * np.cos(phase)
        matrix = np.array([[zoom, 0, width / 2 - zoom * x], [0, zoom, height / 2 - zoom * y]])
        frame = cv2.warpAffine(picture, matrix, size, borderMode=cv2.BORDER_REFLECT)
        yield np.asarray(frame, dtype=np.uint8)


def write_clip(path: Path, frames: Iterator[UInt8Array], *, fps: int = 25) -> Path:
    """Write frames as an H.264 video."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        for index, image in enumerate(frames):
            if index == 0:
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = "yuv420p"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path
