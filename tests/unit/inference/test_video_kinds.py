"""What is read of each kind of file, beside what its header says."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fer_core.errors import MediaError
from fer_core.inference.video import annotate_video, probe_video, read_frame
from fer_core.inference.video_reader import open_video
from tests.unit.inference.test_video import stream
from tests.unit.inference.test_video_faults import check_refused
from tests.unit.inference.videos import make_video


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        *(("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.webm", "libvpx"), ("a.mov", "libx264")),
        *(("a.ts", "libx264"), ("a.flv", "flv"), ("a.wmv", "wmv2"), ("a.mpg", "mpeg2video")),
        *(("a.avi", "mpeg4"), ("a.mts", "libx264"), ("a.3gp", "mpeg4")),
    ],
)
def test_frames_length_and_rate_are_counted_whatever_the_container_says(
    tmp_path: Path, name: str, codec: str
) -> None:
    """PyAV 18.1: MPEG says 1 frame, Matroska counts from 0 however late a file begins."""
    is_fixed = codec in {"mpeg2video", "mpeg4"}
    times = [40 * index for index in range(10)] if is_fixed else [2000 + 40 * index for index in range(10)]
    time_base = Fraction(1, 25 if codec == "mpeg2video" else 1000)
    source = make_video(tmp_path / name, 10, fps=25, times=times, codec=codec, time_base=time_base)
    with open_video(source) as reader:
        info, frames = reader.info, list(reader.frames())
    assert (info.num_frames, len(frames)) == (10, 10)
    assert (info.fps, info.duration_s) == pytest.approx((25, 0.4), abs=0.003)
    assert [frame.time_s for frame in frames] == pytest.approx([index / 25 for index in range(10)], abs=1e-3)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm"])
def test_a_variable_rate_is_the_mean_of_what_is_there(tmp_path: Path, name: str) -> None:
    times = [0, 10, 50, 60, 200, 210, 500, 510, 900, 1000]
    codec = "libvpx" if name == "a.webm" else "libx264"
    info = probe_video(make_video(tmp_path / name, 10, fps=25, times=times, codec=codec))
    assert info.num_frames == 10
    assert info.fps == pytest.approx(9.9, abs=0.4), "not the 25 of the header"


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF"])
def test_an_animated_picture_is_a_video_with_its_own_times(tmp_path: Path, kind: str) -> None:
    """Shown for 100, 500, 20 and 1000 ms; a sixth frame of 0 ms, as browsers show it: for 100."""
    pictures = [Image.new("RGB", (64, 48), (level, level, level)) for level in (0, 50, 100, 150, 200)]
    path = tmp_path / f"a.{kind.lower()}"
    shown_ms = [100, 500, 20, 1000, 0 if kind in {"GIF", "WEBP"} else 100]
    pictures[0].save(path, kind, save_all=True, append_images=pictures[1:], duration=shown_ms)
    summary = annotate_video(path, tmp_path / "out.mp4", stream(), table=tmp_path / "rows.csv")
    assert (summary.num_frames, summary.source.num_frames) == (5, 5)
    assert summary.source.fps == pytest.approx(5 / 1.72, rel=0.02)
    assert pd.read_csv(tmp_path / "rows.csv")["time_s"].tolist() == pytest.approx([0, 0.1, 0.6, 0.62, 1.62])
    for time_s, level in ((0.0, 0), (0.3, 50), (0.61, 100), (1.0, 150), (9.0, 200)):
        assert read_frame(path, time_s).mean() == pytest.approx(level, abs=4), time_s


@pytest.mark.parametrize("kind", ["WEBP", "PNG", "AVIF"])
def test_a_still_picture_is_no_video(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind.lower()}"
    Image.new("RGB", (64, 48)).save(path, kind)
    check_refused(path, "one picture, no video.*fer predict")


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_an_animation_that_was_cut_short_is_done_as_far_as_it_goes(tmp_path: Path, kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (6, 48, 64, 3), dtype=np.uint8)
    pictures = [Image.fromarray(item) for item in noise]
    path = tmp_path / "a.bin"
    pictures[0].save(path, kind, save_all=True, append_images=pictures[1:], duration=100)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    try:
        with open_video(path) as reader:
            assert 0 < len(list(reader.frames())) < 6
    except MediaError as error:
        assert "damaged" in str(error)


def test_a_heic_picture_is_no_video_whose_first_tile_is_read(tmp_path: Path) -> None:
    """FFmpeg's reader of MP4 opens HEIC, too."""
    path = tmp_path / "in.mp4"
    path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    check_refused(path, "HEIC")


def test_a_file_that_ends_before_its_time_is_told(tmp_path: Path) -> None:
    """Matroska has no index of its frames to miss: only its length tells."""
    source = make_video(tmp_path / "whole.mkv", 100, size=(320, 240))
    assert annotate_video(source, tmp_path / "out.mp4", stream()).notes == ()
    (tmp_path / "in.mkv").write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    summary = annotate_video(tmp_path / "in.mkv", tmp_path / "out.mp4", stream())
    assert summary.num_frames < 90 and "cut off" in summary.notes[0]


def test_frames_before_the_first_whole_one_are_told(tmp_path: Path) -> None:
    """A recording that was cut in between two key frames."""
    source = make_video(tmp_path / "whole.mkv", 60, fps=25)
    with av.open(str(source)) as given, av.open(str(tmp_path / "in.mkv"), "w") as result:
        track = result.add_stream_from_template(given.streams.video[0])
        for number, packet in enumerate(given.demux(video=0)):
            if packet.size and number >= 5:
                packet.stream = track
                result.mux(packet)
    try:
        summary = annotate_video(tmp_path / "in.mkv", tmp_path / "out.mp4", stream())
    except MediaError as error:
        assert "no frame in it that can be decoded" in str(error)
    else:
        assert f"{summary.num_frames} of about 55 frames" in " ".join(summary.notes)


def test_pixels_that_change_their_shape_are_shown_in_it(tmp_path: Path) -> None:
    """As in broadcasts that go from 4:3 to 16:9. PyAV 18.1: the stream keeps the first shape."""
    parts = [
        make_video(tmp_path / f"{number}.ts", 5, size=(60, 60), pixel_aspect=aspect)
        for number, aspect in enumerate((Fraction(1), Fraction(4, 3)))
    ]
    (tmp_path / "both.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    with open_video(tmp_path / "both.ts") as reader:
        sizes = [frame.picture.size for frame in reader.frames()]
        assert reader.notes[-1] == (
            "The picture changes its size (60 x 60, 80 x 60 px); it was fitted into the first with bars."
        )
        assert (reader.info.width_px, reader.info.height_px) == (60, 60)
    with open_video(tmp_path / "both.ts") as reader:
        assert [frame.picture.size for frame in reader.frames(from_s=0.75)] == [(80, 60)] * 2
    with open_video(tmp_path / "both.ts") as reader:
        assert [reader.seek(time_s).picture.size for time_s in (0.9, 0.45)] == [(80, 60), (60, 60)]
    assert sizes == [(60, 60)] * 5 + [(80, 60)] * 5


def test_a_picture_that_begins_minutes_after_its_sound(tmp_path: Path) -> None:
    """Its packets are kept until then: 65 s of AAC are more than 1,000."""
    source = tmp_path / "in.mkv"
    with av.open(str(source), "w") as container:
        video, audio = container.add_stream("libx264", rate=25), container.add_stream("aac", rate=48_000)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for number in range(65 * 48_000 // 1024):
            silence = av.AudioFrame.from_ndarray(
                np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
            )
            silence.sample_rate, silence.pts = 48_000, 1024 * number
            container.mux(audio.encode(silence))
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")
            frame.pts, frame.time_base = 60 * 25 + number, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    summary = annotate_video(source, tmp_path / "out.mp4", stream(), table=tmp_path / "rows.csv")
    assert summary.num_frames == 3
    assert pd.read_csv(tmp_path / "rows.csv")["time_s"].tolist() == pytest.approx(
        [60, 60.04, 60.08], abs=0.03
    )
