"""Joining what is heard in a video with the faces in it: who speaks, and what both express together."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from fer_core.errors import MediaError
from fer_core.inference.fusion import fuse
from fer_core.inference.mouths import MouthWatcher
from fer_core.inference.stream import FrameResult
from fer_core.inference.video_types import VideoFrame
from fer_core.sound.vocal import VocalTrack, VocalWindow, VoiceModel, listen
from fer_core.types import VoiceResult

_PRESENT: Final[float] = 0.8
"""Share of the frames of a window that must show the face of who speaks."""
_MOVES: Final[float] = 0.045
_MOVES_ALONE: Final[float] = 0.035
"""Mean movement of a mouth from which on it may speak (`mouths`), among other faces and as the only one: a
voice can come from elsewhere. Measured by benchmarks/voice_speaker.py."""
_STANDS_OUT: Final[float] = 2.0
"""By how much it must move more than any other's."""


def hear(
    source: Path, model: VoiceModel, on_progress: Callable[[float, float | None], None] | None = None
) -> VocalTrack:
    """Listen to a video; one whose sound can't be read has an empty track that says so.

    Args:
        source: the video.
        model: reads the voice.
        on_progress: as for `listen`.

    Raises:
        MissingPackageError: the package that finds speech is not installed.
    """
    try:
        return listen(source, model, on_progress=on_progress)
    except MediaError as error:
        return VocalTrack(
            0.0,
            (),
            classes=model.classes,
            class_prior=model.class_prior,
            model=model.name,
            notes=(str(error),),
        )


def find_speaker(results: Sequence[FrameResult], movements: Mapping[int, Sequence[float]]) -> int | None:
    """The face that speaks in a stretch of frames with one voice, by its track; None if that is not known.

    Args:
        results: the frames.
        movements: of mouths, from frame to frame, by track.
    """
    seen = Counter(face.track_id for result in results for face in result.faces if face.track_id is not None)
    levels = {track: float(np.mean(movements[track])) if movements.get(track) else 0.0 for track in seen}
    if not levels:
        return None
    best = max(levels, key=lambda track: levels[track])
    others = [level for track, level in levels.items() if track != best]
    is_known = (
        seen[best] >= _PRESENT * len(results)
        and levels[best] >= (_MOVES if others else _MOVES_ALONE)
        and levels[best] >= _STANDS_OUT * max(others, default=0.0)
    )
    return best if is_known else None


class VoiceJoiner:
    """Gives every frame what is heard then, as soon as it is known who speaks. One instance per video."""

    def __init__(self, track: VocalTrack) -> None:
        """Begin with the first frame."""
        self._track = track
        self._window: VocalWindow | None = None
        self._waiting: list[FrameResult] = []
        self._movements: dict[int, list[float]] = defaultdict(list)
        self._watcher = MouthWatcher()
        self.num_fused = 0
        """Frames with a face that is known to speak, so far."""

    def join(self, frames: Sequence[VideoFrame], results: Sequence[FrameResult]) -> list[FrameResult]:
        """Take in frames with their faces; give those, in order, of which everything is known."""
        done = []
        for frame, result in zip(frames, results, strict=True):
            window = self._track.window_at(result.time_s)
            if window is not self._window:
                done += self.finish()
                self._window = window
            if window is None:
                self._watcher = MouthWatcher()
                is_speech = self._track.is_speech(result.time_s)
                done.append(replace(result, voice=VoiceResult(is_speech=is_speech)))
                continue
            for track, movement in self._watcher.look(frame.picture, result.faces).items():
                self._movements[track].append(movement)
            self._waiting.append(result)
        return done

    def finish(self) -> list[FrameResult]:
        """Give the frames that still wait."""
        if self._window is None:
            return []
        voice = self._window.prediction
        speaker = find_speaker(self._waiting, self._movements)
        done = []
        for result in self._waiting:
            is_known = speaker is not None
            face = next((face for face in result.faces if is_known and face.track_id == speaker), None)
            fused = fuse(face.prediction, voice, self._track.class_prior) if face else None
            self.num_fused += fused is not None
            heard = VoiceResult(
                is_speech=True, prediction=voice, speaker=speaker if face else None, fused=fused
            )
            done.append(replace(result, voice=heard))
        self._waiting, self._movements, self._window = [], defaultdict(list), None
        return done
