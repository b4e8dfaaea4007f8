"""Reading video files frame by frame: upright RGB frames with their times, and the packets of the sound."""

import itertools
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from fer_core.errors import ConfigError, MediaError
from fer_core.images import MIN_SIDE_PX
from fer_core.inference.display_matrix import Orientation
from fer_core.types import UInt8Array

if TYPE_CHECKING:
    import av
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

logger = logging.getLogger(__name__)

VIDEO_SUFFIXES: Final[tuple[str, ...]] = (
    ".mp4",
    ".mov",
    ".m4v",
    ".webm",
    ".mkv",
    ".avi",
    ".mpg",
    ".ts",
    ".gif",
)
"""File name endings that are worth offering in a file dialog."""

# Containers that hold their frames themselves. Play lists (HLS, concat ...) are left out: an uploaded one
# would make us read other files of this machine, or of the network.
_FORMATS: Final[str] = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,flv,ogg,asf,gif,h264,hevc,ivf"
_FALLBACK_RATE: Final[Fraction] = Fraction(25)
_FALLBACK_TIME_BASE: Final[Fraction] = Fraction(1, 90_000)
_DECODER_THREADS: Final[int] = 2
_MAX_EVENTS_BEFORE_FRAME: Final[int] = 2000
"""Packets of sound that are kept while the first frame is looked for."""
_MAX_PIXEL_ASPECT: Final[int] = 4
"""Pixels wider or taller than this are a damaged header: real ones stay within 1:2 and 2:1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoLimits:
    """What is refused; for uploads. A file's claims are checked first, then what really comes out of it."""

    max_side_px: int = 8192
    """Longest side in pixels."""
    max_duration_s: float = math.inf
    """Length in seconds."""

    def __post_init__(self) -> None:
        if self.max_side_px < MIN_SIDE_PX:
            raise ConfigError(f"video max_side_px is {self.max_side_px}; expected {MIN_SIDE_PX} or more")
        if not self.max_duration_s > 0:
            raise ConfigError(f"video max_duration_s is {self.max_duration_s}; expected more than 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoInfo:
    """What a video file says of itself."""

    width_px: int
    """Of the upright picture in square pixels: the display matrix and the pixels' shape are applied."""
    height_px: int
    fps: float
    """Mean frames a second; frames need not be equally far apart."""
    duration_s: float | None
    """None if the file does not say."""
    num_frames: int | None
    """As the file says, or estimated from its duration; None if neither is known."""
    has_audio: bool
    codec: str


class VideoFrame(NamedTuple):
    """One frame, upright."""

    image_rgb: UInt8Array
    """H x W x 3, in square pixels; odd sides stay. Sides may change in mid-file: a phone that is turned."""
    pts: int
    """Presentation time in units of the reader's `time_base`, from 0 at the file's beginning; increasing."""
    time_s: float
    """The same in seconds."""


class VideoColor(NamedTuple):
    """Code points of ITU-T H.273, as the file has them."""

    matrix: int
    primaries: int
    transfer: int


class VideoReader:
    """An open video file, its first frame decoded already. Use `open_video`."""

    def __init__(self, container: "InputContainer", path: Path, limits: VideoLimits) -> None:
        """Take over an open container."""
        from av.video.reformatter import VideoReformatter

        self._container = container
        self._path = path
        self._limits = limits
        self._video = _find_video_stream(container, path)
        self._audio = _find_audio_stream(container)
        self.time_base: Fraction = self._video.time_base or _FALLBACK_TIME_BASE
        self.rate: Fraction = self._video.average_rate or self._video.guessed_rate or _FALLBACK_RATE
        self.num_damaged = 0
        """Packets that could not be decoded so far."""
        self._start_s = Fraction(max(0, container.start_time or 0), 1_000_000)
        self._last_pts = -1
        # One for all frames: making one costs more than ten conversions.
        self._reformatter = VideoReformatter()
        self._check_claims()
        self._events = self._decode()
        self._first_events = self._read_up_to_first_frame()
        self._first_frame: av.VideoFrame = self._first_events[-1]
        self._orientation = Orientation.of_frame(self._first_frame)
        self.sizes: dict[tuple[int, int], None] = {}
        """Sizes (width, height) of the upright frames so far, in the order in which they came."""

    @property
    def info(self) -> VideoInfo:
        """What the file says of itself, with the size that its first frame really has."""
        width, height = self._find_square_size(self._first_frame)
        if self._orientation.is_transposed:
            width, height = height, width
        duration_s = self._duration_s
        num_frames = self._video.frames or (round(duration_s * self.rate) if duration_s else None)
        return VideoInfo(
            width_px=width,
            height_px=height,
            fps=float(self.rate),
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
        if len(self.sizes) > 1:
            sizes = ", ".join(f"{width} x {height}" for width, height in self.sizes)
            notes.append(
                f"The picture changes its size ({sizes} px); it was fitted into the first with bars."
            )
        return tuple(notes)

    @property
    def color(self) -> "VideoColor":
        """How the file's luma and chroma are to be read."""
        frame = self._first_frame
        return VideoColor(int(frame.colorspace), int(frame.color_primaries), int(frame.color_trc))

    def frames(self, on_audio: Callable[["Packet[Any]"], None] | None = None) -> Iterator[VideoFrame]:
        """Decode the frames one after the other; damaged stretches are skipped and counted. Once only.

        Args:
            on_audio: called with the packets of the first sound track as they come by.

        Raises:
            MediaError: the file is longer than allowed, whatever it said of itself.
        """
        import av

        for event in itertools.chain(self._first_events, self._events):
            if isinstance(event, av.VideoFrame):
                yield self._to_upright(event)
            elif on_audio is not None:
                on_audio(event)

    def seek(self, time_s: float) -> VideoFrame:
        """Return the frame that is shown at `time_s`; the last one, if the file ends before.

        Raises:
            MediaError: the file can't be decoded from there on.
        """
        import av

        try:
            self._container.seek(int((max(0.0, time_s) + float(self._start_s)) * 1e6))
        except av.FFmpegError:
            self._container.seek(0)
        self._last_pts = -1
        found: av.VideoFrame | None = None
        for event in self._decode():
            if isinstance(event, av.VideoFrame):
                is_later = event.pts is not None and self._seconds(event.pts) > time_s + 1e-6
                if found is None or not is_later:
                    found = event
                if is_later:
                    break
        return self._to_upright(self._first_frame if found is None else found)

    def _decode(self) -> "Iterator[av.VideoFrame | Packet[Any]]":
        import av

        packets = self._container.demux([item for item in (self._video, self._audio) if item is not None])
        while True:
            try:
                packet = next(packets)
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

    def _to_upright(self, frame: "av.VideoFrame") -> VideoFrame:
        width, height = self._find_square_size(frame)
        _check_size(self._path, width, height, self._limits)
        rgb = self._reformatter.reformat(frame, width=width, height=height, format="rgb24", threads=1)
        image = self._orientation.apply(rgb.to_ndarray().astype(np.uint8, copy=False))
        self.sizes[image.shape[1], image.shape[0]] = None
        pts = self._next_pts(frame)
        time_s = float(pts * self.time_base)
        if time_s > self._limits.max_duration_s:
            raise MediaError(self._too_long(time_s))
        return VideoFrame(image, pts, time_s)

    def _find_square_size(self, frame: "av.VideoFrame") -> tuple[int, int]:
        """Width and height of a stored frame in square pixels: as players do it, the width gives way."""
        aspect = Fraction(self._video.sample_aspect_ratio or 1)
        if not Fraction(1, _MAX_PIXEL_ASPECT) <= aspect <= _MAX_PIXEL_ASPECT:
            aspect = Fraction(1)
        return max(1, round(frame.width * aspect)), frame.height

    def _next_pts(self, frame: "av.VideoFrame") -> int:
        """Time stamps as they are where they make sense, and rising where they do not."""
        if frame.pts is None:
            return self._remember(self._last_pts + max(1, round(1 / self.rate / self.time_base)))
        return self._remember(max(frame.pts - round(self._start_s / self.time_base), self._last_pts + 1))

    def _remember(self, pts: int) -> int:
        self._last_pts = max(0, pts)
        return self._last_pts

    def _seconds(self, pts: int) -> float:
        return float(pts * self.time_base - self._start_s)

    @property
    def _duration_s(self) -> float | None:
        if self._video.duration:
            return float(self._video.duration * self.time_base)
        return self._container.duration / 1e6 if self._container.duration else None

    def _check_claims(self) -> None:
        width, height = self._video.codec_context.width, self._video.codec_context.height
        _check_size(self._path, width, height, self._limits)
        if (self._duration_s or 0) > self._limits.max_duration_s:
            raise MediaError(self._too_long(self._duration_s or 0))

    def _too_long(self, time_s: float) -> str:
        return (
            f"{self._path.name} is at least {time_s:.0f} s long; {self._limits.max_duration_s:.0f} s are the "
            "most that is taken here. Cut it, or use `fer annotate` in a terminal, which has no such limit."
        )

    def _read_up_to_first_frame(self) -> "list[Any]":
        """Everything up to and with the first frame: nothing is promised of a file that has none."""
        import av

        events = []
        for event in self._events:
            events.append(event)
            if isinstance(event, av.VideoFrame):
                _check_size(self._path, *self._find_square_size(event), self._limits)
                return events
            if len(events) > _MAX_EVENTS_BEFORE_FRAME:
                break
        raise MediaError(
            f"{self._path.name} has a video track ({self._video.codec_context.name}) but no frame in it that "
            "can be decoded: it is empty, cut off or damaged. Export it again, for example as MP4 with H.264."
        )


@contextmanager
def open_video(path: Path, limits: VideoLimits | None = None) -> Iterator[VideoReader]:
    """Open a video file for reading; it is closed with the block.

    Raises:
        MediaError: the file is missing, is no video, has no frame, or exceeds a limit.
    """
    import av

    if not path.is_file():
        raise MediaError(f"{path} is {'a folder' if path.is_dir() else 'missing'}; expected a video file")
    try:
        # Absolute, for FFmpeg takes what stands before a colon in a relative name for a protocol.
        container = av.open(
            str(path.absolute()), metadata_errors="replace", options={"format_whitelist": _FORMATS}
        )
    except (av.FFmpegError, OSError) as cause:
        raise MediaError(_explain(path, cause)) from cause
    with container:
        yield VideoReader(container, path, limits or VideoLimits())


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


def _find_audio_stream(container: "InputContainer") -> "AudioStream | None":
    """The first sound track with a decoder: beside it phones record spatial sound, which few can read."""
    return next((stream for stream in container.streams.audio if stream.codec_context is not None), None)


def _find_video_stream(container: "InputContainer", path: Path) -> "VideoStream":
    from av.stream import Disposition

    for stream in container.streams.video:
        if stream.disposition & Disposition.attached_pic:  # the cover of a song
            continue
        if stream.codec_context is None:
            raise MediaError(
                f"{path.name} is compressed in a way that can't be decoded here. Export it as MP4 with H.264."
            )
        # A few threads are enough to keep ahead, and each holds frames of its own.
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = _DECODER_THREADS
        return stream
    kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
    raise MediaError(f"{path.name} holds no video, only {kinds}; expected a file with moving pictures")


def _check_size(path: Path, width: int, height: int, limits: VideoLimits) -> None:
    if max(width, height) > limits.max_side_px:
        raise MediaError(
            f"{path.name} is {width} x {height} px; at most {limits.max_side_px} px a side are taken here. "
            "Scale it down first."
        )
    if 0 < min(width, height) < MIN_SIDE_PX:
        raise MediaError(
            f"{path.name} is {width} x {height} px; a face needs more: at least {MIN_SIDE_PX} px a side"
        )


def _explain(path: Path, cause: Exception) -> str:
    if path.stat().st_size == 0:
        return f"{path.name} is empty (0 bytes); expected a video file"
    if isinstance(cause, PermissionError):
        return f"{path} may not be read by this user: {cause.strerror}"
    return (
        f"{path.name} is not a video that can be read: it is another kind of file, or cut off or damaged "
        f"({getattr(cause, 'strerror', None) or cause}). Export it again, for example as MP4 with H.264."
    )
