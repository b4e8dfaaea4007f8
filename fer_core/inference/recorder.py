"""Records a live stream to an MP4 file on a separate thread, so that encoding never holds the stream up."""

import queue
import shutil
import threading
import weakref
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from fer_core.errors import FerError
from fer_core.inference.video_writer import EncoderSettings, create_video
from fer_core.scratch import make_scratch_folder
from fer_core.types import UInt8Array

MAX_SECONDS: Final[float] = 600.0
_MAX_WAITING: Final[int] = 60
"""Frames that wait for the encoder; what comes on top is left out."""
_SILENCE_S: Final[float] = 5.0
"""A stream that sends nothing for so long has ended without saying so."""
_POLL_S: Final[float] = 0.25
_RATE: Final[Fraction] = Fraction(30)
_SETTINGS: Final[EncoderSettings] = EncoderSettings(crf=23, preset="superfast")
"""Encoding takes place beside a stream that needs the processor more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingState:
    """A recording at one moment."""

    is_recording: bool = False
    seconds: float = 0.0
    max_seconds: float = MAX_SECONDS
    num_frames: int = 0
    num_skipped: int = 0
    """Frames that the encoder had no time for."""
    note: str | None = None
    """Why it ended, if it was not asked to."""


class Recorder:
    """Makes one recording after the other; a new one takes the place of the last.

    The file lies in a temporary folder that goes with this object.
    """

    def __init__(self, *, max_seconds: float = MAX_SECONDS) -> None:
        """Recordings end by themselves after `max_seconds`."""
        self._max_seconds = max_seconds
        self._lock = threading.Lock()
        self._recording: _Recording | None = None

    def start(self) -> None:
        """Begin a recording; does nothing while one runs.

        Raises:
            StorageError: the temporary folder is full.
        """
        with self._lock:
            if self._recording is None or not self._recording.is_running:
                self._recording = _Recording(self._max_seconds)

    def add(self, frame_rgb: UInt8Array, time_s: float) -> None:
        """Hand over an H x W x 3 RGB frame that nobody changes any more; never waits.

        Args:
            frame_rgb: the frame; ignored while no recording runs.
            time_s: when it was taken, in seconds on any clock that does not go back.
        """
        recording = self._recording
        if recording is not None:
            recording.add(frame_rgb, time_s)

    def stop(self, *, wait: bool = True) -> None:
        """Finish the recording, if one runs; with `wait`, return only when its file is complete."""
        with self._lock:
            if self._recording is not None:
                self._recording.stop(wait=wait)

    def discard(self) -> None:
        """Finish the recording, if one runs, and delete its file; doing it twice is fine."""
        with self._lock:
            recording, self._recording = self._recording, None
        if recording is not None:
            recording.discard()

    def state(self) -> RecordingState:
        """How the recording is doing; how it ended, after its end."""
        recording = self._recording
        return RecordingState(max_seconds=self._max_seconds) if recording is None else recording.state()

    def finished_file(self) -> Path | None:
        """The last recording; None while it runs, and if it has no frame.

        Waits until the file of one that was stopped is complete: another thread may be waiting for it, too.
        """
        recording = self._recording
        return None if recording is None else recording.finished_file()


class _Recording:
    """One file, and the thread that writes it."""

    def __init__(self, max_seconds: float) -> None:
        self._max_seconds = max_seconds
        folder = make_scratch_folder()
        self._remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._path = folder / "recording.mp4"
        self._queue: queue.Queue[tuple[UInt8Array, float] | None] = queue.Queue(_MAX_WAITING)
        self._stop_wanted = threading.Event()
        self._seconds = 0.0
        self._num_frames = 0
        self._num_skipped = 0
        self._note: str | None = None
        self._thread = threading.Thread(target=self._run, name="fer-recording", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive() and not self._stop_wanted.is_set()

    def add(self, frame_rgb: UInt8Array, time_s: float) -> None:
        if not self.is_running:
            return
        try:
            self._queue.put_nowait((frame_rgb, time_s))
        except queue.Full:
            self._num_skipped += 1

    def stop(self, *, wait: bool) -> None:
        self._stop_wanted.set()
        if wait:
            self._thread.join()

    def discard(self) -> None:
        self.stop(wait=True)
        self._remove()

    def state(self) -> RecordingState:
        return RecordingState(
            is_recording=self.is_running,
            seconds=self._seconds,
            max_seconds=self._max_seconds,
            num_frames=self._num_frames,
            num_skipped=self._num_skipped,
            note=self._note,
        )

    def finished_file(self) -> Path | None:
        if self.is_running:
            return None
        self._thread.join()
        return self._path if self._path.exists() else None

    def _run(self) -> None:
        try:
            first = self._next()
            if first is not None:
                self._write(*first)
        except FerError as error:
            self._note = f"The recording ended: {error}"
        finally:
            self._stop_wanted.set()

    def _write(self, first_rgb: UInt8Array, start_s: float) -> None:
        height, width = first_rgb.shape[:2]
        item: tuple[UInt8Array, float] | None = (first_rgb, start_s)
        with create_video(self._path, size=(width, height), rate=_RATE, settings=_SETTINGS) as writer:
            while item is not None:
                frame_rgb, time_s = item
                if time_s - start_s > self._max_seconds:
                    self._note = f"The recording ended after {self._max_seconds / 60:.0f} minutes, the most."
                    return
                writer.write_at(frame_rgb, time_s - start_s)
                self._seconds = time_s - start_s
                self._num_frames += 1
                item = self._next()

    def _next(self) -> tuple[UInt8Array, float] | None:
        """The next frame; None at the end."""
        waited_s = 0.0
        while waited_s < _SILENCE_S:
            try:
                return self._queue.get(timeout=_POLL_S)
            except queue.Empty:
                if self._stop_wanted.is_set():
                    return None
                waited_s += _POLL_S
        return None
