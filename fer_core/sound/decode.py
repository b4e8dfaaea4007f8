"""The sound of a file, of a song or of a film: one channel, on the clock of the picture.

Time 0 is the beginning of the file, as for frames (`inference.video_reader`), whatever the first time stamp
says: MP3 begins at 25 ms, streams anywhere. Gaps are silence, overlaps are dropped, and what an encoder added
at both ends is cut: raw AAC does not say that it begins 1,024 samples late, MP4 decodes up to 956 too many.
"""

import itertools
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from fer_core.containers import find_audio_stream, find_start, open_container
from fer_core.errors import MediaError
from fer_core.joined import MAX_GAP_S, ONE_PART, Parts, PartShifter, find_parts
from fer_core.sound.levels import Levels
from fer_core.sound.mixing import Resampler, mix_down
from fer_core.types import Float32Array

if TYPE_CHECKING:
    import av
    from av.audio.stream import AudioStream
    from av.container import InputContainer

logger = logging.getLogger(__name__)

SOUND_SUFFIXES: Final[tuple[str, ...]] = (
    *(".wav", ".flac", ".mp3", ".opus", ".ogg", ".oga", ".m4a", ".aac", ".aiff", ".aif", ".wma"),
    *(".caf", ".amr", ".ac3", ".mka", ".weba"),
)
"""Extensions of files of sound alone that are worth offering in a file dialog."""
SAMPLE_RATE: Final[int] = 16_000
_TOLERANCE_S: Final[Fraction] = Fraction(1, 20)
"""Times in files are rounded, and clocks drift: what differs by less is one stretch."""
_MAX_BACK_S: Final[int] = 1
"""Time stamps that jump further back mean nothing: what comes is taken to follow."""
_AAC_PRIMING: Final[int] = 1024
_RATES: Final[tuple[int, int]] = (1_000, 768_000)
_CHUNK_S: Final[float] = 1.0
_MAX_MISSING_S: Final[float] = 1.0
_EXACT_LENGTHS: Final[frozenset[str]] = frozenset({"mov", "flac", "aiff"})
"""Containers that know how long their sound is; others guess from the bit rate or the size."""
_UNKNOWN_SIZE: Final[int] = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Sound:
    """Decoded sound of one channel."""

    samples: Float32Array
    """(n,) in [-1, 1]."""
    sample_rate: int
    """Samples a second."""
    start_s: float = 0.0
    """When the first sample is heard, in seconds from the file's beginning; >= 0."""
    notes: tuple[str, ...] = ()
    """What the user should know of it: silent, clipped, damaged ..."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundInfo:
    """What a file says of its sound."""

    sample_rate: int
    """As stored, samples a second."""
    num_channels: int
    codec: str
    duration_s: float | None
    """None if the file does not say."""


class SoundReader:
    """The open sound of a file, its beginning decoded already. Use `open_sound`."""

    def __init__(
        self,
        container: "InputContainer",
        path: Path,
        sample_rate: int,
        max_duration_s: float,
        parts: Parts = ONE_PART,
    ) -> None:
        """Take over an open container."""
        self.sample_rate = sample_rate
        self._path = path
        self._shifter, self._has_parts = PartShifter(parts), parts.num_joins > 0
        self._max_duration_s = max_duration_s
        self._container = container
        self._stream = _find_sound(container, path)
        self._format = container.format.name.partition(",")[0]
        self._origin_s = find_start(container)
        if self._format == "aac":
            self._origin_s += Fraction(_AAC_PRIMING, self._stream.codec_context.sample_rate or 44_100)
        self._limit_s = self._find_end() if self._format == "mov" else None
        self._end_s: Fraction | None = None
        self._missing_s = Fraction(0)
        self.num_damaged = 0
        """Packets that could not be decoded so far."""
        self.start_s = 0.0
        """When the first sample is heard, in seconds from the file's beginning; >= 0."""
        self.levels = Levels()
        """How loud it is, as far as it has been read."""
        self._check_duration(self._claimed_s or 0)
        self._pieces = self._place()
        self._first = next(self._pieces, None)
        if self._first is None:
            raise MediaError(
                f"{path.name} has a sound track ({self._stream.codec_context.name}) but nothing in it can be "
                "decoded: it is empty, cut off or damaged. Export it again, for example as WAV or FLAC."
            )

    @property
    def info(self) -> SoundInfo:
        """What the file says of its sound."""
        codec = self._stream.codec_context
        return SoundInfo(
            sample_rate=codec.sample_rate,
            num_channels=codec.channels,
            codec=codec.name,
            duration_s=self._claimed_s,
        )

    @property
    def end_s(self) -> float:
        """Up to where it has been read, in seconds from the file's beginning."""
        return float(self._end_s or 0)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the sound, as far as it has been read."""
        notes = list(self.levels.notes)
        rate = self._stream.codec_context.sample_rate
        if rate < self.sample_rate:
            notes.append(
                f"The sound has {rate:,d} samples a second, like a telephone's; at {self.sample_rate:,d} "
                "more of the voice can be heard."
            )
        if self.num_damaged:
            notes.append("The sound is damaged: what could not be decoded is silent here.")
        if self._missing_s > _TOLERANCE_S:
            notes.append(f"{float(self._missing_s):.1f} s of the sound are missing and are silent here.")
        missing_s = self._find_cut_s()
        if missing_s > _MAX_MISSING_S:
            notes.append(f"The sound ends {missing_s:.1f} s before it should: the file was cut off.")
        return tuple(notes)

    def blocks(self) -> Iterator[Float32Array]:
        """The samples in order, (n,) in [-1, 1], about a second each. Once only; memory does not grow.

        Raises:
            MediaError: the sound is longer than allowed, whatever the file said of itself.
        """
        assert self._first is not None
        resampler, rate = None, 0
        for samples, source_rate in _gather(itertools.chain([self._first], self._pieces)):
            self.levels.add(samples)
            self._check_duration(self.end_s)
            if resampler is None or source_rate != rate:
                if resampler is not None:
                    yield from resampler.finish()
                resampler, rate = Resampler(source_rate, self.sample_rate), source_rate
            yield from resampler.feed(samples)
        if resampler is not None:
            yield from resampler.finish()

    def _place(self) -> "Iterator[tuple[Float32Array, int]]":
        """Stretches of sound without gaps, with their rates."""
        for frame in self._decode():
            rate, samples = frame.sample_rate, mix_down(frame)
            if not _RATES[0] <= rate <= _RATES[1]:
                raise MediaError(
                    f"{self._path.name} claims {rate} samples a second; expected {_RATES[0]:,d} to "
                    f"{_RATES[1]:,d}"
                )
            late_s = self._find_lateness(frame)
            for silence in _split_silence(late_s, rate):
                self._advance(len(silence), rate)
                yield silence, rate
            samples = samples[max(0, round(-late_s * rate)) :]
            if self._limit_s is not None:
                samples = samples[: max(0, round((self._limit_s - (self._end_s or 0)) * rate))]
            if len(samples):
                self._advance(len(samples), rate)
                yield samples, rate

    def _find_lateness(self, frame: "av.AudioFrame") -> Fraction:
        """Seconds from the end of what came before to a frame; negative where it overlaps, 0 if hardly."""
        if frame.pts is None or frame.time_base is None:
            return Fraction(0)
        time_s = frame.pts * frame.time_base - self._origin_s
        if self._end_s is None:
            start_s = max(Fraction(0), time_s)
            self._end_s, self.start_s = start_s, float(start_s)
        late_s = time_s - self._end_s
        if abs(late_s) <= _TOLERANCE_S and time_s >= 0:
            return Fraction(0)
        if not -_MAX_BACK_S <= late_s <= self._max_gap_s:
            self._origin_s += late_s
            return Fraction(0)
        self._missing_s += max(Fraction(0), late_s)
        return late_s

    def _advance(self, num_samples: int, rate: int) -> None:
        self._end_s = (self._end_s or Fraction(0)) + Fraction(num_samples, rate)

    @property
    def _max_gap_s(self) -> float:
        if self._container.duration is None or self._has_parts:
            return MAX_GAP_S
        return max(0.0, self._container.duration / 1e6 - self.end_s) + _MAX_BACK_S

    def _decode(self) -> "Iterator[av.AudioFrame]":
        import av

        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
                self._shifter.shift(packet)
            except StopIteration:
                return
            except av.FFmpegError as cause:  # the rest of the file is gone; what came before is good
                logger.warning("%s can't be read to its end: %s", self._path.name, cause)
                self.num_damaged += 1
                return
            try:
                yield from self._stream.decode(packet)
            except av.FFmpegError:
                self.num_damaged += 1

    @property
    def _claimed_s(self) -> float | None:
        if self._stream.duration and self._stream.time_base:
            return float(self._stream.duration * self._stream.time_base)
        return self._container.duration / 1e6 if self._container.duration else None

    def _find_cut_s(self) -> float:
        """How much sound the file promises beyond its end, in seconds; 0 where it does not say."""
        if self._format == "wav":  # FFmpeg believes the size of the file
            promised, num_bytes = _read_riff_size(self._path), self._path.stat().st_size
            return max(0, promised - num_bytes) / num_bytes * self.end_s
        return (self._claimed_s or 0) - self.end_s if self._format in _EXACT_LENGTHS else 0.0

    def _find_end(self) -> Fraction | None:
        """When the sound ends by the file's own words."""
        stream = self._stream
        if not stream.duration or stream.time_base is None:
            return None
        return ((stream.start_time or 0) + stream.duration) * stream.time_base - self._origin_s

    def _check_duration(self, time_s: float) -> None:
        if time_s > self._max_duration_s:
            raise MediaError(
                f"{self._path.name} is at least {time_s:.0f} s long; {self._max_duration_s:.0f} s are the "
                "most that is taken here. Cut it, or use `fer listen` in a terminal, which has no such limit."
            )


def _find_sound(container: "InputContainer", path: Path) -> "AudioStream":
    stream = find_audio_stream(container)
    if stream is not None:
        return stream
    if container.streams.audio:
        raise MediaError(
            f"The sound of {path.name} is compressed in a way that can't be decoded here. Export it as "
            "WAV, FLAC or MP4 with AAC."
        )
    kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
    raise MediaError(f"{path.name} holds no sound, only {kinds}; expected a file with a sound track")


def _read_riff_size(path: Path) -> int:
    """Bytes that a WAV file says it has; 0 if it was written as a stream, or as RF64."""
    with path.open("rb") as file:
        head = file.read(8)
    size = int.from_bytes(head[4:8], "little")
    return size + 8 if head[:4] == b"RIFF" and size != _UNKNOWN_SIZE else 0


def _split_silence(late_s: Fraction, rate: int) -> Iterator[Float32Array]:
    """A gap as silence, in pieces, so that a long one takes no memory."""
    left = max(0, round(late_s * rate))
    while left:
        num = min(left, rate)
        yield np.zeros(num, np.float32)
        left -= num


def _gather(
    pieces: Iterator[tuple[Float32Array, int]],
) -> Iterator[tuple[Float32Array, int]]:
    """Join short stretches of one rate to about a second, for each call of the resampler has a price."""
    for rate, group in itertools.groupby(pieces, key=lambda piece: piece[1]):
        waiting: list[Float32Array] = []
        for samples, _ in group:
            waiting.append(samples)
            if sum(map(len, waiting)) >= _CHUNK_S * rate:
                yield np.concatenate(waiting), rate
                waiting = []
        if waiting:
            yield np.concatenate(waiting), rate


@contextmanager
def open_sound(
    path: Path, sample_rate: int = SAMPLE_RATE, max_duration_s: float = math.inf
) -> Iterator[SoundReader]:
    """Open the sound of a file, of a song or of a film; it is closed with the block.

    Args:
        path: anything that FFmpeg decodes; a file's content decides, not its name.
        sample_rate: samples a second that are wanted.
        max_duration_s: longer sound is refused.

    Raises:
        MediaError: the file is missing, can't be read, has no sound, or is too long.
    """
    if not path.is_file():
        raise MediaError(f"{path} is {'a folder' if path.is_dir() else 'missing'}; expected a sound file")
    parts = find_parts(path, "sound")
    with open_container(path, "sound") as container:
        yield SoundReader(container, path, sample_rate, max_duration_s, parts)


def read_sound(path: Path, sample_rate: int = SAMPLE_RATE, max_duration_s: float = math.inf) -> Sound:
    """The whole sound of a file at once.

    Args:
        path: as for `open_sound`.
        sample_rate: samples a second that are wanted.
        max_duration_s: longer sound is refused.

    Raises:
        MediaError: as `open_sound`.
    """
    with open_sound(path, sample_rate, max_duration_s) as reader:
        blocks = list(reader.blocks())
        samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
        return Sound(samples, sample_rate, reader.start_s, reader.notes)
