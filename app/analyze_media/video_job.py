"""Annotating a video in the background, and the temporary files that go with it. No Streamlit in here.

A page starts a job and looks at its status now and then; the job knows nothing of pages. Its files live until
it is closed, nobody refers to it any more (the browser session ended), or the process ends.
"""

import logging
import re
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fer_core.errors import FerError
from fer_core.inference.overlay import OverlayStyle
from fer_core.inference.stream import FaceStream
from fer_core.inference.video import (
    Progress,
    VideoInfo,
    VideoLimits,
    VideoSummary,
    annotate_video,
    probe_video,
)

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

MAX_VIDEO_MB: Final[int] = 500
MAX_MINUTES: Final[int] = 10
LIMITS: Final[VideoLimits] = VideoLimits(max_side_px=4096, max_duration_s=60 * MAX_MINUTES)
"""What is taken from a browser; the command line has no such limit."""

_FOLDER_PREFIX: Final[str] = "fer-video-"
_JOIN_S: Final[float] = 5.0
_INTERNAL_ERROR: Final[str] = (
    "The video could not be annotated, and it is the program's fault. What happened is in the log of the "
    "terminal that runs the dashboard."
)


class UploadedVideo:
    """A video file in a temporary folder of its own, which goes with this object."""

    def __init__(self, name: str, data: bytes) -> None:
        """Write `data` to a temporary file called much like `name`, and check what is in it.

        Raises:
            MediaError: it is no video, has no frame, or is larger or longer than `LIMITS`; nothing is left.
        """
        self.folder = Path(tempfile.mkdtemp(prefix=_FOLDER_PREFIX))
        self._finalizer = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.path = self.folder / _safe_name(name)
        try:
            self.path.write_bytes(data)
            self.info: VideoInfo = probe_video(self.path, LIMITS)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Delete the files; closing twice is fine."""
        self._finalizer()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """What is known of a job at one moment."""

    progress: Progress | None = None
    """None until the first frames are done."""
    summary: VideoSummary | None = None
    """Set when it ended well, or was cancelled after some frames."""
    error: str | None = None
    """Why it ended without a result, for the user to read."""

    @property
    def is_running(self) -> bool:
        """Whether there is more to come."""
        return self.summary is None and self.error is None


@dataclass(slots=True)
class _Shared:
    """What the page's thread and the job's share."""

    folder: Path
    lock: threading.Lock = field(default_factory=threading.Lock)
    cancelled: threading.Event = field(default_factory=threading.Event)
    status: JobStatus = JobStatus()

    def set(self, status: JobStatus) -> None:
        with self.lock:
            self.status = status

    def get(self) -> JobStatus:
        with self.lock:
            return self.status


class VideoJob:
    """One video that is being annotated, or has been."""

    def __init__(
        self, video: UploadedVideo, build_stream: Callable[[], FaceStream], *, style: OverlayStyle
    ) -> None:
        """Start at once.

        Args:
            video: what to annotate; it is kept as long as the job.
            build_stream: called in the job's thread; a `FerError` of it becomes the job's error.
            style: what is drawn.
        """
        self.video = video
        self.folder = Path(tempfile.mkdtemp(prefix=_FOLDER_PREFIX))
        self.annotated = self.folder / "annotated.mp4"
        self.table = self.folder / "faces.parquet"
        self._shared = _Shared(self.folder)
        self._rows: pd.DataFrame | None = None
        # The thread refers to the job's parts, never to the job: a job that nobody holds must go.
        self._thread = threading.Thread(
            target=_run,
            args=(self._shared, video.path, self.annotated, self.table, build_stream, style),
            name="fer-video-job",
            daemon=True,
        )
        self._finalizer = weakref.finalize(self, _dispose, self._shared, self._thread)
        self._thread.start()

    @property
    def status(self) -> JobStatus:
        """How far it is."""
        return self._shared.get()

    def cancel(self) -> None:
        """Ask it to end; what was done up to there becomes the result."""
        self._shared.cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether it was asked to end."""
        return self._shared.cancelled.is_set()

    def wait(self, timeout_s: float | None = None) -> JobStatus:
        """Wait until it has ended, or the time is over."""
        self._thread.join(timeout_s)
        return self.status

    def load_rows(self) -> "pd.DataFrame":
        """The table of a job with a result: one row per face and frame, read once."""
        if self._rows is None:
            import pandas as pd

            self._rows = pd.read_parquet(self.table)
        return self._rows

    def close(self) -> None:
        """End it and delete its results; closing twice is fine."""
        self._rows = None
        self._finalizer()


def _run(
    shared: _Shared,
    source: Path,
    annotated: Path,
    table: Path,
    build_stream: Callable[[], FaceStream],
    style: OverlayStyle,
) -> None:
    try:
        summary = annotate_video(
            source,
            annotated,
            build_stream(),
            style=style,
            table=table,
            limits=LIMITS,
            on_progress=lambda progress: shared.set(JobStatus(progress=progress)),
            cancelled=shared.cancelled.is_set,
        )
        shared.set(JobStatus(summary=summary))
    except FerError as error:
        shared.set(JobStatus(error=str(error)))
    except Exception:  # the thread's last resort: logged in full, told without a traceback
        logger.exception("a video job failed")
        shared.set(JobStatus(error=_INTERNAL_ERROR))


def _dispose(shared: _Shared, thread: threading.Thread) -> None:
    shared.cancelled.set()

    def remove() -> None:
        thread.join(_JOIN_S)
        shutil.rmtree(shared.folder, ignore_errors=True)

    if not thread.is_alive():
        remove()
        return
    # Sessions end on the server's event loop, which must not wait for the frame in work.
    threading.Thread(target=remove, name="fer-video-cleanup").start()


def _safe_name(name: str) -> str:
    """A file name of letters, digits and a few signs, so that it can be written anywhere and quoted."""
    stem, dot, suffix = Path(name).name.rpartition(".")
    clean = re.sub(r"[^\w.() -]", "_", stem)[-80:].lstrip(".") or "video"
    return f"{clean}{dot}{re.sub(r'[^a-zA-Z0-9]', '', suffix)[:8]}"
