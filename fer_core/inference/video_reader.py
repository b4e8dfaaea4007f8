"""Reading video files frame by frame: upright frames with their times, and the packets of the sound."""

import itertools
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fer_core.containers import find_audio_stream, find_start, open_container
from fer_core.errors import MediaError
from fer_core.images import HEIC_HELP, is_heic
from fer_core.inference.animation_reader import open_animation
from fer_core.inference.container import FALLBACK_TIME_BASE, Measure, find_video_stream, measure
from fer_core.inference.display_matrix import Orientation
from fer_core.inference.frames import UNSPECIFIED, Converter, YuvFrame, has_no_matrix
from fer_core.inference.video_types import (
    RGB_COLOR,
    FrameReader,
    VideoColor,
    VideoFrame,
    VideoInfo,
    VideoLimits,
)
from fer_core.joined import MPEG_FORMATS, ONE_PART, PartShifter
from fer_core.types import UInt8Array
from fer_core.words import count

if TYPE_CHECKING:
    import av
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet

logger = logging.getLogger(__name__)

__all__ = [
    "VIDEO_SUFFIXES",
    "VideoColor",
    "VideoFrame",
    "VideoInfo",
    "VideoLimits",
    "VideoReader",
    "open_video",
    "probe_video",
    "read_frame",
]

VIDEO_SUFFIXES: Final[tuple[str, ...]] = (
    *(".mp4", ".mov", ".m4v", ".webm", ".mkv", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".3gp"),
    *(".wmv", ".flv", ".ogv", ".mxf", ".gif", ".webp", ".png", ".apng", ".avif"),
)
"""File name endings that are worth offering in a file dialog."""

_FALLBACK_RATE: Final[Fraction] = Fraction(25)
_MAX_MISSING_S: Final[float] = 1.0
"""Headers are not exact to the last packet."""
_RATE_TOLERANCE: Final[float] = 0.02
_BACK_S: Final[tuple[float, ...]] = (1.0, 30.0)
"""How far before a time decoding begins; further, if what comes first is later than that time."""
_BEFORE_START_S: Final[float] = 60.0
"""MPEG-TS finds its first key frame only from before the time at which that is decoded."""
_MAX_BYTES_BEFORE_FRAME: Final[int] = 64 * 1024**2
_PACKET_BYTES: Final[int] = 1024
"""What is kept of the sound while the first frame is looked for, and what a packet costs beside its data."""
_MAX_PIXEL_ASPECT: Final[int] = 4
"""Pixels wider or taller than this are a damaged header: real ones stay within 1:2 and 2:1."""


class VideoReader:
    """An open video file, its first frame decoded already. Use `open_video`."""

    def __init__(
        self, container: "InputContainer", path: Path, limits: VideoLimits, measure: Measure | None
    ) -> None:
        """Take over an open container."""
        self._container = container
        self._path = path
        self._limits = limits
        self._measure = measure
        self._video = find_video_stream(container, path)
        self._audio = find_audio_stream(container)
        self.time_base: Fraction = self._video.time_base or FALLBACK_TIME_BASE
        self.rate: Fraction = self._video.average_rate or self._video.guessed_rate or _FALLBACK_RATE
        self.num_damaged = 0
        """Packets that could not be decoded so far."""
        self._parts = ONE_PART if measure is None else measure.parts
        self._has_decoding_order = container.format.name == "avi"
        """AVI doesn't say when a frame is shown, only when it is to be decoded."""
        self._start_s = find_start(container)
        self._start_pts = round(self._start_s / self.time_base)
        self._last_pts = -1
        self._aspect = self._video.sample_aspect_ratio
        """Of the next frame's pixels. The container knows it, until the pictures change it."""
        self._coded_aspect = self._video.codec_context.sample_aspect_ratio
        self._converter = Converter()
        self._check_claims()
        self._events = self._decode()
        self._first_events = self._read_up_to_first_frame()
        self._first_frame: av.VideoFrame = self._first_events[-1]
        self._first_size = self._find_square_size(self._first_frame)
        if self._has_decoding_order:  # the first frame is shown at once, whenever the decoder hands it out
            self._start_pts = self._time(self._first_frame) or 0
        self._orientation = Orientation.of_frame(self._first_frame)
        self.color = _find_color(self._first_frame)
        """How the frames' luma and chroma are to be read."""
        self.sizes: dict[tuple[int, int], None] = {}
        """Sizes (width, height) of the upright frames so far, in the order in which they came."""

    @property
    def info(self) -> VideoInfo:
        """What the file says of itself, with the size that its first frame really has."""
        width, height = self._first_size
        if self._orientation.is_transposed:
            width, height = height, width
        duration_s = self._duration_s
        num_frames = self._measure.num_frames if self._measure else self._video.frames or None
        fps = num_frames / duration_s if num_frames and duration_s else float(self.rate)
        # Milliseconds and single frames are too coarse to tell a rate by.
        is_as_told = abs(fps / float(self.rate) - 1) < _RATE_TOLERANCE
        return VideoInfo(
            width_px=width,
            height_px=height,
            fps=float(self.rate) if is_as_told else fps,
            duration_s=duration_s,
            num_frames=num_frames,
            has_audio=self._audio is not None,
            codec=self._video.codec_context.name,
        )

    @property
    def audio(self) -> "AudioStream | None":
        """The first sound track that can be decoded."""
        return self._audio

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the file, as far as it has been read."""
        notes = []
        if self._container.streams.audio and self._audio is None:
            notes.append("The sound is compressed in a way that can't be decoded here; it was left out.")
        if self._measure and self._measure.missing_s > _MAX_MISSING_S:
            notes.append(f"The file ends {self._measure.missing_s:.1f} s before it should: it was cut off.")
        if self._parts.num_joins:
            notes.append(
                f"The file is made of {count(self._parts.num_joins + 1, 'recording')} with times of their "
                "own; each follows the one before."
            )
        if len(self.sizes) > 1:
            sizes = ", ".join(f"{width} x {height}" for width, height in self.sizes)
            notes.append(
                f"The picture changes its size ({sizes} px); it was fitted into the first with bars."
            )
        return tuple(notes)

    def frames(
        self, on_audio: Callable[["Packet[Any]"], None] | None = None, *, from_s: float = 0.0
    ) -> Iterator[VideoFrame]:
        """Decode the frames one after the other; damaged stretches are skipped and counted. Once only.

        Args:
            on_audio: called with the packets of the first sound track as they come by.
            from_s: frames before this time are left out; those after it are the same as without.

        Raises:
            MediaError: the file is longer than allowed, whatever it said of itself, or can't be read from
                there on.
        """
        import av

        whole = itertools.chain(self._first_events, self._events)
        for event in self._decode_near(from_s, _BACK_S) if from_s > 0 else whole:
            if isinstance(event, av.VideoFrame):
                self._heed_aspect(event)
                pts = self._next_pts(event)
                if self._seconds(pts) >= from_s:
                    yield self._to_upright(event, pts)
            elif on_audio is not None:
                on_audio(event)

    def seek(self, time_s: float) -> VideoFrame:
        """Return the frame that is shown at `time_s`; the last one, if the file ends before.

        Raises:
            MediaError: the file can't be decoded from there on.
        """
        import av

        found, found_pts = self._first_frame, 0
        is_found = False
        is_indexed = self._container.format.name not in MPEG_FORMATS
        for event in self._decode_near(time_s, (0.0, *_BACK_S) if is_indexed else _BACK_S):
            if isinstance(event, av.VideoFrame):
                pts = self._next_pts(event)
                if is_found and self._seconds(pts) > time_s + 1e-6:
                    break
                self._heed_aspect(event)
                found, found_pts, is_found = event, pts, True
        return self._to_upright(found, found_pts)

    def _go_to(self, time_s: float) -> None:
        """Let the next packet be that of the key frame before a time.

        Raises:
            MediaError: the file can only be read from its beginning on.
        """
        import av

        wanted_s = time_s if time_s > 0 else -_BEFORE_START_S
        try:
            try:
                self._container.seek(int((wanted_s + float(self._start_s)) * 1e6))
            except av.FFmpegError:
                self._container.seek(0)
        except av.FFmpegError as cause:
            raise MediaError(
                f"{self._path.name} can be read only from its beginning ({cause.strerror}). Export it as MP4."
            ) from cause
        self._last_pts = -1

    def _decode_near(self, time_s: float, back_s: Sequence[float]) -> "Iterator[av.VideoFrame | Packet[Any]]":
        """Decode from a frame on that is not later than a time, unless the file begins later.

        Args:
            time_s: in seconds from the file's beginning.
            back_s: how far before it decoding begins; further, if what comes first is later than `time_s`.

        Raises:
            MediaError: its frames have no times, or it can be read only from its beginning.
        """
        import av

        # Where recordings were put together, the file's own times lead to any of them.
        for step_s in (math.inf,) if self._parts.num_joins else (*back_s, math.inf):
            self._go_to(time_s - step_s)
            events = self._decode()
            first = next((event for event in events if isinstance(event, av.VideoFrame)), None)
            pts = None if first is None else self._time(first)
            if pts is not None and self._seconds(pts - self._start_pts) <= time_s:
                break
        if first is None or pts is None:
            raise MediaError(
                f"{self._path.name} can't be read from {time_s:g} s on: its frames have no times"
            )
        self.num_damaged = 0
        return itertools.chain([first], events)

    def _decode(self) -> "Iterator[av.VideoFrame | Packet[Any]]":
        import av

        packets = self._container.demux([item for item in (self._video, self._audio) if item is not None])
        shifter = PartShifter(self._parts)
        while True:
            try:
                packet = next(packets)
                shifter.shift(packet)
            except StopIteration:
                return
            except av.FFmpegError as cause:  # the rest of the file is gone; what came before is good
                logger.warning("%s can't be read to its end: %s", self._path.name, cause)
                self.num_damaged += 1
                return
            if packet.stream is self._audio:
                if packet.size and packet.pts is not None:
                    yield self._shift(packet)
                continue
            try:
                yield from self._video.decode(packet)
            except av.FFmpegError:
                self.num_damaged += 1

    def _shift(self, packet: "Packet[Any]") -> "Packet[Any]":
        """Let the sound begin with the file, as the frames' times do."""
        offset = round(self._start_s / packet.time_base)
        if packet.pts is not None:
            packet.pts -= offset
        if packet.dts is not None:
            packet.dts -= offset
        return packet

    def _to_upright(self, frame: "av.VideoFrame", pts: int) -> VideoFrame:
        width, height = self._find_square_size(frame)
        self._limits.check_size(self._path, width, height)
        planar = self._converter.to_planar(frame, width, height, self.color.matrix)
        video = self._orientation.apply(planar)
        picture = YuvFrame(video, self._converter)
        self.sizes[picture.size] = None
        time_s = self._seconds(pts)
        self._limits.check_duration(self._path, time_s)
        return VideoFrame(picture, pts, time_s)

    def _find_square_size(self, frame: "av.VideoFrame") -> tuple[int, int]:
        """Width and height of a stored frame in square pixels: as players do it, the width gives way."""
        return _square_width(frame.width, self._aspect), frame.height

    def _heed_aspect(self, frame: "av.VideoFrame") -> None:
        """Pixels change their shape with a key frame; the decoder knows of it some frames earlier."""
        coded = self._video.codec_context.sample_aspect_ratio
        if frame.key_frame and coded and coded != self._coded_aspect:
            self._aspect = self._coded_aspect = coded

    def _time(self, frame: "av.VideoFrame") -> int | None:
        """When a frame is shown, in the file's own units."""
        return frame.dts if self._has_decoding_order else frame.pts

    def _next_pts(self, frame: "av.VideoFrame") -> int:
        """Time stamps as they are where they make sense, and rising where they do not."""
        pts = self._time(frame)
        if pts is None:
            step = max(1, round(1 / self.rate / self.time_base))
            return self._remember(self._last_pts + step if self._last_pts >= 0 else 0)
        return self._remember(max(pts - self._start_pts, self._last_pts + 1))

    def _remember(self, pts: int) -> int:
        self._last_pts = max(0, pts)
        return self._last_pts

    def _seconds(self, pts: int) -> float:
        return pts * self.time_base.numerator / self.time_base.denominator

    @property
    def _duration_s(self) -> float | None:
        if self._measure and self._measure.duration_s:
            return self._measure.duration_s
        if self._video.duration:
            return float(self._video.duration * self.time_base)
        return self._container.duration / 1e6 if self._container.duration else None

    def _check_claims(self) -> None:
        width, height = self._video.codec_context.width, self._video.codec_context.height
        self._limits.check_size(self._path, width, height)
        self._limits.check_duration(self._path, self._duration_s or 0)

    def _read_up_to_first_frame(self) -> "list[Any]":
        """Everything up to and with the first frame: nothing is promised of a file that has none."""
        import av

        events, num_bytes = [], 0
        for event in self._events:
            events.append(event)
            if isinstance(event, av.VideoFrame):
                self._limits.check_size(self._path, *self._find_square_size(event))
                return events
            num_bytes += _PACKET_BYTES + event.size
            if num_bytes > _MAX_BYTES_BEFORE_FRAME:
                break
        raise MediaError(
            f"{self._path.name} has a video track ({self._video.codec_context.name}) but no frame in it that "
            "can be decoded: it is empty, cut off or damaged. Export it again, for example as MP4 with H.264."
        )


def _find_color(frame: "av.VideoFrame") -> VideoColor:
    """How a decoded frame is to be read as luma and chroma."""
    told = VideoColor(int(frame.colorspace), int(frame.color_primaries), int(frame.color_trc))
    if not has_no_matrix(frame):
        return told
    primaries, transfer = (
        default if value == UNSPECIFIED else value
        for value, default in zip(told[1:], RGB_COLOR[1:], strict=True)
    )
    return VideoColor(RGB_COLOR.matrix, primaries, transfer)


@lru_cache(maxsize=16)
def _square_width(width: int, aspect: Fraction | None) -> int:
    aspect = Fraction(aspect or 1)
    is_real = Fraction(1, _MAX_PIXEL_ASPECT) <= aspect <= _MAX_PIXEL_ASPECT
    return max(1, round(width * aspect)) if is_real else width


@contextmanager
def open_video(path: Path, limits: VideoLimits | None = None) -> Iterator[FrameReader]:
    """Open a video file, or an animated picture, for reading; it is closed with the block.

    Raises:
        MediaError: the file is missing, is no video, has no frame, or exceeds a limit.
    """
    limits = limits or VideoLimits()
    if not path.is_file():
        raise MediaError(f"{path} is {'a folder' if path.is_dir() else 'missing'}; expected a video file")
    with open_animation(path, limits) as animation:
        if animation is not None:
            yield animation
            return
    if is_heic(path):
        raise MediaError(f"{path.name} is a HEIC picture. {HEIC_HELP}")
    with open_container(path) as container:
        yield VideoReader(container, path, limits, measure(path))


def probe_video(path: Path, limits: VideoLimits | None = None) -> VideoInfo:
    """Say what is in a video file, after decoding its first frame.

    Raises:
        MediaError: as `open_video`.
    """
    with open_video(path, limits) as reader:
        return reader.info


def read_frame(path: Path, time_s: float) -> UInt8Array:
    """Return the frame of a video that is shown at `time_s`, H x W x 3 RGB, upright.

    The last one, if the video ends before.

    Raises:
        MediaError: as `open_video`.
    """
    with open_video(path) as reader:
        return reader.seek(time_s).image_rgb
