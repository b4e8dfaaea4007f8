"""What readers of videos hand out and heed, whatever decodes."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from fer_core.errors import ConfigError, MediaError
from fer_core.images import MIN_SIDE_PX
from fer_core.inference.frames import RGB_MATRIX, Frame
from fer_core.types import UInt8Array

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.packet import Packet


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

    def check_size(self, path: Path, width: int, height: int) -> None:
        """Raise MediaError if a picture of the file at `path` is too large, or too small for a face."""
        if max(width, height) > self.max_side_px:
            raise MediaError(
                f"{path.name} is {width} x {height} px; at most {self.max_side_px} px a side are taken here. "
                "Scale it down first."
            )
        if 0 < min(width, height) < MIN_SIDE_PX:
            raise MediaError(
                f"{path.name} is {width} x {height} px; a face needs more: at least {MIN_SIDE_PX} px a side"
            )

    def check_duration(self, path: Path, time_s: float) -> None:
        """Raise MediaError if the file at `path` is longer than allowed."""
        if time_s > self.max_duration_s:
            raise MediaError(
                f"{path.name} is at least {time_s:.0f} s long; {self.max_duration_s:.0f} s are the most that "
                "is taken here. Cut it, or use `fer annotate` in a terminal, which has no such limit."
            )


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
    """As counted before decoding; None if that was not possible."""
    has_audio: bool
    codec: str


class VideoFrame(NamedTuple):
    """One frame, upright."""

    picture: Frame
    """In square pixels; odd sides stay. Sides may change in mid-file: a phone that is turned."""
    pts: int
    """Presentation time in units of the reader's `time_base`, from 0 at the file's beginning; increasing."""
    time_s: float
    """The same in seconds."""

    @property
    def image_rgb(self) -> UInt8Array:
        """The picture, H x W x 3 RGB."""
        return self.picture.rgb()


class VideoColor(NamedTuple):
    """Code points of ITU-T H.273, as the file has them."""

    matrix: int
    primaries: int
    transfer: int


RGB_COLOR: Final = VideoColor(RGB_MATRIX, 1, 13)
"""Of videos that are made of RGB pictures, which are sRGB where nobody says otherwise. Chromium heeds the
matrix only where all three are told."""


class FrameReader(Protocol):
    """An open video, its first frame decoded already. Use `video_reader.open_video`."""

    time_base: Fraction
    """Seconds, the unit of the frames' times."""
    rate: Fraction
    """Frames a second, about."""
    num_damaged: int
    """Packets or pictures that could not be decoded so far."""

    @property
    def info(self) -> VideoInfo:
        """What the file says of itself, with the size that its first frame really has."""

    @property
    def audio(self) -> "AudioStream | None":
        """The first sound track that can be decoded."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the file, as far as it has been read."""

    @property
    def color(self) -> VideoColor:
        """How the file's luma and chroma are to be read."""

    def frames(
        self, on_audio: "Callable[[Packet[Any]], None] | None" = None, *, from_s: float = 0.0
    ) -> Iterator[VideoFrame]:
        """Decode the frames one after the other; damaged stretches are skipped and counted. Once only.

        Args:
            on_audio: called with the packets of the first sound track as they come by.
            from_s: frames before this time are left out; those after it are the same as without.

        Raises:
            MediaError: the file is longer than allowed, whatever it said of itself, or can't be read from
                there on.
        """

    def seek(self, time_s: float) -> VideoFrame:
        """Return the frame that is shown at `time_s`; the last one, if the file ends before.

        Raises:
            MediaError: the file can't be decoded from there on.
        """
