"""Work that goes on while the page stays usable: one function in a thread, with progress and a way to stop.

No Streamlit in here.
"""

import logging
import re
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, TypeVar

from fer_core.errors import FerError

logger = logging.getLogger(__name__)

T = TypeVar("T")
Report = Callable[[int, int], None]
"""Called by the work with (done, total); raises when it is to stop."""

_INTERNAL_ERROR: Final[str] = (
    "This failed, and it is the program's fault. What happened is in the log of the terminal that runs "
    "the dashboard."
)


class StoppedError(FerError):
    """The user cancelled."""


class _State(Generic[T]):
    """What the page's thread and the worker's share."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.stop = threading.Event()
        self.progress = (0, 0)
        self.result: T | None = None
        self.error: FerError | None = None
        self.is_done = False

    def report(self, done: int, total: int) -> None:
        if self.stop.is_set():
            raise StoppedError("stopped; nothing was kept")
        with self.lock:
            self.progress = (done, total)


class Job(Generic[T]):
    """One function in a separate thread."""

    def __init__(self, work: Callable[[Report], T], *, title: str) -> None:
        """Start at once.

        Args:
            work: called with a function that takes (done, total). A `FerError` of it becomes the job's error.
            title: what it does, for the progress bar.
        """
        self.title = title
        self._state: _State[T] = _State()
        self._thread = threading.Thread(
            target=_run, args=(self._state, work), name="fer-import-job", daemon=True
        )
        # A job that nobody holds any more (the browser session ended) stops at its next step.
        self._finalizer = weakref.finalize(self, self._state.stop.set)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether there is more to come."""
        return not self._state.is_done

    @property
    def progress(self) -> tuple[int, int]:
        """Done and total; (0, 0) before the first step."""
        with self._state.lock:
            return self._state.progress

    @property
    def result(self) -> T | None:
        """What came out; None while it runs, or when it failed."""
        return self._state.result

    @property
    def error(self) -> FerError | None:
        """Why it failed."""
        return self._state.error

    @property
    def is_stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._state.stop.is_set()

    def stop(self) -> None:
        """Ask it to end at its next step, leaving nothing."""
        self._state.stop.set()

    def wait(self, timeout_s: float | None = None) -> None:
        """Wait until it has ended, or the time is over."""
        self._thread.join(timeout_s)


def _run(state: _State[T], work: Callable[[Report], T]) -> None:
    try:
        state.result = work(state.report)
    except FerError as error:
        state.error = error
    except Exception:  # the thread's last resort: logged in full, told without a traceback
        logger.exception("an import job failed")
        state.error = FerError(_INTERNAL_ERROR)
    finally:
        state.is_done = True


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class UploadedFile:
    """An upload in a temporary folder of its own, which goes with this object."""

    folder: Path
    path: Path


def keep_upload(name: str, data: "memoryview | bytes") -> UploadedFile:
    """Write an upload to a temporary file called much like it.

    Its name comes from outside: only letters, digits and a few signs of its last part are used.
    """
    folder = Path(tempfile.mkdtemp(prefix="fer-upload-"))
    file = UploadedFile(folder, folder / clean_name(name))
    weakref.finalize(file, shutil.rmtree, folder, ignore_errors=True)
    file.path.write_bytes(data)
    return file


def clean_name(name: str) -> str:
    """A file name without folders, of letters, digits, `.`, `_`, `-`; `upload` if nothing is left."""
    last = re.split(r"[\\/]", name)[-1]
    return re.sub(r"[^A-Za-z0-9._-]+", "_", last)[-80:].lstrip("._-") or "upload"
