"""What annotating a video costs on top of decoding and encoding it, and whether memory grows with its length.

    python benchmarks/video.py                                  # ../shared/media/videos, the shipped model
    python benchmarks/video.py clip.mp4 --model mini-xception   # other videos, another model

Each repeat times the plain transcode (FFmpeg's frames go from decoder to encoder as they are, same encoder
settings, no sound) and the annotation one after the other, so that both see the same load of the machine. The
processor time of all threads is reported beside the wall time: its ratio does not depend on that load.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Annotated, NamedTuple

import av
import tyro

from fer_core.cli.streams import build_stream
from fer_core.inference.stream import FaceStream
from fer_core.inference.video import FILE_TEMPORAL, EncoderSettings, annotate_video, probe_video
from fer_core.inference.video_writer import DEFAULT_ENCODER
from fer_core.workspace import PROJECT_ROOT

VIDEOS = PROJECT_ROOT.parent / "shared" / "media" / "videos"
TARGET_RATIO = 2.0
TARGET_GROWTH = 0.10
NUM_LOOPS = 10


class Cost(NamedTuple):
    wall_s: float
    cpu_s: float


def main(  # noqa: PLR0913 - the options
    videos: Annotated[tuple[Path, ...], tyro.conf.Positional] = (),
    *,
    model: str | None = None,
    detector: str | None = None,
    detect_every: int = FILE_TEMPORAL.detect_every,
    encoder: EncoderSettings = DEFAULT_ENCODER,
    threads: int = 0,
    repeats: int = 5,
    memory: bool = True,
    only_annotate: bool = False,
) -> int:
    """Measure.

    Args:
        videos: files to annotate; all of ../shared/media/videos, if not given.
        model: a checkpoint's name; the first there is, if not given.
        detector: a name in the detector registry; the best that is installed, if not given.
        detect_every: look for faces in every so-many-th frame.
        encoder: compression, of both.
        threads: of torch and OpenCV; 0 is what the program takes by itself.
        repeats: measurements of each video; the median of their ratios counts.
        memory: also compare peak memory with that of the video played ten times.
        only_annotate: annotate once and print the peak memory in MB (used for the above).
    """
    files = videos or tuple(sorted(VIDEOS.glob("*.mp4")))
    if not files:
        sys.exit(f"no videos in {VIDEOS}; name some")
    stream = build_stream(
        model,
        detector,
        detect_every=detect_every,
        smoothing=FILE_TEMPORAL.smoothing_s,
        threads=threads,
        runtime="auto",
        device="auto",
        prior="training",
    )
    with tempfile.TemporaryDirectory() as folder:
        if only_annotate:
            annotate_video(files[0], Path(folder) / "out.mp4", stream, encoder=encoder)
            print(own_peak_mb())
            return 0
        print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {encoder}")
        for video in files:
            print_speed(video, stream, encoder, Path(folder), repeats)
        if memory:
            for video in files:
                print_memory(video, model, detector, Path(folder))
    return 0


def print_speed(
    video: Path, stream: FaceStream, encoder: EncoderSettings, folder: Path, repeats: int
) -> None:
    def plain() -> None:
        transcode(video, folder / "plain.mp4", encoder)

    def annotated() -> None:
        annotate_video(video, folder / "annotated.mp4", stream, encoder=encoder)

    annotated()  # libraries load, networks warm up
    pairs = [(measure(plain), measure(annotated)) for _ in range(repeats)]
    num_frames = probe_video(video).num_frames or 1
    print(f"\n{video.name}: {num_frames} frames")
    for name, index in (("wall", 0), ("processor", 1)):
        ratio = statistics.median(pair[1][index] / pair[0][index] for pair in pairs)
        per_frame = [
            1000 * statistics.median(pair[side][index] for pair in pairs) / num_frames for side in (0, 1)
        ]
        print(
            f"  {name:9} time per frame: transcode {per_frame[0]:5.2f} ms, annotate {per_frame[1]:5.2f} ms, "
            f"ratio {ratio:.2f}"
        )
    best = min(pair[1].wall_s for pair in pairs) / min(pair[0].wall_s for pair in pairs)
    print(f"  ratio of the fastest wall times: {best:.2f} (target {TARGET_RATIO:.1f})")


def measure(action: Callable[[], None]) -> Cost:
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu)


def transcode(source: Path, target: Path, encoder: EncoderSettings) -> None:
    """Decode and encode alone."""
    with (
        av.open(str(source)) as reader,
        av.open(str(target), "w", options={"movflags": "+faststart"}) as writer,
    ):
        decoded = reader.streams.video[0]
        decoded.thread_type = "AUTO"
        encoded = writer.add_stream("libx264", rate=decoded.average_rate)
        encoded.width, encoded.height, encoded.pix_fmt = decoded.width, decoded.height, "yuv420p"
        encoded.codec_context.time_base = decoded.time_base
        encoded.codec_context.gop_size = round(2 * (decoded.average_rate or Fraction(30)))
        encoded.codec_context.options = {"crf": str(encoder.crf), "preset": encoder.preset}
        for frame in reader.decode(decoded):
            frame.pict_type = 0
            writer.mux(encoded.encode(frame))
        writer.mux(encoded.encode(None))


def print_memory(video: Path, model: str | None, detector: str | None, folder: Path) -> None:
    looped = folder / f"looped-{video.name}"
    loop(video, looped, NUM_LOOPS)
    single, long = (peak_memory_mb(path, model, detector) for path in (video, looped))
    growth = long / single - 1
    print(
        f"\n{video.name}: peak memory {single:.0f} MB; {NUM_LOOPS} times as long {long:.0f} MB "
        f"({growth:+.1%}, target within {TARGET_GROWTH:.0%})"
    )


def loop(source: Path, target: Path, times: int) -> None:
    """Write the pictures of a video several times over, without compressing them anew."""
    with av.open(str(target), "w") as writer:
        written, offset = None, 0
        for _ in range(times):
            with av.open(str(source)) as reader:
                video = reader.streams.video[0]
                written = written or writer.add_stream_from_template(video)
                for packet in reader.demux(video):
                    if packet.size and packet.pts is not None and packet.dts is not None:
                        packet.pts, packet.dts, packet.stream = (
                            packet.pts + offset,
                            packet.dts + offset,
                            written,
                        )
                        writer.mux(packet)
                offset += video.duration or 0


def own_peak_mb() -> float:
    """Most memory this process ever held; ru_maxrss would count what its parent held when it was started."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def peak_memory_mb(video: Path, model: str | None, detector: str | None) -> float:
    command = [sys.executable, __file__, str(video), "--only-annotate"]
    command += ["--model", model] if model else []
    command += ["--detector", detector] if detector else []
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
