"""Opening files of moving pictures and of sound, whoever decodes them."""

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fer_core.errors import MediaError

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

# Containers that hold their data themselves. Play lists (HLS, concat ...) are left out: an uploaded one
# would make us read other files of this machine, or of the network.
_WITH_PICTURES: Final[str] = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,flv,ogg,asf,gif,h264,hevc,ivf,mxf,dv"
)
_SOUND_ALONE: Final[str] = "wav,w64,flac,mp3,aac,aiff,caf,au,amr,ac3,eac3"
_ADVICE: Final[dict[str, str]] = {"video": "MP4 with H.264", "sound": "WAV or FLAC"}


def open_container(path: Path, kind: str = "video") -> "InputContainer":
    """Open a file for reading.

    Args:
        path: the file.
        kind: `video`, or `sound`, which also takes files that hold nothing else.

    Raises:
        MediaError: it is nothing of the kind that can be read.
    """
    import av

    formats = _WITH_PICTURES if kind == "video" else f"{_WITH_PICTURES},{_SOUND_ALONE}"
    try:
        # Absolute, for FFmpeg takes what stands before a colon in a relative name for a protocol.
        return av.open(str(path.absolute()), metadata_errors="replace", options={"format_whitelist": formats})
    except (av.FFmpegError, OSError) as cause:
        raise MediaError(_explain(path, kind, cause)) from cause


def find_audio_stream(container: "InputContainer") -> "AudioStream | None":
    """The first sound track with a decoder: beside it phones record spatial sound, which few can read."""
    return next((stream for stream in container.streams.audio if stream.codec_context is not None), None)


def find_start(container: "InputContainer") -> Fraction:
    """When a file begins, in seconds on its own clock.

    Before 0 only where its picture does: the counter of MPEG-TS wraps. Sound alone begins there with what its
    encoder adds.
    """
    start_s = Fraction(container.start_time or 0, 1_000_000)
    pictures_s = [
        stream.start_time * stream.time_base
        for stream in container.streams.video
        if stream.start_time is not None and stream.time_base is not None
    ]
    return max(start_s, min([Fraction(0), *pictures_s]))


def _explain(path: Path, kind: str, cause: Exception) -> str:
    article = "a video" if kind == "video" else "sound"
    if path.stat().st_size == 0:
        return f"{path.name} is empty (0 bytes); expected a {kind} file"
    if isinstance(cause, PermissionError):
        return f"{path} may not be read by this user: {cause.strerror}"
    return (
        f"{path.name} is not {article} that can be read: it is another kind of file, or cut off or damaged "
        f"({getattr(cause, 'strerror', None) or cause}). Export it again, for example as {_ADVICE[kind]}."
    )
