"""The live stream's engine: takes camera frames on one thread, and settings and questions from any other.

Knows nothing of browsers; a page, a test or a benchmark feeds it frames.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from fer_core.errors import ConfigError
from fer_core.inference.face_quality import read_faces
from fer_core.inference.interfaces import FaceDetector, Predictor
from fer_core.inference.live_engine import LiveEngine, LiveSettings
from fer_core.inference.live_stats import HistoryCurve, LiveReport, LiveStats, ProbabilityHistory
from fer_core.inference.live_voice import LiveVoice
from fer_core.inference.overlay import OverlayStyle, shown_label
from fer_core.inference.recorder import Recorder, RecordingState
from fer_core.sound.vocal import VoiceModel
from fer_core.types import FaceBox, FaceResult, UInt8Array, VoiceResult

if TYPE_CHECKING:
    import av

logger = logging.getLogger(__name__)

MAX_MODELS: Final[int] = 2
"""As many are shown side by side."""
_HISTORY_S: Final[float] = 30.0
_STALE_S: Final[float] = 5.0
"""What was read so long ago says nothing of now: the camera was unplugged, or its link is gone."""
Watcher = Callable[[UInt8Array, Sequence[FaceResult], float], None]
_WARM_UP_SIZE: Final[tuple[int, int]] = (480, 640)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceReading:
    """What one model says of the main face at the moment."""

    model: str
    """Name of the checkpoint."""
    face: FaceResult | None
    """The largest face, with smoothed probabilities; None if there is none."""
    label: str = ""
    """What is written at it in the picture; empty without a face."""


def _main_face(faces: Sequence[FaceResult]) -> FaceResult | None:
    return max(faces, key=lambda face: face.box.width * face.box.height, default=None)


class LiveSession:
    """One person's live stream.

    `process` and `process_video_frames` belong to the thread that the frames arrive on, and never raise:
    streamlit-webrtc's worker dies for good of an exception. All else may be called from any thread.
    """

    def __init__(self, *, window_s: float = 5.0, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without a model; frames pass as they come until `configure` was called.

        Args:
            window_s: rates and latencies of the report cover so many of the last seconds.
            clock: seconds from any fixed moment.
        """
        self._clock = clock
        self._lock = threading.Lock()
        self._step_lock = threading.Lock()
        self._settings = LiveSettings()
        self._engine: LiveEngine | None = None
        self._stats = LiveStats(window_s=window_s)
        self._histories: list[ProbabilityHistory] = []
        self._readings: tuple[FaceReading, ...] = ()
        self._read_s = 0.0
        self._last_frame: UInt8Array | None = None
        self._recorder = Recorder()
        self._watcher: Watcher | None = None
        self._ears: LiveVoice | None = None
        self._voice: VoiceResult | None = None

    # What the page asks for

    @property
    def is_ready(self) -> bool:
        """Whether there is a model; not so before `configure` and after `release`."""
        return self._engine is not None

    @property
    def settings(self) -> LiveSettings:
        """The settings of the next frame."""
        return self._settings

    @property
    def detector(self) -> FaceDetector | None:
        """The detector in use."""
        engine = self._engine
        return engine.detector if engine else None

    def configure(
        self,
        detector: FaceDetector,
        predictors: Sequence[Predictor],
        settings: LiveSettings | None = None,
    ) -> None:
        """Take over parts and settings; may be called while frames come in.

        New parts are tried out on the calling thread before they replace the old ones, so that the first
        frame does not wait for them. Faces keep their ids when only models change.

        Args:
            detector: for this session alone.
            predictors: one model, or two to be shown side by side; may be shared with other sessions.
            settings: the defaults if not given.

        Raises:
            ConfigError: no predictor, or too many.
        """
        if not 1 <= len(predictors) <= MAX_MODELS:
            raise ConfigError(f"{len(predictors)} models were given; expected 1 to {MAX_MODELS}")
        settings = settings or LiveSettings()
        before = self._engine
        if before is not None and before.has_parts(detector, predictors):
            with self._lock:
                self._settings = settings
            return
        _warm_up(detector if before is None or before.detector is not detector else None, predictors)
        engine = LiveEngine(detector, predictors, settings)
        # Taken so that no step of the old engine runs while its faces are handed over.
        with self._step_lock, self._lock:
            models = self._engine.predictors if self._engine else ()
            kept = {id(model): history for model, history in zip(models, self._histories, strict=False)}
            self._histories = [
                kept.get(id(model)) or ProbabilityHistory(model.info.classes, length_s=_HISTORY_S)
                for model in predictors
            ]
            engine.follow(self._engine)
            self._engine, self._settings, self._readings = engine, settings, ()

    def listen(self, model: VoiceModel | None) -> None:
        """Read the voice of the sound that `process_sound` is given, too; None ends that.

        Raises:
            FerError: the package that finds speech is not installed, or the model does not fit it.
        """
        before = self._ears
        if before is not None and before.model is model:
            return
        self._ears = None if model is None else LiveVoice(model, self._clock)
        self._voice = None
        if before is not None:
            before.close()

    def voice(self) -> VoiceResult | None:
        """What was heard at the last frame; None if nobody listens, or nothing could be heard."""
        ears = self._ears
        with self._lock:
            return self._voice if ears is not None and ears.heard() is not None else None

    def sound_problem(self) -> str:
        """What went wrong with the sound, for people; empty if nothing did."""
        ears = self._ears
        if ears is None:
            return ""
        if ears.problem:
            return ears.problem
        return f"{ears.num_skipped:,d} pieces of sound were skipped" if ears.num_skipped else ""

    def report(self) -> LiveReport:
        """Counts, pace and errors as of now."""
        with self._lock:
            return self._stats.report(self._clock())

    def history(self) -> list[HistoryCurve]:
        """The main face's probabilities of the last 30 seconds, one curve per model."""
        with self._lock:
            now = self._clock()
            return [history.curve(now) for history in self._histories]

    def readings(self) -> tuple[FaceReading, ...]:
        """What each model said of the main face in the picture.

        Empty if that could not be analyzed, and where no picture comes any more.
        """
        with self._lock:
            return self._readings if self._clock() - self._read_s < _STALE_S else ()

    def last_frame(self) -> UInt8Array | None:
        """The last drawn frame, H x W x 3 RGB; None before the first. Not to be changed."""
        with self._lock:
            return self._last_frame

    def start_recording(self) -> None:
        """Record the drawn frames from now on; does nothing while a recording runs."""
        self._recorder.start()

    def stop_recording(self) -> None:
        """Finish the recording, if one runs."""
        self._recorder.stop()

    def recording(self) -> RecordingState:
        """How the recording is doing."""
        return self._recorder.state()

    def recorded_file(self) -> Path | None:
        """The finished recording, an MP4 file that lives as long as the session; None if there is none.

        Waits for the last frames of one that was just stopped.
        """
        return self._recorder.finished_file()

    def watch(self, watcher: Watcher | None) -> None:
        """Let a function have every frame from now on, with its faces and time; None ends that.

        It is called on the frames' thread, and belongs to the stream's user: see `fer_core.collecting.live`.
        """
        self._watcher = watcher

    def release(self) -> None:
        """Let go of models and detector, and finish a recording: for the end of the stream.

        Figures, the last frame and the recording stay. After another `configure` the session goes on.
        """
        with self._lock:
            self._engine = None
        self.listen(None)
        self._recorder.stop(wait=False)  # called on the server's event loop, which must not wait

    def close(self) -> None:
        """Release, and forget every picture: the recording's file, the last frame. Twice is fine."""
        self.release()
        self.watch(None)
        self._recorder.discard()
        with self._lock:
            self._last_frame = None

    # What the streams' threads call

    def process_sound(self, frame: "av.AudioFrame") -> None:
        """Hear a frame of sound, unless nobody listens. Neither waits nor raises; nothing of it is stored."""
        if (ears := self._ears) is not None:
            ears.put(frame)

    def process_video_frames(self, frames: "Sequence[av.VideoFrame]") -> "av.VideoFrame":
        """Process the last of the frames that have arrived; the older ones count as dropped. Never raises.

        Returns:
            The drawn frame, or the last frame as it came where something failed.
        """
        import av

        start = self._clock()
        try:
            image_rgb = np.asarray(frames[-1].to_ndarray(format="rgb24"), np.uint8)
            drawn = self._process(image_rgb, start, start, len(frames))
            return av.VideoFrame.from_ndarray(np.ascontiguousarray(drawn), format="rgb24")
        except Exception as error:  # noqa: BLE001 - see the class: the frame's thread must survive anything
            self._count_failure(error, len(frames))
            return frames[-1]

    def process(
        self, frame_rgb: UInt8Array, time_s: float | None = None, *, num_received: int = 1
    ) -> UInt8Array:
        """Find, classify and draw the faces of a frame. Never raises.

        Args:
            frame_rgb: H x W x 3.
            time_s: when it was taken, on the session's clock; now, if not given.
            num_received: frames that have arrived since the last call, this one included.

        Returns:
            The drawn frame; the frame as it came where the analysis failed, or no model is there yet.
        """
        start = self._clock()
        return self._process(frame_rgb, start if time_s is None else time_s, start, num_received)

    def _process(self, frame_rgb: UInt8Array, time_s: float, start: float, num_received: int) -> UInt8Array:
        """Process a frame that was taken up at `start`, before it was converted."""
        shown = frame_rgb
        try:
            shown = self._mirrored(frame_rgb)
            return self._step(shown, time_s, start, num_received)
        except Exception as error:  # noqa: BLE001 - see the class: the frame's thread must survive anything
            self._count_failure(error, num_received)
            return shown

    def _mirrored(self, frame_rgb: UInt8Array) -> UInt8Array:
        import cv2

        with self._lock:
            mirror = self._settings.mirror
        return np.asarray(cv2.flip(frame_rgb, 1), np.uint8) if mirror else frame_rgb

    def _step(self, frame_rgb: UInt8Array, time_s: float, start: float, num_received: int) -> UInt8Array:
        # Never waits: after a restart of the stream an old frame can still be in work.
        if not self._step_lock.acquire(blocking=False):
            return self._pass_on(frame_rgb, start, num_received)
        try:
            engine, settings = self._engine, self._settings
            if engine is None:
                return self._pass_on(frame_rgb, start, num_received)
            drawn, faces, voice, stages = engine.step(frame_rgb, time_s, settings, self._ears)
        finally:
            self._step_lock.release()
        self._recorder.add(drawn, start)
        if (watcher := self._watcher) is not None:
            watcher(frame_rgb, faces[0], time_s)
        with self._lock:
            end = self._clock()
            self._stats.add_processed(end, num_received, 1e3 * (end - start), stages)
            self._last_frame, self._voice = drawn, voice
            if self._engine is engine:
                self._note_faces(engine, [_main_face(group) for group in faces], end, settings.style)
        return drawn

    def _pass_on(self, frame_rgb: UInt8Array, time_s: float, num_received: int) -> UInt8Array:
        with self._lock:
            self._stats.add_dropped(time_s, num_received)
        return frame_rgb

    def _note_faces(
        self, engine: LiveEngine, faces: Sequence[FaceResult | None], time_s: float, style: OverlayStyle
    ) -> None:
        self._read_s = time_s
        self._readings = tuple(
            FaceReading(
                model=predictor.info.name, face=face, label=shown_label(face, style.sure_from) if face else ""
            )
            for predictor, face in zip(engine.predictors, faces, strict=True)
        )
        for history, face in zip(self._histories, faces, strict=True):
            history.add(time_s, face.prediction if face else None)

    def _count_failure(self, error: Exception, num_received: int) -> None:
        with self._lock:
            is_new = self._stats.add_failed(self._clock(), num_received, error)
            self._readings = ()  # nothing is drawn on this frame either
        if is_new:  # the page counts the others; thirty tracebacks a second would help nobody
            logger.error("a live frame could not be analyzed", exc_info=error)


def _warm_up(detector: FaceDetector | None, predictors: Sequence[Predictor]) -> None:
    """Let every part work once: first calls allocate, compile and choose kernels."""
    noise = np.random.default_rng(0).integers(0, 255, (*_WARM_UP_SIZE, 3), dtype=np.uint8)
    if detector is not None:
        detector.detect(noise)
    box = FaceBox(x=240, y=140, width=150, height=190, score=1.0)
    for predictor in predictors:
        for _ in range(2):
            read_faces(predictor, [(noise, [box])])
