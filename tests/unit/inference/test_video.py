"""Annotating videos: what comes out of the usual, the odd and the broken ones."""

import errno
import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest

from fer_core.errors import ConfigError
from fer_core.inference.frames import RgbFrame
from fer_core.inference.overlay import OverlayPainter, OverlayStyle
from fer_core.inference.stream import FaceStream
from fer_core.inference.tracker import TemporalConfig
from fer_core.inference.video import annotate_video, batch_frames
from fer_core.inference.video_reader import open_video, probe_video, read_frame
from fer_core.inference.video_summary import Progress
from fer_core.inference.video_types import VideoFrame, VideoInfo
from fer_core.inference.video_writer import EncoderSettings, create_video
from tests.unit.inference.fakes import CLASSES, FakeDetector, FakePredictor, box
from tests.unit.inference.videos import (
    frame_times,
    make_turned_video,
    make_video,
    repeat_sound_times,
    top_level_boxes,
)


def stream(num_faces: int = 1) -> FaceStream:
    boxes = [box(4 + 30 * index, 8, 20, 24) for index in range(num_faces)]
    return FaceStream(FakeDetector(boxes), FakePredictor(), TemporalConfig(smoothing_s=0))


def streams_of(path: Path) -> dict[str, str]:
    with av.open(str(path)) as container:
        return {item.type: item.codec_context.name for item in container.streams}


# What comes out


def test_the_result_plays_in_a_browser(tmp_path: Path) -> None:
    summary = annotate_video(make_video(tmp_path / "in.mp4"), tmp_path / "out.mp4", stream())
    with av.open(str(tmp_path / "out.mp4")) as container:
        (video,) = container.streams.video
        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (video.width, video.height) == (64, 48)
    boxes = top_level_boxes(tmp_path / "out.mp4")
    assert boxes.index("moov") < boxes.index("mdat"), "faststart: the index is in front"
    assert summary.num_frames == 12 and summary.num_rows == 12 and summary.num_faces == 1
    assert summary.notes == () and not summary.was_cancelled
    assert summary.mean_shares["happiness"] + summary.mean_shares["sadness"] == pytest.approx(1)


def test_faces_are_drawn_and_the_rest_is_as_it_was(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", size=(320, 240))
    small = FaceStream(FakeDetector([box(200, 20, 60, 80)]), FakePredictor())
    annotate_video(source, tmp_path / "out.mp4", small, encoder=EncoderSettings(crf=1))
    before, after = (read_frame(path, 0.5).astype(int) for path in (source, tmp_path / "out.mp4"))
    assert np.abs(before - after)[130:, 20:].max() <= 6, "the lower part shows no face"
    assert np.abs(before - after)[20:100, 190:270].max() > 50


def test_odd_sides_are_padded(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mkv", size=(63, 47), codec="ffv1", pix_fmt="yuv444p")
    annotate_video(source, tmp_path / "out.mp4", stream())
    info = probe_video(tmp_path / "out.mp4")
    assert (info.width_px, info.height_px) == (64, 48)


def test_variable_frame_rates_keep_their_times(tmp_path: Path) -> None:
    times = [0, 40, 50, 300, 333, 900, 901, 2000]
    source = make_video(tmp_path / "in.mkv", num_frames=len(times), times=times)
    annotate_video(source, tmp_path / "out.mp4", stream(), table=tmp_path / "rows.csv")
    assert frame_times(tmp_path / "out.mp4") == pytest.approx([time / 1000 for time in times], abs=0.0011)
    assert pd.read_csv(tmp_path / "rows.csv")["time_s"].tolist() == [time / 1000 for time in times]


@pytest.mark.parametrize(
    ("sound", "container", "expected"),
    [("aac", "in.mp4", "aac"), ("mp3", "in.mkv", "mp3float"), ("pcm_s16le", "in.mkv", "aac")],
)
def test_sound_is_kept(tmp_path: Path, sound: str, container: str, expected: str) -> None:
    source = make_video(tmp_path / container, num_frames=20, sound=sound)
    annotate_video(source, tmp_path / "out.mp4", stream())
    assert streams_of(tmp_path / "out.mp4")["audio"] == expected
    with av.open(str(tmp_path / "out.mp4")) as result:
        samples = np.concatenate([frame.to_ndarray()[0] for frame in result.decode(audio=0)])
        duration_s = len(samples) / 16_000
        spectrum = np.abs(np.fft.rfft(samples))
        pitch = np.fft.rfftfreq(len(samples), 1 / 16_000)[spectrum.argmax()]
    assert duration_s == pytest.approx(2.0, abs=0.2)
    assert pitch == pytest.approx(440, abs=5)


# PyAV 18.1 tells a clip that is mirrored left-right as one turned by 180 degrees, and a turned and mirrored
# one as turned alone: only the display matrix itself (ISO/IEC 14496-12, 6.2.2) says which.
@pytest.mark.parametrize(
    ("rotation", "mirrored", "dark"),
    [
        (90, False, "lower left"),
        (180, False, "lower right"),
        (270, False, "upper right"),
        (0, True, "upper right"),
        (180, True, "lower left"),
        (90, True, "lower right"),
        (270, True, "upper left"),
    ],
)
def test_turned_and_mirrored_videos_come_out_upright(
    tmp_path: Path, rotation: int, mirrored: bool, dark: str
) -> None:
    source = make_video(tmp_path / "in.mp4", rotation=rotation, mirrored=mirrored)
    sizes = []

    class Looking(FakeDetector):
        def detect(self, image_rgb):  # type: ignore[no-untyped-def]
            sizes.append(image_rgb.shape)
            return super().detect(image_rgb)

    annotate_video(source, tmp_path / "out.mp4", FaceStream(Looking([]), FakePredictor()))
    upright = (48, 64) if rotation % 180 == 0 else (64, 48)
    info = probe_video(tmp_path / "out.mp4")
    assert (info.height_px, info.width_px) == upright
    assert {shape[:2] for shape in sizes} == {upright}
    # The dark quarter, upper left before, turns counter-clockwise, and is mirrored after that.
    image = read_frame(tmp_path / "out.mp4", 1.0).mean(axis=2)
    height, width = image.shape
    quarters = {
        "upper left": image[: height // 2, : width // 2],
        "upper right": image[: height // 2, width // 2 :],
        "lower left": image[height // 2 :, : width // 2],
        "lower right": image[height // 2 :, width // 2 :],
    }
    assert min(quarters, key=lambda name: quarters[name].mean()) == dark


@pytest.mark.parametrize(
    ("aspect", "width"), [(Fraction(4, 3), 128), (Fraction(1, 2), 48), (Fraction(1, 9999), 96)]
)
def test_pixels_that_are_not_square_are_read_in_their_true_shape(
    tmp_path: Path, aspect: Fraction, width: int
) -> None:
    source = make_video(tmp_path / "in.mp4", size=(96, 48), pixel_aspect=aspect)
    annotate_video(source, tmp_path / "out.mp4", stream())
    assert read_frame(source, 0.5).shape == (48, width, 3), "an impossible shape is none"
    info = probe_video(tmp_path / "out.mp4")
    assert (info.width_px, info.height_px) == (width, 48)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].sample_aspect_ratio in (None, 0, 1)


def test_a_picture_that_changes_its_size_is_read_in_its_own_shape(tmp_path: Path) -> None:
    source = make_turned_video(tmp_path / "in.webm", [(128, 64), (64, 128)], num_frames=6)
    seen = []

    class Looking(FakeDetector):
        def detect(self, image_rgb):  # type: ignore[no-untyped-def]
            seen.append(image_rgb.shape[:2])
            return super().detect(image_rgb)

    faces = FaceStream(Looking([box(10, 8, 20, 24)]), FakePredictor(), TemporalConfig(detect_every=5))
    summary = annotate_video(source, tmp_path / "out.mp4", faces, table=tmp_path / "rows.csv")
    assert seen == [(64, 128), (64, 128), (128, 64), (128, 64)], "searched at once after the change"
    rows = pd.read_csv(tmp_path / "rows.csv")
    assert rows.groupby("track_id")["frame"].agg(["min", "max"]).to_numpy().tolist() == [[0, 5], [6, 11]]
    (note,) = summary.notes
    assert "128 x 64" in note and "64 x 128" in note
    with open_video(tmp_path / "out.mp4") as reader:
        last = list(reader.frames())[-1].image_rgb
    assert last.shape == (64, 128, 3)
    # 64 x 128 in 128 x 64 is 32 wide, in the middle
    assert last[:, :44].max() < 30 and last[:, 84:].max() < 30 and last[32, 52:76].min() > 150


def test_sound_whose_times_do_not_rise_is_kept(tmp_path: Path) -> None:
    plain = make_video(tmp_path / "plain.webm", codec="libvpx", sound="libopus", sound_rate=48_000)
    source = repeat_sound_times(plain, tmp_path / "in.webm")
    summary = annotate_video(source, tmp_path / "out.mp4", stream())
    assert summary.notes == () and summary.num_frames == 12
    with av.open(str(tmp_path / "out.mp4")) as result:
        times = [packet.dts for packet in result.demux(audio=0) if packet.dts is not None]
    assert len(times) > 20 and times == sorted(set(times))


def test_a_sound_rate_that_aac_does_not_have_is_resampled(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.avi", codec="mpeg4", sound="pcm_s16le", sound_rate=22_000, times=None)
    summary = annotate_video(source, tmp_path / "out.mp4", stream())
    assert summary.notes == ()
    with av.open(str(tmp_path / "out.mp4")) as result:
        (track,) = result.streams.audio
        assert (track.codec_context.name, track.codec_context.sample_rate) == ("aac", 22_050)
        assert sum(frame.samples for frame in result.decode(audio=0)) / 22_050 == pytest.approx(1.2, abs=0.1)


def test_sound_that_nobody_can_decode_is_left_out_and_said(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mkv", sound="aac")
    source.write_bytes(source.read_bytes().replace(b"A_AAC", b"A_XYZ"))
    summary = annotate_video(source, tmp_path / "out.mp4", stream())
    assert summary.num_frames == 12 and "audio" not in streams_of(tmp_path / "out.mp4")
    assert any("sound" in note for note in summary.notes)


def test_sound_that_the_muxer_refuses_ends_and_the_picture_goes_on(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", sound="aac")
    with (
        open_video(source) as reader,
        create_video(
            tmp_path / "out.mp4",
            size=(64, 48),
            rate=reader.rate,
            time_base=reader.time_base,
            audio=reader.audio,
        ) as writer,
    ):
        writer._sound.write = _refuse  # what a muxer says of packets that it can't take
        for frame in reader.frames(writer.write_audio):
            writer.write(frame.image_rgb, frame.pts)
    assert writer.num_frames == len(frame_times(tmp_path / "out.mp4")) == 12
    assert any("sound" in note for note in writer.notes)


def _refuse(packet: object) -> None:
    raise av.error.ArgumentError(errno.EINVAL, "Invalid argument")


def test_a_name_with_a_colon_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_video(tmp_path / "in.mp4").rename(tmp_path / "2024-01-01T10:30:12.mp4")
    monkeypatch.chdir(tmp_path)
    assert annotate_video(Path("2024-01-01T10:30:12.mp4"), Path("10:31.mp4"), stream()).num_frames == 12
    assert len(frame_times(tmp_path / "10:31.mp4")) == 12


def test_the_table_has_one_row_a_face_a_frame(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4")
    for name in ("rows.csv", "rows.parquet"):
        annotate_video(source, tmp_path / "out.mp4", stream(2), table=tmp_path / name)
    rows = pd.read_csv(tmp_path / "rows.csv")
    pd.testing.assert_frame_equal(rows, pd.read_parquet(tmp_path / "rows.parquet"), check_dtype=False)
    assert len(rows) == 24
    assert rows.columns.tolist() == [
        *("frame", "time_s", "num_faces", "track_id", "x", "y", "width", "height", "score", "roll", "yaw"),
        *("pitch", "height_px", "sharpness", "brightness", "usable", "label", "confidence"),
        *("expected_correctness", *CLASSES),
    ]
    assert rows.groupby("frame").size().eq(2).all()
    assert rows["track_id"].unique().tolist() == [1, 2]
    np.testing.assert_allclose(rows[list(CLASSES)].sum(axis=1), 1)
    assert (rows[list(CLASSES)].idxmax(axis=1) == rows["label"]).all()


def test_label_changes_and_shares_are_counted(tmp_path: Path) -> None:
    """Frame i has brightness 16 + 8 i around both faces: each label flips once on the way up."""
    bright = FakeDetector([box(36, 8, 20, 24), box(6, 27, 14, 16)])
    two = FaceStream(bright, FakePredictor(), TemporalConfig(smoothing_s=0))
    summary = annotate_video(make_video(tmp_path / "in.mp4", 28), tmp_path / "out.mp4", two)
    assert summary.num_label_changes == 2
    assert 0 < summary.mean_shares["happiness"] < 0.5


# Progress and cancelling


def test_progress_is_told_up_to_the_end(tmp_path: Path) -> None:
    seen: list[Progress] = []
    annotate_video(make_video(tmp_path / "in.mp4"), tmp_path / "out.mp4", stream(), on_progress=seen.append)
    assert seen[-1].num_done == 12 and seen[-1].fraction == 1.0 and seen[-1].remaining_s == 0
    assert Progress(num_done=10, num_total=40, fps=5.0).remaining_s == 6
    assert Progress(num_done=10, num_total=None, fps=5.0).remaining_s is None


def test_every_frame_is_shown_to_the_caller_in_its_own_thread(tmp_path: Path) -> None:
    numbers, threads = [], set()

    def look(number: int, _result: object) -> None:
        numbers.append(number)
        threads.add(threading.get_ident())

    annotate_video(make_video(tmp_path / "in.mp4"), tmp_path / "out.mp4", stream(), on_frame=look)
    assert numbers == list(range(12))
    assert threads == {threading.get_ident()}


def test_cancelling_keeps_what_is_done(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", 60, sound="aac")
    summary = annotate_video(
        source,
        tmp_path / "out.mp4",
        stream(),
        table=tmp_path / "rows.parquet",
        cancelled=lambda: True,
    )
    assert summary.was_cancelled and 0 < summary.num_frames < 60
    assert len(frame_times(tmp_path / "out.mp4")) == summary.num_frames
    assert len(pd.read_parquet(tmp_path / "rows.parquet")) == summary.num_frames
    assert "Stopped early" in summary.notes[0]


def test_a_video_without_a_face_finishes_and_says_so(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4")
    summary = annotate_video(source, tmp_path / "out.mp4", stream(0), table=tmp_path / "rows.csv")
    assert summary.num_frames == 12 and summary.num_rows == 0 and summary.mean_shares == {}
    assert summary.num_empty_frames == 12
    assert "No face was found" in summary.notes[0]
    rows = pd.read_csv(tmp_path / "rows.csv")
    assert rows["frame"].tolist() == list(range(12)) and rows["num_faces"].eq(0).all()
    assert rows["time_s"].tolist() == pytest.approx([index / 10 for index in range(12)])


# The table alone


def test_the_table_alone_is_that_of_the_video_and_nothing_is_drawn_or_encoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_video(tmp_path / "in.mp4", sound="aac")
    with_video = annotate_video(source, tmp_path / "out.mp4", stream(2), table=tmp_path / "a.csv")
    for refused in ("paint", "draw"):
        monkeypatch.setattr(OverlayPainter, refused, _refuse)
    monkeypatch.setattr("fer_core.inference.video.create_video", _refuse)
    alone = annotate_video(source, None, stream(2), table=tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()
    assert replace(alone, seconds=0) == replace(with_video, seconds=0)
    with pytest.raises(ConfigError, match="neither a video nor a table"):
        annotate_video(source, None, stream())


# Single frames


def test_the_frame_at_a_time(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", 25)
    for time_s, number in [(0.0, 0), (0.1, 1), (0.14, 1), (1.25, 12), (2.4, 24), (99.0, 24), (-1.0, 0)]:
        brightness = read_frame(source, time_s)[40, 50].mean()
        assert round((brightness - 16) / 8) == number, time_s


def test_what_a_video_says_of_itself(tmp_path: Path) -> None:
    info = probe_video(make_video(tmp_path / "in.mp4", 30, sound="aac"))
    assert (info.width_px, info.height_px, info.num_frames, info.has_audio, info.codec) == (
        *(64, 48, 30, True),
        "h264",
    )
    assert info.fps == pytest.approx(10, rel=0.05)
    assert info.duration_s == pytest.approx(3, abs=0.15)


# Memory


@pytest.mark.parametrize(
    ("size", "every", "expected"),
    [
        ((640, 360), 5, 10),  # as often searched as 12 frames allow
        ((1920, 1080), 5, 5),  # searched once
        ((3840, 2160), 5, 3),
        ((7680, 4320), 5, 1),
        ((640, 360), 30, 12),
    ],
)
def test_the_larger_the_frames_the_fewer_are_held(size: tuple[int, int], every: int, expected: int) -> None:
    few = FaceStream(FakeDetector([]), FakePredictor(), TemporalConfig(detect_every=every))
    picture = RgbFrame(np.zeros((2, 2, 3), np.uint8))
    frames = (VideoFrame(picture, number, number / 30) for number in range(60))
    info = VideoInfo(
        width_px=size[0],
        height_px=size[1],
        fps=30,
        duration_s=2,
        num_frames=60,
        has_audio=False,
        codec="h264",
    )
    first, *batches, _ = [len(batch) for batch in batch_frames(frames, info, few)]
    assert first == 1 and set(batches) == {expected}


# Real videos


@pytest.mark.parametrize("name", ["justinshenk_woman2.mp4", "pyfeat_single_face.mp4"])
def test_real_videos_keep_times_and_sound(tmp_path: Path, shared: Path, name: str) -> None:
    source = shared / "media" / "videos" / name
    still = FaceStream(FakeDetector([box(100, 50)]), FakePredictor())
    summary = annotate_video(
        source, tmp_path / "out.mp4", still, encoder=EncoderSettings(preset="ultrafast"), style=OverlayStyle()
    )
    assert summary.num_frames == summary.source.num_frames
    assert frame_times(tmp_path / "out.mp4") == pytest.approx(frame_times(source), abs=1e-4)
    assert streams_of(tmp_path / "out.mp4").keys() == streams_of(source).keys()
