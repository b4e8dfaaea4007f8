"""Containers of video: the track of the picture, and how many frames they really hold."""

import logging
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from fer_core.containers import open_container
from fer_core.errors import MediaError
from fer_core.joined import MAX_MEASURED_BYTES, ONE_PART, PartFinder, Parts

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

logger = logging.getLogger(__name__)

FALLBACK_TIME_BASE: Final[Fraction] = Fraction(1, 90_000)
_DECODER_THREADS: Final[int] = 2


class Measure(NamedTuple):
    """What is really in a file: headers do not know (MPEG), guess (Matroska) or round (variable rates)."""

    num_frames: int
    duration_s: float | None
    """From the first frame to the end of the last; None if its packets have no times."""
    missing_s: float = 0.0
    """By how much the last packet, of sound or picture, comes before the end that the header names;
    0 where `num_frames` tells."""
    parts: Parts = ONE_PART
    """Recordings that were put together."""


def find_video_stream(container: "InputContainer", path: Path) -> "VideoStream":
    """The first track of moving pictures.

    Raises:
        MediaError: there is none, or it can't be decoded.
    """
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


def measure(path: Path) -> Measure | None:
    """Count the packets of the picture without decoding any."""
    import av

    if path.stat().st_size > MAX_MEASURED_BYTES:
        return None
    num_frames, num_cut, shown, is_whole, end_s = 0, 0, [], True, 0.0
    with open_container(path) as container:
        stream = find_video_stream(container, path)
        index, finder = stream.index, PartFinder(container)
        try:
            for packet in container.demux():
                if not packet.size:  # the end
                    continue
                finder.add(packet)
                pts = packet.pts if packet.pts is not None else packet.dts
                end_s = max(end_s, float(((pts or 0) + (packet.duration or 0)) * packet.time_base))
                if packet.stream is not stream:
                    continue
                if packet.is_discard:  # cut off by an edit list
                    num_cut += 1
                    continue
                num_frames += 1
                is_whole = not packet.is_corrupt  # of the last one
                if pts is not None:
                    shown.append((pts, packet.duration or 0))
        except av.FFmpegError:
            is_whole = False
            logger.debug("%s can't be measured to its end", path.name)
        time_base = stream.time_base or FALLBACK_TIME_BASE
        missing_s = (container.duration or 0) / 1e6 - end_s
        if not is_whole:  # what is missing is known where the index came first
            num_frames, missing_s = max(num_frames, stream.frames - num_cut), 0.0
    parts = finder.find()
    if parts.num_joins:  # the header knows nothing of the later ones
        return Measure(num_frames, finder.find_length_s(index, parts), parts=parts)
    if not shown:
        return Measure(num_frames, None, missing_s) if num_frames else None
    (first, _), (last, duration) = min(shown), max(shown)
    ticks = last - first + (duration or (last - first) / max(1, len(shown) - 1))
    return Measure(num_frames, float(ticks * time_base), missing_s)
