"""Frames of a local camera, a network stream or a file as they come, and what to do with them."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import numpy as np

from fer_core.errors import ConfigError, MediaError
from fer_core.inference.frames import Frame, RgbFrame
from fer_core.inference.overlay import OverlayPainter, OverlayStyle
from fer_core.inference.stream import FaceStream, FrameResult
from fer_core.inference.video_reader import open_video
from fer_core.inference.video_writer import EncoderSettings, VideoWriter, create_video
from fer_core.redact import redact
from fer_core.workspace import expand_home

logger = logging.getLogger(__name__)

OPEN_TIMEOUT_S: Final[float] = 10.0
"""How long a network stream may take to answer."""
FRAME_TIMEOUT_S: Final[float] = 5.0
"""A camera that shows nothing new for so long is taken for unplugged."""
_LIVE_ENCODER: Final = EncoderSettings(crf=23, preset="veryfast")
_NOMINAL_RATE: Final[Fraction] = Fraction(30)
_BROWSER_HINT: Final[str] = (
    "A camera that only your browser can reach is shown by the page Live webcam (streamlit run app/Home.py)."
)


class CameraFrame(NamedTuple):
    """One frame of a source."""

    picture: Frame
    time_s: float
    """Since the first frame, in seconds."""


class Capture(Protocol):
    """The part of `cv2.VideoCapture` that is used."""

    def isOpened(self) -> bool: ...  # noqa: N802, D102 - OpenCV's spelling

    def read(self) -> tuple[bool, Any]: ...  # noqa: D102

    def release(self) -> None: ...  # noqa: D102


class FrameSource(Protocol):
    """Where frames come from."""

    def frames(self) -> Iterator[CameraFrame]:
        """The frames, until the source ends or is lost."""

    @property
    def was_lost(self) -> bool:
        """Whether it ended because the source was lost (unplugged, connection cut)."""


class LiveSource:
    """A camera or network stream, read by a separate thread that keeps only the newest frame.

    So a slow model sees the present, not a queue of the past.
    """

    def __init__(self, capture: Capture, *, frame_timeout_s: float = FRAME_TIMEOUT_S) -> None:
        """Take over an opened capture and start reading."""
        self._capture = capture
        self._frame_timeout_s = frame_timeout_s
        self._changed = threading.Condition()
        self._newest: tuple[Any, float] | None = None
        self._has_ended = False
        self.was_lost = False
        self._thread = threading.Thread(target=self._read, name="fer-camera", daemon=True)
        self._thread.start()

    def frames(self) -> Iterator[CameraFrame]:
        """The newest frame each time, until the camera is lost."""
        import cv2

        first_s: float | None = None
        while True:
            taken = self._wait()
            if taken is None:
                self.was_lost = True
                return
            frame_bgr, time_s = taken
            first_s = time_s if first_s is None else first_s
            image_rgb = np.asarray(cv2.cvtColor(frame_bgr, cv2.COLOR_BGR2RGB), np.uint8)
            yield CameraFrame(RgbFrame(image_rgb), time_s - first_s)

    def close(self) -> None:
        """Stop reading and let the camera go."""
        with self._changed:
            self._has_ended = True
        # A driver that hangs keeps its daemon thread, and must not keep the program.
        self._thread.join(timeout=self._frame_timeout_s)
        if not self._thread.is_alive():
            self._capture.release()

    def _wait(self) -> tuple[Any, float] | None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._newest is not None or self._has_ended, timeout=self._frame_timeout_s
            )
            taken, self._newest = self._newest, None
            return taken

    def _read(self) -> None:
        while not self._has_ended:
            is_good, frame_bgr = self._capture.read()
            with self._changed:
                if not is_good or frame_bgr is None:
                    self._has_ended = True
                else:
                    self._newest = frame_bgr, time.monotonic()
                self._changed.notify()


class FileSource:
    """A video file, every frame of it, as fast as they can be worked off."""

    was_lost = False

    def __init__(self, path: Path) -> None:
        """Read the file at `path` once frames are asked for."""
        self._path = path

    def frames(self) -> Iterator[CameraFrame]:
        """All frames, upright."""
        with open_video(self._path) as reader:
            for frame in reader.frames():
                yield CameraFrame(frame.picture, frame.time_s)


@contextmanager
def open_source(
    source: str, *, open_capture: Callable[[str], Capture] | None = None
) -> Iterator[FrameSource]:
    """Open a camera by its index, a network stream by its URL, or a video file by its path.

    Args:
        source: `0`, `1` ...; `rtsp://`, `http://` ...; or a path.
        open_capture: opens cameras and streams; OpenCV if not given.

    Raises:
        MediaError: there is nothing there.
    """
    if not source.isdecimal() and "://" not in source:
        yield FileSource(expand_home(source))
        return
    capture = (open_capture or _open_capture)(source)
    if not capture.isOpened():
        capture.release()
        raise MediaError(_nothing_there(source))
    live = LiveSource(capture)
    try:
        yield live
    finally:
        live.close()


def _open_capture(source: str) -> Capture:
    import cv2

    # Its warnings would be printed into the read-out; ours say more.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    if source.isdecimal():
        camera = cv2.VideoCapture(int(source))
        camera.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        return camera
    timeouts = [
        (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_TIMEOUT_S),
        (cv2.CAP_PROP_READ_TIMEOUT_MSEC, FRAME_TIMEOUT_S),
    ]
    options = [value for name, seconds in timeouts for value in (name, int(1000 * seconds))]
    return cv2.VideoCapture(source, cv2.CAP_FFMPEG, options)


def _nothing_there(source: str) -> str:
    if "://" in source:
        address = redact(source)
        return f"{address} does not answer with a video within {OPEN_TIMEOUT_S:.0f} s; check the address"
    found = sorted(path.name.removeprefix("video") for path in Path("/dev").glob("video[0-9]*"))
    seen = f"this machine has: {', '.join(found)}" if found else "this machine has none that can be seen"
    return (
        f"no camera {source}; {seen}. Plug one in, close other programs that use it, or name a file or URL. "
        f"{_BROWSER_HINT}"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSummary:
    """What a session with a camera came to."""

    num_frames: int
    """Frames analysed."""
    duration_s: float
    """From the first to the last of them."""
    was_lost: bool
    """Whether it ended because the camera was lost."""
    saved: Path | None
    """The video that was written, whole also after a loss."""


def watch(
    source: FrameSource,
    stream: FaceStream,
    *,
    save: Path | None = None,
    style: OverlayStyle | None = None,
    max_seconds: float | None = None,
    max_frames: int | None = None,
    on_frame: Callable[[FrameResult], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> CameraSummary:
    """Analyse a source until it ends, a limit is reached, or it is cancelled.

    Args:
        source: where frames come from.
        stream: finds and classifies the faces.
        save: MP4 file for the drawn frames. It is whole also if the camera is lost on the way; if it can't be
            written (full disk) nothing is left of it.
        style: what is drawn.
        max_seconds: stop after so long.
        max_frames: stop after so many frames.
        on_frame: given every frame's result.
        cancelled: asked after every frame whether to stop.

    Raises:
        MediaError: not one frame came, or `save` can't be written.
        ConfigError: `save` does not end in .mp4, or a limit is not positive.
    """
    _check(save, max_seconds, max_frames)
    painter = OverlayPainter(style)
    num_frames, time_s = 0, 0.0
    with ExitStack() as outputs:
        writer: VideoWriter | None = None
        for picture, time_s in source.frames():
            result = stream.step(picture, time_s)
            num_frames += 1
            if save is not None:
                writer = writer or outputs.enter_context(_create(save, picture.size))
                writer.write_at(painter.paint(picture, result.faces), time_s)
            if on_frame is not None:
                on_frame(result)
            if (
                num_frames == max_frames
                or (max_seconds is not None and time_s >= max_seconds)
                or (cancelled is not None and cancelled())
            ):
                break
    if not num_frames:
        raise MediaError(
            f"the camera was found but sent no picture; another program may be using it. {_BROWSER_HINT}"
        )
    return CameraSummary(num_frames=num_frames, duration_s=time_s, was_lost=source.was_lost, saved=save)


def _check(save: Path | None, max_seconds: float | None, max_frames: int | None) -> None:
    if save is not None and save.suffix.lower() != ".mp4":
        raise ConfigError(f"output {save.name!r} ends in {save.suffix!r}; expected .mp4")
    if max_seconds is not None and not max_seconds > 0:
        raise ConfigError(f"seconds is {max_seconds}; expected more than 0")
    if max_frames is not None and max_frames < 1:
        raise ConfigError(f"max_frames is {max_frames}; expected 1 or more")


def _create(save: Path, size: tuple[int, int]) -> AbstractContextManager[VideoWriter]:
    return create_video(save, size=size, rate=_NOMINAL_RATE, settings=_LIVE_ENCODER)
