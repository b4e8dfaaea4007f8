"""Videos that can't be read, outputs that can't be written: the error says why, and no half is left."""

import errno
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from fer_core.errors import ConfigError, MediaError, StorageError
from fer_core.inference.video import annotate_video
from fer_core.inference.video_reader import open_video, probe_video
from fer_core.inference.video_types import VideoLimits
from fer_core.inference.video_writer import EncoderSettings
from tests.unit.inference.test_video import stream
from tests.unit.inference.videos import (
    frame_times,
    make_video,
    top_level_boxes,
)


def check_refused(source: Path, message: str, **options) -> None:  # type: ignore[no-untyped-def]
    """The error says what is wrong, and nothing but the source is left in the folder."""
    target = source.parent / "made" / "out.mp4"
    with pytest.raises(MediaError, match=message):
        annotate_video(source, target, stream(), table=target.with_suffix(".csv"), **options)
    assert not target.parent.exists() or not list(target.parent.iterdir())


def test_a_text_file_called_mp4(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_text("once upon a time\n" * 50)
    check_refused(tmp_path / "in.mp4", "not a video that can be read")


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").touch()
    check_refused(tmp_path / "in.mp4", "empty")


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    check_refused(tmp_path / "in.mp4", "missing")
    (tmp_path / "in.mp4").mkdir()
    check_refused(tmp_path / "in.mp4", "a folder")


def test_a_video_without_its_index(tmp_path: Path) -> None:
    data = make_video(tmp_path / "in.mp4", 60).read_bytes()
    assert top_level_boxes(tmp_path / "in.mp4")[-1] == "moov"
    (tmp_path / "in.mp4").write_bytes(data[: len(data) // 2])
    check_refused(tmp_path / "in.mp4", "cut off or damaged")


def test_a_video_that_ends_early_is_done_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "whole.mp4", 100, size=(320, 240))
    annotate_video(whole, tmp_path / "front.mp4", stream(), encoder=EncoderSettings(crf=1))
    data = (tmp_path / "front.mp4").read_bytes()
    (tmp_path / "in.mp4").write_bytes(data[: len(data) * 2 // 3])
    summary = annotate_video(tmp_path / "in.mp4", tmp_path / "out.mp4", stream())
    assert 0 < summary.num_frames < 100
    assert len(frame_times(tmp_path / "out.mp4")) == summary.num_frames
    assert "damaged or cut off" in summary.notes[0] and "about 100" in summary.notes[0]


def test_damage_in_the_middle_is_survived(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mkv", 60, size=(320, 240))
    data = bytearray(source.read_bytes())
    rng = np.random.default_rng(0)
    for position in rng.integers(len(data) // 3, len(data), 40):
        data[position] ^= 0xFF
    source.write_bytes(data)
    summary = annotate_video(source, tmp_path / "out.mp4", stream())
    assert len(frame_times(tmp_path / "out.mp4")) == summary.num_frames > 0


def test_no_frames(tmp_path: Path) -> None:
    check_refused(make_video(tmp_path / "in.mkv", 0, codec="ffv1", pix_fmt="yuv444p"), "cut off or damaged")


def test_an_index_without_frames(tmp_path: Path) -> None:
    annotate_video(make_video(tmp_path / "whole.mp4"), tmp_path / "front.mp4", stream())
    data = (tmp_path / "front.mp4").read_bytes()
    (tmp_path / "in.mp4").write_bytes(data[: data.index(b"mdat") + 4])
    check_refused(tmp_path / "in.mp4", "no frame in it")


def test_sound_alone(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "in.mp4"), "w") as container:
        audio = container.add_stream("aac", rate=16_000)
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), format="s16", layout="mono")
        samples.sample_rate = 16_000
        container.mux(audio.encode(samples))
        container.mux(audio.encode(None))
    check_refused(tmp_path / "in.mp4", "no video, only audio")


def test_one_pixel(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mkv", size=(1, 1), codec="ffv1", pix_fmt="yuv444p")
    check_refused(source, "1 x 1 px")


def test_limits(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", 30)
    check_refused(source, "at most 50 px", limits=VideoLimits(max_side_px=50))
    check_refused(source, "2 s are the most", limits=VideoLimits(max_duration_s=2))
    annotate_video(source, tmp_path / "out.mp4", stream(), limits=VideoLimits(max_side_px=64))


def test_a_length_that_the_file_lies_about_is_found_out(tmp_path: Path) -> None:
    """An MPEG transport stream says nothing reliable; the limit holds while its frames come out."""
    source = make_video(tmp_path / "in.mkv", 30)
    with open_video(source, VideoLimits(max_duration_s=10)) as reader:
        reader._limits = VideoLimits(max_duration_s=1)
        with pytest.raises(MediaError, match="1 s are the most"):
            list(reader.frames())


@pytest.mark.parametrize("content", ["ffconcat version 1.0\nfile other.mp4\n", "#EXTM3U\nother.mp4\n"])
def test_a_play_list_does_not_open_other_files(tmp_path: Path, content: str) -> None:
    make_video(tmp_path / "other.mp4")
    (tmp_path / "in.mp4").write_text(content)
    with pytest.raises(MediaError, match="not a video"):
        probe_video(tmp_path / "in.mp4")


@pytest.mark.parametrize(
    ("target", "table", "message"),
    [
        ("out.avi", None, "expected .mp4"),
        ("out.mp4", "rows.xlsx", "expected .csv"),
        ("in.mp4", None, "input"),
    ],
)
def test_wrong_outputs_are_refused(tmp_path: Path, target: str, table: str | None, message: str) -> None:
    source = make_video(tmp_path / "in.mp4")
    before = source.read_bytes()
    with pytest.raises(ConfigError, match=message):
        annotate_video(source, tmp_path / target, stream(), table=tmp_path / table if table else None)
    assert source.read_bytes() == before


@pytest.mark.parametrize("setting", [{"crf": 52}, {"preset": "warp"}])
def test_wrong_encoder_settings_are_refused(setting: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(setting))):
        EncoderSettings(**setting)  # type: ignore[arg-type]


def test_an_error_on_the_way_leaves_the_old_result(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4")
    (tmp_path / "out.mp4").write_text("old")
    (tmp_path / "rows.csv").write_text("old")
    failing = stream()
    failing.predictor.fails = True  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError):
        annotate_video(source, tmp_path / "out.mp4", failing, table=tmp_path / "rows.csv")
    assert (tmp_path / "out.mp4").read_text() == (tmp_path / "rows.csv").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4", "rows.csv"]


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fer_core.inference.video_writer as module

    source = make_video(tmp_path / "in.mp4", 60)

    def full(*_: object) -> None:
        raise av.error.OSError(errno.ENOSPC, "No space left on device")

    real = module.VideoWriter.finish
    monkeypatch.setattr(module.VideoWriter, "finish", lambda self: (real(self), full())[0])
    target = tmp_path / "made" / "out.mp4"
    with pytest.raises(MediaError, match="disk is full"):
        annotate_video(source, target, stream(), table=tmp_path / "made" / "rows.csv")
    assert list(target.parent.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="the file size limit is a POSIX resource limit")
def test_a_write_that_fails_on_the_way_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    """A real refusal by the system in the middle of the file: the process may not write more than 100 kB."""
    source = make_video(tmp_path / "in.mp4", 40, size=(320, 240), noisy=True)
    code = f"""
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, {str(Path.cwd())!r})
from tests.unit.inference.test_video_faults import *
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    annotate_video(Path({str(source)!r}), Path({str(tmp_path / "made" / "out.mp4")!r}), stream())
except MediaError as error:
    print("told:", error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "told:" in done.stdout and "can't be written" in done.stdout, done.stderr
    assert list((tmp_path / "made").iterdir()) == []


def test_a_table_that_fails_at_its_end_leaves_the_older_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both appear, or none: the last rows are written before the video takes its place."""
    import fer_core.inference.face_table as module

    def full(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.TableWriter, "_take_batch", full)
    source = make_video(tmp_path / "in.mp4")
    for name in ("out.mp4", "rows.csv"):
        (tmp_path / name).write_text("old")
    with pytest.raises(StorageError, match=r"rows.csv can't be written: No space left") as error:
        annotate_video(source, tmp_path / "out.mp4", stream(), table=tmp_path / "rows.csv")
    assert str(error.value).count("can't be written") == 1
    assert (tmp_path / "out.mp4").read_text() == (tmp_path / "rows.csv").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4", "rows.csv"]


@pytest.mark.parametrize("name", ["out.mp4", "rows.csv"])
def test_a_folder_is_no_output(tmp_path: Path, name: str) -> None:
    source = make_video(tmp_path / "in.mp4")
    (tmp_path / name).mkdir()
    with pytest.raises(ConfigError, match=f"{name} is a folder; name a file in it"):
        annotate_video(source, tmp_path / "out.mp4", stream(), table=tmp_path / "rows.csv")


def test_a_sound_track_that_mp4_refuses_is_told_without_our_own_file_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fer_core.inference.video_writer as module

    def refuse(self: object, *_: object) -> None:
        raise av.error.ArgumentError(22, "Invalid argument", "/home/me/.out.mp4.abc.tmp")

    monkeypatch.setattr(module._CopiedSound, "write", refuse)
    source = make_video(tmp_path / "in.mp4", sound="aac")
    summary = annotate_video(source, tmp_path / "out.mp4", stream())
    assert "The sound was left out: Invalid argument." in summary.notes
