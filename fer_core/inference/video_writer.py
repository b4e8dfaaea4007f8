"""Writing videos that play in a browser: MP4, H.264, yuv420p, even sides, index in front, sound kept."""

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, get_args

import numpy as np

from fer_core.errors import ConfigError, MediaError, StorageError
from fer_core.inference.frames import PLANAR, Frame, YuvFrame, as_frame, copy_planes, swscale_matrix
from fer_core.inference.video_types import RGB_COLOR, VideoColor
from fer_core.io import atomic_path
from fer_core.types import UInt8Array

if TYPE_CHECKING:
    import av
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet

Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower"]

MILLISECONDS: Final[Fraction] = Fraction(1, 1000)
"""Time base for frames that carry a clock's time."""

_COPIED_SOUND: Final[frozenset[str]] = frozenset({"aac", "mp3", "mp3float", "opus", "libopus"})
"""Codecs that MP4 can hold and browsers play there. All others become AAC."""
_AAC_RATES: Final[tuple[int, ...]] = (
    7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000,
)  # fmt: skip
"""Samples a second that AAC has (ISO/IEC 14496-3, table 1.18); other rates are resampled."""
_DISK_ERRORS: Final[frozenset[int]] = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG}
)
"""What is wrong with the place that is written to, not with the sound."""
_SECONDS_PER_KEYFRAME: Final[float] = 2.0
_LOOKAHEADS: Final[dict[str, int]] = {
    "veryfast": 10, "faster": 20, "fast": 30, "medium": 40, "slow": 50, "slower": 60,
}  # fmt: skip
"""Frames that x264's presets look ahead; quicker ones look at none."""
_LOOKAHEAD_PX: Final[int] = 8_300_000
_NUM_THREADS: Final[int] = 4
"""Of the encoder, and not by the machine's cores, so that a file is the same everywhere: PyAV lets each
thread code a slice of every picture, and many slices make a file a tenth larger."""
_MANY_PX: Final[int] = 1_000_000
"""Of larger pictures few are held: one between two others, and threads share one, in slices, which costs 3 %
at most, instead of having one each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderSettings:
    """How pictures are compressed (x264)."""

    crf: int = 18
    """Quality, 0 (lossless) to 51; 6 more halve the file. Up to 20 most eyes see no difference."""
    preset: Preset = "veryfast"
    """Slower presets make smaller files of the same quality. Beside x264's own choice, `medium` with 20,
    this one takes half of the processor time or less; files are 6 to 16 % larger and pictures 0.6 to 1 dB
    further from the original, at 45 to 47 dB (benchmarks/encoding.py)."""

    def __post_init__(self) -> None:
        if not 0 <= self.crf <= 51:
            raise ConfigError(f"encoder.crf is {self.crf}; expected 0 to 51")
        if self.preset not in get_args(Preset):
            raise ConfigError(f"encoder.preset is {self.preset!r}; expected one of {get_args(Preset)}")


DEFAULT_ENCODER: Final = EncoderSettings()


class VideoWriter:
    """An MP4 file that is being written. Use `create_video`."""

    def __init__(
        self,
        container: "OutputContainer",
        target: Path,
        *,
        size: tuple[int, int],
        rate: Fraction,
        time_base: Fraction,
        settings: EncoderSettings,
        color: VideoColor = RGB_COLOR,
        audio: "AudioStream | None" = None,
    ) -> None:
        """Set up the tracks in an open container. Arguments as for `create_video`."""
        from av.codec.context import ThreadType
        from av.video.reformatter import VideoReformatter

        self._container = container
        self._target = target
        self._size = size
        self._time_base = time_base
        self._last_pts: int | None = None
        self._reformatter = VideoReformatter()
        self._matrix = color.matrix
        width, height = size
        video = container.add_stream("libx264", rate=rate)
        video.width, video.height = width + width % 2, height + height % 2
        video.pix_fmt = "yuv420p"
        video.time_base = time_base
        video.codec_context.time_base = time_base
        video.codec_context.gop_size = max(1, round(_SECONDS_PER_KEYFRAME * rate))
        num_px = width * height
        video.codec_context.options = _encoder_options(settings, num_px)
        video.codec_context.thread_type = ThreadType.SLICE if num_px > _MANY_PX else ThreadType.FRAME
        video.codec_context.thread_count = _NUM_THREADS
        video.codec_context.colorspace, video.codec_context.color_primaries = color.matrix, color.primaries
        video.codec_context.color_trc = color.transfer
        self._video = video
        self._sound_error: str | None = None
        self._sound = self._open_sound(audio) if audio is not None else None
        self.num_frames = 0

    def write(self, picture: "UInt8Array | Frame", pts: int) -> None:
        """Append a frame.

        Args:
            picture: a frame, or H x W x 3 RGB. Of another size than the one given at the beginning, it is
                fitted into that one with bars. Where a side is odd, the last row or column is doubled.
            pts: when it is shown, in units of the time base; a time not after the last frame's is moved up.

        Raises:
            MediaError: it can't be written; a full disk, for example.
        """
        frame = self._to_encoder(as_frame(picture))
        if self._last_pts is not None:
            pts = max(pts, self._last_pts + 1)
        self._last_pts = pts
        frame.pts, frame.time_base = pts, self._time_base
        frame.pict_type = 0  # the encoder chooses, whatever the frame was in its source
        with self._explained():
            self._container.mux(self._video.encode(frame))
        self.num_frames += 1

    def write_at(self, picture: "UInt8Array | Frame", time_s: float) -> None:
        """Append a frame that was taken at `time_s`, in seconds from the beginning. Raises as `write`."""
        self.write(picture, round(time_s / self._time_base))

    def write_audio(self, packet: "Packet[Any]") -> None:
        """Append a packet of the sound track that was announced at the beginning.

        Sound that can't be written never ends the video: it is left out from there on, and `notes` says so.

        Raises:
            MediaError: the disk is full, or the file can't be written for another reason outside the sound.
        """
        self._with_sound(lambda sound: sound.write(packet))

    def finish(self) -> None:
        """Write what the encoders still hold, and the index. Raises as `write`."""
        with self._explained():
            self._container.mux(self._video.encode(None))
            self._with_sound(lambda sound: sound.finish())
            self._container.close()

    def _to_encoder(self, picture: Frame) -> "av.VideoFrame":
        """The picture as the encoder takes it: yuv420p, of the video's size, even sides."""
        import av

        if isinstance(picture, YuvFrame) and picture.size == self._size:
            is_even = not (self._size[0] % 2 or self._size[1] % 2)
            return picture.video if is_even else copy_planes(_to_even(picture.planes), picture.video)
        image_rgb = _fit(picture.rgb(), *self._size)
        height, width = image_rgb.shape[:2]
        if height % 2 or width % 2:
            image_rgb = np.pad(image_rgb, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        rgb = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(image_rgb), format="rgb24")
        return self._reformatter.reformat(
            rgb, format=PLANAR, dst_colorspace=swscale_matrix(self._matrix), threads=1
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the file that was written."""
        return () if self._sound_error is None else (f"The sound was left out: {self._sound_error}.",)

    def _open_sound(self, source: "AudioStream") -> "_Sound | None":
        """Take the packets over as they are where MP4 holds them, else encode anew."""
        import av

        codec = source.codec_context
        is_described = bool(codec.extradata) or "opus" not in codec.name  # MP4 describes Opus by its header
        kind = _CopiedSound if codec.name in _COPIED_SOUND and is_described else _EncodedSound
        try:
            return kind(self._container, source)
        except (av.FFmpegError, ValueError) as cause:
            self._sound_error = _name_reason(cause)
            return None

    def _with_sound(self, act: "Callable[[_Sound], None]") -> None:
        import av

        if self._sound is None:
            return
        with self._explained():
            try:
                act(self._sound)
            except (av.FFmpegError, ValueError) as cause:
                if getattr(cause, "errno", None) in _DISK_ERRORS:
                    raise
                self._sound, self._sound_error = None, _name_reason(cause)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        import av

        try:
            yield
        except (av.FFmpegError, OSError) as cause:
            raise MediaError(_explain(self._target, cause)) from cause


class _Sound(Protocol):
    """A sound track that is being written."""

    def write(self, packet: "Packet[Any]") -> None: ...

    def finish(self) -> None: ...


class _CopiedSound:
    """Packets as they are. Their times are made to rise: muxers ask for it, browsers' recordings lack it."""

    def __init__(self, container: "OutputContainer", source: "AudioStream") -> None:
        self._container, self._track = container, container.add_stream_from_template(source)
        self._last_dts: int | None = None

    def write(self, packet: "Packet[Any]") -> None:
        dts = packet.dts if packet.dts is not None else packet.pts
        if dts is not None:
            if self._last_dts is not None and dts <= self._last_dts:
                dts = self._last_dts + 1
            self._last_dts = packet.dts = dts
            packet.pts = dts if packet.pts is None else max(packet.pts, dts)
        packet.stream = self._track
        self._container.mux(packet)

    def finish(self) -> None:
        """Nothing is held back."""


class _EncodedSound:
    """Sound decoded and encoded as AAC, at a rate that AAC has."""

    def __init__(self, container: "OutputContainer", source: "AudioStream") -> None:
        rate = source.codec_context.sample_rate
        nearest = min(_AAC_RATES, key=lambda item: (item < rate, abs(item - rate)))
        self._container, self._source = container, source
        self._encoder = container.add_stream("aac", rate=nearest)

    def write(self, packet: "Packet[Any]") -> None:
        import av

        try:
            frames = self._source.decode(packet)
        except av.FFmpegError:
            return  # a damaged stretch of sound is silence
        for frame in frames:
            self._container.mux(self._encoder.encode(frame))

    def finish(self) -> None:
        self._container.mux(self._encoder.encode(None))


@contextmanager
def create_video(
    target: Path,
    *,
    size: tuple[int, int],
    rate: Fraction,
    time_base: Fraction = MILLISECONDS,
    settings: EncoderSettings | None = None,
    color: VideoColor = RGB_COLOR,
    audio: "AudioStream | None" = None,
) -> Iterator[VideoWriter]:
    """Write an MP4 file; it appears at `target`, whole, when the block ends well.

    If the block raises, nothing is left of it and what was at `target` is as it was.

    Args:
        target: where to; its folder is made.
        size: (width, height) of the frames in pixels. Odd sides are rounded up.
        rate: frames a second, about: frames may come at any times.
        time_base: seconds, the unit of the frames' times.
        settings: compression.
        color: how the source's luma and chroma were to be read; the same is written.
        audio: a sound track to take over, whose packets are passed to `write_audio`.

    Raises:
        MediaError: the file can't be made, or not be finished (a full disk).
    """
    import av

    is_ours = True  # errors of the block are not about this file
    try:
        with atomic_path(target) as temporary:
            container = av.open(str(temporary), "w", format="mp4", options={"movflags": "+faststart"})
            try:
                writer = VideoWriter(
                    container,
                    target,
                    size=size,
                    rate=rate,
                    time_base=time_base,
                    settings=settings or DEFAULT_ENCODER,
                    color=color,
                    audio=audio,
                )
                is_ours = False
                yield writer
                is_ours = True
                writer.finish()
            finally:
                with suppress(av.FFmpegError, OSError):  # after an error the file is thrown away as it is
                    container.close()
    except (av.FFmpegError, OSError) as cause:
        if not is_ours:
            raise
        raise MediaError(_explain(target, cause)) from cause


def _encoder_options(settings: EncoderSettings, num_px: int) -> dict[str, str]:
    """x264's options; it looks less far ahead in large pictures, each of which it keeps until it is coded."""
    options = {"crf": str(settings.crf), "preset": settings.preset}
    bound = max(1, _LOOKAHEAD_PX // num_px)  # with none at all files are twice as large
    if bound < _LOOKAHEADS.get(settings.preset, 0):
        options["rc-lookahead"] = str(bound)
    if num_px > _MANY_PX and settings.preset != "ultrafast":  # which holds none back
        options["bf"] = "1"
    return options


def _to_even(planes: Sequence[UInt8Array]) -> list[UInt8Array]:
    """Luma with its last row and column doubled where their number is odd; chroma has the right size."""
    height, width = planes[0].shape
    return [np.pad(planes[0], ((0, height % 2), (0, width % 2)), mode="edge"), *planes[1:]]


def _fit(image_rgb: UInt8Array, width: int, height: int) -> UInt8Array:
    """Scale a picture into another size, undistorted, with black bars."""
    from fer_core.opencv import cv2

    own_height, own_width = image_rgb.shape[:2]
    if (own_width, own_height) == (width, height):
        return image_rgb
    scale = min(width / own_width, height / own_height)
    inner = max(1, round(own_width * scale)), max(1, round(own_height * scale))
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    fitted = np.zeros((height, width, 3), np.uint8)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    fitted[top : top + inner[1], left : left + inner[0]] = cv2.resize(image_rgb, inner, interpolation=method)
    return fitted


def _explain(target: Path, cause: Exception) -> str:
    if getattr(cause, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"the disk is full: {target} could not be finished and what was written of it has been removed. "
            "Free some space, or choose a place on another disk."
        )
    if isinstance(cause, StorageError):
        return str(cause)
    reason = _name_reason(cause)
    if getattr(cause, "errno", None) in _DISK_ERRORS:
        return f"{target} can't be written: {reason}. Choose a place that this user may write to."
    return f"{target} can't be written: the encoder or the MP4 file refuses what it is given ({reason})."


def _name_reason(cause: Exception) -> str:
    """What the system says, without the name of the temporary file."""
    return getattr(cause, "strerror", None) or str(cause)
