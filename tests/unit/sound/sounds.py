"""Small sound files made for tests and benchmarks, with PyAV alone."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from fer_core.types import Float32Array

_STEP = {"s16": np.int16, "flt": np.float32, "u8": np.uint8, "s32": np.int32}
CODECS = {
    "wav": "pcm_s16le", "flac": "flac", "mp3": "libmp3lame", "opus": "libopus", "ogg": "flac", "aac":
    "aac", "m4a": "aac", "mp4": "aac", "mov": "pcm_s16le", "mkv": "libopus", "webm": "libopus", "avi":
    "pcm_s16le", "ts": "aac", "mpg": "mp2", "flv": "aac", "wmv": "wmav2",
}  # fmt: skip
"""Of the sound, by extension."""
PICTURES = {
    "mp4": "libx264", "mov": "libx264", "mkv": "libx264", "webm": "libvpx", "avi": "mpeg4", "ts": "libx264",
    "mpg": "mpeg2video", "flv": "flv", "wmv": "wmv2",
}  # fmt: skip
"""Of the picture, by extension."""
FPS = 25


def write_sound(
    path: Path,
    samples: Float32Array,
    rate: int = 16_000,
    *,
    codec: str | None = None,
    layout: str = "mono",
    flash_s: float | None = None,
    pts: list[int] | None = None,
) -> Path:
    """Encode samples, (n,) or (channels, n) in [-1, 1].

    Args:
        flash_s: with a picture, black but for a frame of white at this time.
        pts: times of stretches of 1,024 samples in samples, where they do not follow each other.
    """
    suffix = path.suffix.removeprefix(".")
    channels = np.atleast_2d(samples)
    with av.open(str(path), "w") as container:
        sound = container.add_stream(codec or CODECS[suffix], rate=rate, layout=layout)
        if sound.codec_context.name == "wmav2":
            sound.bit_rate = 96_000  # the default is none that it takes
        video = None
        if flash_s is not None:
            video = container.add_stream(PICTURES[suffix], rate=FPS)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
        if video is not None:
            for index in range(int(channels.shape[1] / rate * FPS)):
                level = 255 if index == round((flash_s or 0) * FPS) else 0
                frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), level, np.uint8), format="rgb24")
                frame.pts, frame.time_base = index, Fraction(1, FPS)
                container.mux(video.encode(frame))
            container.mux(video.encode(None))
        kind = sound.codec_context.format.name.removesuffix("p")
        resampler = av.AudioResampler(format=sound.codec_context.format, layout=layout, rate=rate)
        for number, start in enumerate(range(0, channels.shape[1], 1024)):
            part = channels[:, start : start + 1024].T.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format="flt", layout=layout)
            frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
            frame.pts = pts[number] if pts else start
            for item in [frame] if kind == "flt" and not resampler else resampler.resample(frame):
                container.mux(sound.encode(item))
        container.mux(sound.encode(None))
    return path


def beep(
    at_s: float, length_s: float, rate: int = 16_000, *, hz: float = 1_000, tone_s: float = 0.2
) -> Float32Array:
    """Silence with a tone of constant loudness in it, 0.5 of full scale."""
    samples = np.zeros(round(length_s * rate), np.float32)
    times = np.arange(round(tone_s * rate)) / rate
    start = round(at_s * rate)
    samples[start : start + len(times)] = 0.5 * np.sin(2 * np.pi * hz * times)
    return samples


def find_onset(samples: Float32Array, rate: int) -> float:
    """When something is heard first, in seconds."""
    return float(np.argmax(np.abs(samples) > 0.2) / rate)
