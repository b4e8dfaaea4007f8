"""A recording is whole or not there, ends by itself, and takes its file with it."""

import errno
import gc
import threading

import av
import numpy as np
import pytest

from fer_core.errors import MediaError
from fer_core.inference import recorder as recorder_module
from fer_core.inference.recorder import Recorder
from fer_core.inference.video_writer import VideoWriter


def _frame(value, height=48, width=64):
    return np.full((height, width, 3), value, np.uint8)


def _pictures(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        return [(item.time, item.to_ndarray(format="rgb24")) for item in container.decode(stream)]


def test_frames_are_shown_when_they_came():
    recorder = Recorder()
    recorder.start()
    for time_s, value in [(50.0, 0), (50.1, 120), (50.5, 240)]:
        recorder.add(_frame(value), time_s)
    recorder.stop()
    pictures = _pictures(recorder.finished_file())
    np.testing.assert_allclose([time_s for time_s, _ in pictures], [0.0, 0.1, 0.5], atol=1e-3)
    np.testing.assert_allclose([image.mean() for _, image in pictures], [0, 120, 240], atol=4)
    state = recorder.state()
    assert (state.is_recording, state.num_frames, state.note) == (False, 3, None)
    assert state.seconds == pytest.approx(0.5)


def test_off_by_default():
    recorder = Recorder()
    recorder.add(_frame(0), 0.0)
    recorder.stop()
    assert recorder.finished_file() is None
    assert not recorder.state().is_recording


def test_without_a_frame_there_is_no_file():
    recorder = Recorder()
    recorder.start()
    recorder.stop()
    assert recorder.finished_file() is None


def test_who_asks_while_the_last_frames_are_written_gets_the_whole_file(monkeypatch):
    """Streamlit begins the next run of a page while the last one still waits for the file."""
    recorder, is_closing, may_close = Recorder(), threading.Event(), threading.Event()
    finish = VideoWriter.finish

    def finish_late(self):
        is_closing.set()
        assert may_close.wait(10)
        finish(self)

    monkeypatch.setattr(VideoWriter, "finish", finish_late)
    recorder.start()
    recorder.add(_frame(0), 0.0)
    recorder.stop(wait=False)
    assert is_closing.wait(10)
    found = []
    asks = threading.Thread(target=lambda: found.append(recorder.finished_file()))
    asks.start()
    may_close.set()
    asks.join(10)
    assert len(_pictures(found[0])) == 1


def test_another_size_is_fitted_to_the_first():
    recorder = Recorder()
    recorder.start()
    recorder.add(_frame(10), 0.0)
    recorder.add(_frame(200, height=96, width=64), 0.1)
    recorder.stop()
    first, second = (image for _, image in _pictures(recorder.finished_file()))
    assert first.shape == second.shape == (48, 64, 3)
    assert second[:, :14].max() < 30 and second[:, 50:].max() < 30, "bars: 64 x 96 in 64 x 48 is 32 wide"
    assert second[24, 20:44].min() > 150


def test_it_ends_by_itself_at_its_limit():
    recorder = Recorder(max_seconds=1.0)
    recorder.start()
    for index in range(40):
        recorder.add(_frame(index), index * 0.1)
    _join_threads()
    assert not recorder.state().is_recording
    assert "ended after" in recorder.state().note
    assert len(_pictures(recorder.finished_file())) == 11  # 0.0 to 1.0 s


def test_it_ends_by_itself_when_no_frame_comes(monkeypatch):
    monkeypatch.setattr(recorder_module, "_SILENCE_S", 0.5)
    recorder = Recorder()
    recorder.start()
    recorder.add(_frame(1), 0.0)
    _join_threads()
    assert len(_pictures(recorder.finished_file())) == 1


def test_a_full_disk_ends_it_with_a_message_and_no_file(monkeypatch):
    class FullDisk:
        def __init__(self, *_args, **_kwargs):
            pass

        def __enter__(self):
            raise MediaError("the disk is full: recording.mp4 could not be finished") from OSError(
                errno.ENOSPC, "No space left on device"
            )

        def __exit__(self, *_):
            return None

    monkeypatch.setattr(recorder_module, "create_video", FullDisk)
    recorder = Recorder()
    recorder.start()
    recorder.add(_frame(1), 0.0)
    recorder.stop()
    assert "the disk is full" in recorder.state().note
    assert recorder.finished_file() is None


def test_a_new_recording_takes_the_place_of_the_last():
    recorder = Recorder()
    files = []
    for value in (10, 200):
        recorder.start()
        recorder.add(_frame(value), 0.0)
        recorder.stop()
        files.append(recorder.finished_file())
    gc.collect()
    first, second = files
    ((_, image),) = _pictures(second)
    assert image.mean() == pytest.approx(200, abs=4)
    assert not first.exists()


def test_the_file_goes_with_the_recorder():
    recorder = Recorder()
    recorder.start()
    recorder.add(_frame(1), 0.0)
    recorder.stop()
    path = recorder.finished_file()
    assert path.exists()
    del recorder
    gc.collect()
    assert not path.parent.exists()


def test_a_slow_encoder_skips_frames_instead_of_waiting(monkeypatch):
    blocked, go_on = threading.Event(), threading.Event()
    original = VideoWriter.write_at

    def slow(*arguments):
        blocked.set()
        go_on.wait(10)
        return original(*arguments)

    monkeypatch.setattr(VideoWriter, "write_at", slow)
    recorder = Recorder()
    recorder.start()
    recorder.add(_frame(0), 0.0)
    assert blocked.wait(10)
    for index in range(1, 101):
        recorder.add(_frame(0), index * 0.01)
    assert recorder.state().num_skipped == 40  # sixty can wait
    go_on.set()
    recorder.stop()
    assert recorder.state().num_frames == 61


def _join_threads():
    for thread in threading.enumerate():
        if thread.name == "fer-recording":
            thread.join(20)
            assert not thread.is_alive()


def test_what_is_discarded_is_gone_from_the_disk():
    recorder = Recorder()
    recorder.discard()
    recorder.start()
    recorder.add(_frame(120), 0.0)
    recorder.stop()
    path = recorder.finished_file()
    assert path.exists()
    recorder.start()  # runs when it is discarded
    recorder.discard()
    recorder.discard()
    assert recorder.finished_file() is None
    recorder.start()
    recorder.add(_frame(120), 0.0)
    recorder.stop()
    path = recorder.finished_file()
    recorder.discard()
    assert not path.parent.exists()
    assert not recorder.state().is_recording
