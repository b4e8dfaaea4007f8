"""Small videos made for tests, with PyAV alone."""

from collections.abc import Sequence
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
    sound_rate: int = SAMPLE_RATE,
    rotation: int = 0,
    mirrored: bool = False,
    pixel_aspect: Fraction | None = None,
    time_base: Fraction = Fraction(1, 1000),
    noisy: bool = False,
    gop_size: int = 12,
    sound_s: float | None = None,
) -> Path:
    """A video whose frame i has brightness 16 + 8 i; its upper left quarter is dark. Or one of noise.

    `times` are the frames' times in ms (otherwise they are 1000 / fps apart); `sound` is a codec.
    """
    width, height = size
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=fps)
        video.width, video.height, video.pix_fmt = width, height, pix_fmt
        video.codec_context.time_base = video.time_base = time_base
        video.codec_context.gop_size = gop_size
        if rotation or mirrored:
            video.set_display_rotation(rotation, hflip=mirrored)
        if pixel_aspect:
            video.codec_context.sample_aspect_ratio = pixel_aspect
        audio = container.add_stream(sound, rate=sound_rate) if sound else None
        container.start_encoding()
        for index in range(num_frames):
            image = np.full((height, width, 3), 16 + 8 * index % 240, np.uint8)
            image[: height // 2, : width // 2] = 0
            if noisy:
                image = np.random.default_rng(index).integers(0, 256, image.shape, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = times[index] if times else index * 1000 // fps
            frame.time_base = Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            seconds = num_frames / fps if sound_s is None else sound_s
            wave = np.sin(440 * 2 * np.pi * np.arange(int(sound_rate * seconds)) / sound_rate)
            for start in range(0, len(wave), 1024):
                samples = av.AudioFrame.from_ndarray(
                    (8000 * wave[None, start : start + 1024]).astype(np.int16), format="s16", layout="mono"
                )
                samples.sample_rate, samples.pts = sound_rate, start
                container.mux(audio.encode(samples))
            container.mux(audio.encode(None))
    return path


def make_turned_video(path: Path, sizes: Sequence[tuple[int, int]], num_frames: int) -> Path:
    """VP8 whose picture changes its size in mid-file, as of a phone that is turned; 25 frames a second."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libvpx", rate=25)
        (video.width, video.height), video.pix_fmt = sizes[0], "yuv420p"
        video.codec_context.time_base = video.time_base = Fraction(1, 1000)
        time_ms = 0
        for number, (width, height) in enumerate(sizes):
            encoder = video.codec_context
            if number:
                encoder = av.CodecContext.create("libvpx", "w")
                encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
                encoder.time_base, encoder.framerate = Fraction(1, 1000), Fraction(25)
            packets = []
            for _ in range(num_frames):
                frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), 200, np.uint8), format="rgb24")
                frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
                time_ms += 40
                packets += encoder.encode(frame)
            for packet in [*packets, *encoder.encode(None)]:
                packet.stream, packet.time_base = video, Fraction(1, 1000)
                container.mux(packet)
    return path


def repeat_sound_times(source: Path, target: Path) -> Path:
    """Copy a file; its tenth sound packet gets the times of the ninth, as browsers write them under load."""
    with av.open(str(source)) as given, av.open(str(target), "w") as result:
        tracks = {stream: result.add_stream_from_template(stream) for stream in given.streams}
        num_sounds, last = 0, None
        for packet in given.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "audio":
                num_sounds += 1
                if num_sounds == 10:
                    packet.pts = packet.dts = last
                last = packet.dts
            packet.stream = tracks[packet.stream]
            result.mux(packet)
    return target


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
