"""What is told of annotating a video: its progress, and what became of it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from fer_core.inference.video_types import VideoInfo
from fer_core.sound.vocal import VocalTrack
from fer_core.types import VoiceSummary
from fer_core.words import count as count_words

_PROGRESS_EVERY_S: Final[float] = 0.2
_MIN_SHARE_READ: Final[float] = 0.9
"""Decoders leave out what comes before the first whole frame without an error; some packets hold no frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the work is."""

    num_done: int
    """Frames done."""
    num_total: int | None
    """Frames in all, as the file says; None if it does not."""
    fps: float
    """Frames done a second."""

    @property
    def fraction(self) -> float | None:
        """Share that is done, in [0, 1]; None if the total is not known."""
        return None if not self.num_total else min(1.0, self.num_done / self.num_total)

    @property
    def remaining_s(self) -> float | None:
        """Seconds left at this pace; None if the total is not known."""
        if not self.num_total or self.fps <= 0:
            return None
        return max(0, self.num_total - self.num_done) / self.fps


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoSummary:
    """What became of a video."""

    source: VideoInfo
    num_frames: int
    """Frames analysed, and written if a video was."""
    duration_s: float
    """Time of the last frame written, in seconds."""
    num_faces: int
    """Different faces (tracks)."""
    num_rows: int
    """Faces summed over all frames: the rows of the table that hold a face."""
    num_empty_frames: int = 0
    """Frames without a face; each has a row of its own in the table."""
    mean_shares: Mapping[str, float]
    """Mean probability of each class over all rows; empty if there was no face."""
    num_label_changes: int
    """How often a face's most probable class was another than on the frame before, all faces together."""
    seconds: float
    """How long it took."""
    was_cancelled: bool
    """Whether it was stopped before the end; what was written up to there is whole."""
    notes: tuple[str, ...]
    """What the user should know: no face found, the file ends early ..."""
    voice: VoiceSummary | None = None
    """What was heard; None if nobody listened."""
    num_damaged: int = 0
    """Packets that could not be decoded."""
    file_notes: tuple[str, ...] = ()
    """Those of the notes that are about the file alone."""


class ProgressReporter:
    """Passes progress on, a few times per second: a page needs milliseconds to show it."""

    def __init__(self, on_progress: Callable[[Progress], None] | None, num_total: int | None) -> None:
        """Nothing is told where `on_progress` is None; `num_total` is the number of frames, if known."""
        self._on_progress = on_progress
        self._num_total = num_total
        self._started = self._told = time.monotonic()

    def tell(self, num_done: int, *, is_last: bool = False) -> None:
        """Tell it if it is due, or if it is the last time."""
        now = time.monotonic()
        if self._on_progress is None or (now - self._told < _PROGRESS_EVERY_S and not is_last):
            return
        self._told = now
        fps = num_done / max(now - self._started, 1e-9)
        self._on_progress(Progress(num_done=num_done, num_total=self._num_total, fps=fps))


def summarise_voice(vocal: VocalTrack, num_fused: int) -> VoiceSummary:
    """What was heard, in short, with the number of frames in which the voice was joined."""
    return VoiceSummary(
        model=vocal.model,
        speech_s=vocal.speech_s,
        mean_shares=vocal.mean_shares(),
        num_fused_frames=num_fused,
    )


def describe_reading(
    num_frames: int, expected: int | None, num_damaged: int, num_rows: int, *, was_cancelled: bool = False
) -> list[str]:
    """What the user should know of how a video was read.

    Args:
        num_frames: that were read.
        expected: frames, as the file says; None if it does not.
        num_damaged: packets that could not be decoded.
        num_rows: faces summed over all frames.
        was_cancelled: whether it was stopped before the end.
    """
    notes = []
    if was_cancelled:
        notes.append(
            f"Stopped early, after {count_words(num_frames, 'frame')}; "
            "the files hold what was done up to there."
        )
    elif num_damaged or num_frames < _MIN_SHARE_READ * (expected or 0):
        of_all = f" of about {expected}" if expected else ""
        notes.append(f"The file is damaged or cut off: {num_frames}{of_all} frames could be read.")
    if not num_rows:
        notes.append("No face was found. Faces should be at least about 1/30 of the picture's width.")
    return notes
