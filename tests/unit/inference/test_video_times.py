"""Files whose clock jumps, wraps, or tells the order of decoding alone: every frame has its place."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from fer_core.inference.video import annotate_video
from fer_core.inference.video_reader import open_video, read_frame
from fer_core.joined import PartFinder
from fer_core.sound.decode import read_sound
from tests.unit.inference.test_video import stream
from tests.unit.inference.videos import frame_times, make_video

EVERY_40_MS = [40 * index for index in range(50)]


def join(target: Path, parts: Sequence[Path]) -> Path:
    """Put recordings together as `cat` does it: each begins with times of its own."""
    target.write_bytes(b"".join(part.read_bytes() for part in parts))
    return target


def make_ts(path: Path, num_frames: int = 25, first_ms: int = 0, **options: object) -> Path:
    times = [first_ms + 40 * index for index in range(num_frames)]
    codec = "mpeg2video" if path.suffix == ".mpg" else "libx264"
    base = Fraction(1, 25 if codec == "mpeg2video" else 1000)
    return make_video(path, num_frames, fps=25, times=times, codec=codec, time_base=base, **options)  # type: ignore[arg-type]


def read_times(path: Path) -> list[float]:
    with open_video(path) as reader:
        return [frame.time_s for frame in reader.frames()]


@pytest.mark.parametrize(("kind", "later_ms"), [("ts", 0), ("mpg", 0), ("ts", 3 * 3_600_000)])
def test_recordings_put_together_follow_one_another(tmp_path: Path, kind: str, later_ms: int) -> None:
    parts = [make_ts(tmp_path / f"one.{kind}"), make_ts(tmp_path / f"two.{kind}", first_ms=later_ms)]
    source = join(tmp_path / f"both.{kind}", parts)
    summary = annotate_video(source, tmp_path / "out.mp4", stream())
    assert frame_times(tmp_path / "out.mp4") == pytest.approx([time / 1000 for time in EVERY_40_MS], abs=2e-3)
    assert (summary.num_frames, summary.source.fps) == (50, pytest.approx(25, abs=0.1))
    assert summary.source.duration_s == pytest.approx(2.0, abs=0.05)
    assert any("made of 2 recordings" in note for note in summary.notes)


@pytest.mark.parametrize("kind", ["ts", "mkv"])
def test_a_long_pause_is_one(tmp_path: Path, kind: str) -> None:
    """With B-frames, whose times of display jump before those of decoding."""
    times = [40 * index + 15_000 * (index >= 25) for index in range(50)]
    with open_video(make_video(tmp_path / f"in.{kind}", 50, fps=25, times=times, sound="aac")) as reader:
        shown = [frame.time_s for frame in reader.frames()]
        assert reader.notes == ()
    assert np.subtract(shown, shown[0]) == pytest.approx([time / 1000 for time in times], abs=2e-3)


@pytest.mark.parametrize("missing_s", [0.0, 0.4])
def test_sound_stays_with_its_picture(tmp_path: Path, missing_s: float) -> None:
    """In each part, also where its sound ends before its picture; and what is heard is where it is played."""
    part = make_ts(tmp_path / "one.ts", sound="aac", sound_s=1 - missing_s)
    source = join(tmp_path / "both.ts", [part] * 3)
    summary = annotate_video(source, tmp_path / "out.mp4", stream())
    with av.open(str(tmp_path / "out.mp4")) as result:
        sounds = [float(packet.pts * packet.time_base) for packet in result.demux(audio=0) if packet.size]
    pictures = frame_times(tmp_path / "out.mp4")
    begins = [sounds[0], *(after for before, after in pairwise(sounds) if after - before > 0.2)]
    if missing_s:
        apart = np.subtract([pictures[25 * number] for number in range(3)], begins)
        assert np.ptp(apart) < 0.002
    else:
        assert len(begins) == 1 and np.diff(pictures).max() < 0.2
    assert any("made of 3 recordings" in note for note in summary.notes)
    heard = read_sound(source)
    assert heard.duration_s + heard.start_s == pytest.approx(max(sounds) + 0.064, abs=0.15)


@pytest.mark.parametrize(
    ("kind", "times", "is_placed"),
    [
        ("data", [0.0, 15.0, 0.0, 15.0, 0.0], True),
        ("video", [0.0, 0.04, 9.0, 0.08, 0.12, 0.16], True),
        ("video", [0.0, 0.04, 9000.0, 0.08, 0.12, 0.16], True),
        ("video", [0.0, 0.04, 0.08, 0.12, 0.16, 0.01, 0.2], True),
        ("video", [0.0, 0.04, 0.08, 0.12, 0.16, 0.0, 0.04], False),
    ],
    ids=[
        "a packet of data now and then",
        "one time too late",
        "hours too late",
        "one time too early",
        "nothing between",
    ],
)
def test_what_is_no_join(tmp_path: Path, kind: str, times: list[float], is_placed: bool) -> None:
    with av.open(str(make_ts(tmp_path / "in.ts"))) as container:
        finder = PartFinder(container)
    for number, time_s in enumerate(times):
        ticks = round(90_000 * time_s)
        packet = SimpleNamespace(
            stream=SimpleNamespace(index=0, type=kind),
            dts=ticks,
            pts=ticks,
            pos=188 * number if is_placed else None,
            time_base=Fraction(1, 90_000),
        )
        finder.add(packet)  # type: ignore[arg-type]
    assert finder.find().num_joins == 0


def test_a_time_is_found_behind_a_jump(tmp_path: Path) -> None:
    """By its place in the film, where seeking by the file's own times would lead elsewhere."""
    source = join(tmp_path / "both.ts", [make_ts(tmp_path / "one.ts")] * 2)
    with open_video(source) as reader:
        whole = [(frame.time_s, frame.image_rgb.mean()) for frame in reader.frames()]
    for from_s in (0.5, 1.3):
        with open_video(source) as reader:
            later = [(frame.time_s, frame.image_rgb.mean()) for frame in reader.frames(from_s=from_s)]
        assert later == [item for item in whole if item[0] >= from_s]
    with open_video(source) as reader:
        for time_s, index in ((1.4, 35), (0.2, 5), (0.21, 5), (1.99, 49), (60.0, 49)):
            found = reader.seek(time_s)
            assert (found.time_s, found.image_rgb.mean()) == whole[index]
    assert read_frame(source, 1.4).mean() == pytest.approx(whole[35][1])


def test_a_recording_that_begins_before_its_counter_wraps(tmp_path: Path) -> None:
    """33 bits of 90 kHz, ISO/IEC 13818-1, 2.4.3.7. FFmpeg 8.1 tells times before 0, and starts below 0."""
    path, wraps_at = tmp_path / "in.ts", 2**33
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"bf": "0"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.codec_context.time_base = video.time_base = Fraction(1, 90_000)
        for index in range(40):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 5 * index, np.uint8), format="rgb24")
            frame.pts, frame.time_base = wraps_at - 20 * 3600 + 3600 * index, Fraction(1, 90_000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    with av.open(str(path)) as container:
        assert container.start_time < 0
    assert read_times(path) == pytest.approx([index / 25 for index in range(40)], abs=2e-3)


def test_avi_tells_the_order_of_decoding_alone(tmp_path: Path) -> None:
    """PyAV 18.1 gives frames of AVI with B-frames the times of their packets, out of order."""
    source = make_video(tmp_path / "in.avi", 25, fps=25, times=EVERY_40_MS[:25], time_base=Fraction(1, 25))
    with av.open(str(source)) as container:
        told = [frame.pts for frame in container.decode(video=0)]
    assert told != sorted(told)
    assert read_times(source) == pytest.approx([time / 1000 for time in EVERY_40_MS[:25]], abs=1e-3)


def test_mpeg_ts_is_read_from_before_its_second_key_frame(tmp_path: Path) -> None:
    """Seeking to where a TS begins finds the key frame after the first (PyAV 18.1, FFmpeg 8.1)."""
    source = make_ts(tmp_path / "in.ts", 350, gop_size=300, noisy=True)
    with open_video(source) as reader:
        later = [frame.time_s for frame in reader.frames(from_s=10)]
    assert later == [time for time in read_times(source) if time >= 10]
    assert later[0] == pytest.approx(10, abs=0.05)


def test_behind_the_end_there_is_nothing(tmp_path: Path) -> None:
    with open_video(make_ts(tmp_path / "in.ts")) as reader:
        assert list(reader.frames(from_s=20)) == []


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        *(("in.mp4", "libx264"), ("in.mkv", "libx264"), ("in.ts", "libx264"), ("in.avi", "libx264")),
        *(("in.flv", "flv"), ("in.webm", "libvpx"), ("in.mpg", "mpeg2video"), ("in.wmv", "wmv2")),
    ],
)
def test_seeking_shows_the_frame_of_that_time(tmp_path: Path, name: str, codec: str) -> None:
    """Containers find key frames by other times, by bytes, or a unit too late."""
    base = Fraction(1, 25) if codec in {"mpeg2video", "libx264"} else Fraction(1, 1000)
    times = [40 * index for index in range(120)]
    source = make_video(
        tmp_path / name, 120, fps=25, times=times, codec=codec, time_base=base, gop_size=50, noisy=True
    )
    with open_video(source) as reader:
        whole = [(frame.time_s, frame.image_rgb.sum()) for frame in reader.frames()]
    assert len(whole) == 120
    with open_video(source) as reader:
        for index in (119, 101, 100, 99, 51, 50, 2, 0, 118):
            for time_s in (whole[index][0], whole[index][0] + 0.02):
                found = reader.seek(time_s)
                assert (found.time_s, found.image_rgb.sum()) == whole[index]
        assert reader.seek(500).image_rgb.sum() == whole[-1][1], (
            "the last one; its time is guessed in MPEG-PS"
        )
    for index in (119, 100, 60, 1):
        with open_video(source) as reader:
            later = [(frame.time_s, frame.image_rgb.sum()) for frame in reader.frames(from_s=whole[index][0])]
        assert later == whole[index:]
