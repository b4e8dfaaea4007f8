"""Small videos made for tests, with PyAV alone."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SAMPLE_RATE = 16_000


def make_video(
    path: Path,
    num_frames: int = 12,
    size: tuple[int, int] = (64, 48),
    *,
    fps: int = 10,
    times: list[int] | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    sound: str | None = None,
    rotation: int = 0,
) -> Path:
    """A video whose frame i has brightness 16 + 8 i; its upper left quarter is dark.

    `times` are the frames' times in ms (otherwise they are 1000 / fps apart); `sound` is a codec.
    """
    width, height = size
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=fps)
        video.width, video.height, video.pix_fmt = width, height, pix_fmt
        video.codec_context.time_base = video.time_base = Fraction(1, 1000)
        if rotation:
            video.set_display_rotation(rotation)
        audio = container.add_stream(sound, rate=SAMPLE_RATE) if sound else None
        container.start_encoding()
        for index in range(num_frames):
            image = np.full((height, width, 3), 16 + 8 * index % 240, np.uint8)
            image[: height // 2, : width // 2] = 0
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = times[index] if times else index * 1000 // fps
            frame.time_base = Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            seconds = num_frames / fps
            wave = np.sin(440 * 2 * np.pi * np.arange(int(SAMPLE_RATE * seconds)) / SAMPLE_RATE)
            for start in range(0, len(wave), 1024):
                samples = av.AudioFrame.from_ndarray(
                    (8000 * wave[None, start : start + 1024]).astype(np.int16), format="s16", layout="mono"
                )
                samples.sample_rate, samples.pts = SAMPLE_RATE, start
                container.mux(audio.encode(samples))
            container.mux(audio.encode(None))
    return path


def frame_times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [frame.time for frame in container.decode(video=0)]


def top_level_boxes(path: Path) -> list[str]:
    """Names of an MP4 file's outermost boxes, in order."""
    data, names, position = path.read_bytes(), [], 0
    while position + 8 <= len(data):
        length = int.from_bytes(data[position : position + 4])
        names.append(data[position + 4 : position + 8].decode("latin-1"))
        position += length or len(data)
    return names
