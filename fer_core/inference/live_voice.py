"""A live microphone: where somebody speaks now, what the voice appears to express, and whose face speaks.

Sound is heard on a thread of its own. No more of it is held than a model hears at a time, and none is stored.
"""

import logging
import queue
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from fer_core.errors import ConfigError
from fer_core.inference.frames import Frame
from fer_core.inference.fusion import fuse
from fer_core.inference.mouths import MouthWatcher
from fer_core.inference.stream import FrameResult
from fer_core.inference.voices import find_speaker
from fer_core.sound.activity import (
    FRAME_S,
    MIN_PAUSE_S,
    MIN_SPEECH_S,
    SAMPLE_RATE,
    VoiceActivity,
    is_speech,
)
from fer_core.sound.mixing import Resampler, mix_down
from fer_core.sound.vocal import MIN_LABELLED_S, VoiceModel
from fer_core.types import Float32Array, Prediction, VoiceResult

if TYPE_CHECKING:
    import av

logger = logging.getLogger(__name__)

_EVERY_S: Final[float] = 0.5
"""How often a voice is read while it speaks."""
_MOST_WAITING: Final[int] = 100
"""Frames of sound, two seconds of a browser's, that may wait; a machine that is slower skips some."""
_STALE_S: Final[float] = 1.0
"""Of a microphone that is silent for so long, nothing is said: it was switched off."""
_LEAST_FRAMES: Final[int] = 5
"""With a face, before it is said who speaks."""


class Heard(NamedTuple):
    """What was heard until a moment."""

    end_s: float
    since_s: float | None = None
    """When the one who speaks began; None if nobody does."""
    prediction: Prediction | None = None
    """Of the voice; None where nobody speaks, or too shortly to say."""


class LiveVoice:
    """What a microphone hears. `put` and `look` never wait, and `put` never raises."""

    def __init__(self, model: VoiceModel, clock: Callable[[], float] = time.monotonic) -> None:
        """Load the detector of speech.

        Args:
            model: reads the voice.
            clock: seconds from any fixed moment, that of the frames.

        Raises:
            ConfigError: the model hears another rate than the detector of speech.
            MissingPackageError: the package that finds speech is not installed.
        """
        if model.sample_rate != SAMPLE_RATE:
            raise ConfigError(
                f"{model.name} hears {model.sample_rate:,} samples a second; expected {SAMPLE_RATE:,} of a "
                "model that listens live"
            )
        self.model = model
        self._clock = clock
        self._activity = VoiceActivity()
        model.predict([np.zeros(SAMPLE_RATE, np.float32)])  # the first call is slow
        self._samples = np.zeros(0, np.float32)
        self._is_on, self._num_on, self._num_off, self._read_s = False, 0, 0, 0.0
        self._now: Heard | None = None
        self._resampler: tuple[int, Resampler] | None = None
        self._waiting: queue.SimpleQueue[tuple[av.AudioFrame, float] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._watcher = MouthWatcher()
        self._seen: deque[tuple[FrameResult, dict[int, float]]] = deque()
        self.num_skipped = 0
        """Frames of sound that came faster than they could be heard."""
        self.problem = ""
        """Why sound could not be heard, if it could not."""

    def put(self, frame: "av.AudioFrame") -> None:
        """Hear a frame of sound, which ends now; from any thread, but from one at a time."""
        if self._waiting.qsize() >= _MOST_WAITING:
            self.num_skipped += 1
            return
        self._waiting.put((frame, self._clock()))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="fer-microphone", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Hear nothing more, and forget what was heard."""
        self._waiting.put(None)
        self._samples, self._now = np.zeros(0, np.float32), None

    def heard(self) -> Heard | None:
        """What was heard last; None before the first sound, and of a microphone that is off."""
        now = self._now
        return None if now is None or self._clock() - now.end_s > _STALE_S else now

    def look(self, picture: Frame, result: FrameResult) -> VoiceResult:
        """What is heard at a frame, and which of its faces speaks; belongs to the frames' thread."""
        heard = self.heard()
        if heard is None or heard.since_s is None:
            self._watcher = MouthWatcher()
            self._seen.clear()
            return VoiceResult(is_speech=False)
        self._seen.append((result, self._watcher.look(picture, result.faces)))
        begin_s = max(heard.since_s, result.time_s - self.model.window_s)
        while self._seen[0][0].time_s < begin_s and len(self._seen) > 1:
            self._seen.popleft()
        voice = heard.prediction
        speaker = None if voice is None or len(self._seen) < _LEAST_FRAMES else self._find_speaker()
        face = next((face for face in result.faces if speaker is not None and face.track_id == speaker), None)
        if voice is None or face is None:
            return VoiceResult(is_speech=True, prediction=voice)
        fused = fuse(face.prediction, voice, self.model.class_prior)
        return VoiceResult(is_speech=True, prediction=voice, speaker=speaker, fused=fused)

    def _find_speaker(self) -> int | None:
        movements: dict[int, list[float]] = defaultdict(list)
        for _, moved in self._seen:
            for track, movement in moved.items():
                movements[track].append(movement)
        return find_speaker([result for result, _ in self._seen], movements)

    def _work(self) -> None:
        while (item := self._waiting.get()) is not None:
            try:
                self._take(*item)
            except Exception as error:
                if not self.problem:
                    logger.error("live sound could not be heard", exc_info=error)
                self.problem = f"{type(error).__name__}: {error}"

    def _take(self, frame: "av.AudioFrame", end_s: float) -> None:
        if self._resampler is None or self._resampler[0] != frame.sample_rate:
            self._resampler = (frame.sample_rate, Resampler(frame.sample_rate, SAMPLE_RATE))
        for samples in self._resampler[1].feed(mix_down(frame)):
            self.hear(samples, end_s)

    def hear(self, samples: Float32Array, end_s: float) -> None:
        """Hear samples, (n,) in [-1, 1] at `SAMPLE_RATE`, of which the last was taken at `end_s`."""
        most = int(self.model.window_s * SAMPLE_RATE)
        self._samples = np.concatenate([self._samples, samples])[-most:]
        for probability in self._activity.feed(samples):
            self._step(float(probability))
        if self._num_on * FRAME_S < MIN_SPEECH_S:
            self._now = Heard(end_s)
            return
        length_s = (self._num_on + self._num_off) * FRAME_S
        before = self._now.prediction if self._now else None
        is_due = before is None or end_s - self._read_s >= _EVERY_S
        if self._is_on and self._num_on * FRAME_S >= MIN_LABELLED_S and is_due:
            window = self._samples[-round(length_s * SAMPLE_RATE) :]
            before = Prediction.from_array(self.model.classes, self.model.predict([window])[0])
            self._read_s = end_s
        self._now = Heard(end_s, end_s - length_s, before)

    def _step(self, probability: float) -> None:
        """Take in 32 ms: of speech, of a pause that still belongs to it, or of one that ends it."""
        self._is_on = is_speech(probability, was_speech=self._is_on)
        if self._is_on:
            self._num_on += self._num_off + 1
            self._num_off = 0
        elif self._num_on:
            self._num_off += 1
            if self._num_off * FRAME_S >= MIN_PAUSE_S:
                self._num_on = self._num_off = 0
