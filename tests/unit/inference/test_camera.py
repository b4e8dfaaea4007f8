"""Cameras that work, hang, are unplugged or not there, played by fakes; and files in their place."""

import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from fer_core.errors import ConfigError, MediaError
from fer_core.inference.camera import CameraFrame, FileSource, LiveSource, open_source, watch
from fer_core.inference.frames import RgbFrame
from fer_core.inference.stream import FaceStream, FrameResult
from tests.unit.inference.fakes import FakeDetector, FakePredictor, box
from tests.unit.inference.fakes import frame as gray
from tests.unit.inference.videos import frame_times, make_video


class FakeCapture:
    """Sends `num_frames` BGR frames, one every `pause_s`, then fails or hangs as an unplugged camera does.

    With `waits`, each frame but the first comes when `go_on` is released.
    """

    def __init__(
        self,
        num_frames: int = 10,
        *,
        pause_s: float = 0.0,
        hangs: bool = False,
        opens: bool = True,
        waits: bool = False,
    ):
        self._left = num_frames
        self._pause_s = pause_s
        self._hangs = hangs
        self._opens = opens
        self._waits = waits
        self.go_on = threading.Semaphore(1)
        self.num_sent = 0
        self.is_released = False
        self.unhang = threading.Event()

    def isOpened(self) -> bool:  # noqa: N802
        return self._opens

    def read(self):  # type: ignore[no-untyped-def]
        time.sleep(self._pause_s)
        if self._waits:
            self.go_on.acquire()
        if not self._left:
            if self._hangs:
                self.unhang.wait()
            return False, None
        self._left -= 1
        self.num_sent += 1
        frame = np.zeros((48, 64, 3), np.uint8)
        frame[..., 2] = 200  # red, in BGR
        frame[0, 0] = self.num_sent
        return True, frame

    def release(self) -> None:
        self.is_released = True


class ListSource:
    def __init__(self, num_frames: int, fps: float = 20, *, lost: bool = False) -> None:
        self._frames = [CameraFrame(RgbFrame(gray(99, 48, 64)), index / fps) for index in range(num_frames)]
        self.was_lost = lost

    def frames(self):  # type: ignore[no-untyped-def]
        yield from self._frames


def stream() -> FaceStream:
    return FaceStream(FakeDetector([box(10, 8, 20, 24)]), FakePredictor())


def test_frames_are_rgb_and_times_start_at_zero() -> None:
    source = LiveSource(FakeCapture(5, pause_s=0.01))
    frames = list(source.frames())
    source.close()
    assert frames[0].picture.rgb()[10, 10].tolist() == [200, 0, 0]
    assert frames[0].time_s == 0.0
    assert all(first.time_s < second.time_s for first, second in pairwise(frames))


def test_a_slow_model_sees_the_newest_frame() -> None:
    capture = FakeCapture(100, pause_s=0.001)
    source = LiveSource(capture)
    seen = []
    for frame in source.frames():
        seen.append(int(frame.picture.rgb()[0, 0, 0]))
        enough = min(capture.num_sent + 3, 100)
        while capture.num_sent < enough:
            time.sleep(0.001)
    source.close()
    assert len(seen) < 40 and seen == sorted(set(seen)), "frames are left out, not queued"
    assert seen[-1] == 100


def test_an_unplugged_camera_ends_the_stream_and_is_let_go() -> None:
    capture = FakeCapture(5, pause_s=0.01)
    with open_source("0", open_capture=lambda _: capture) as source:
        summary = watch(source, stream())
    assert summary.was_lost and 1 <= summary.num_frames <= 5
    assert capture.is_released


def test_a_camera_that_hangs_is_taken_for_unplugged() -> None:
    capture = FakeCapture(3, pause_s=0.01, hangs=True)
    source = LiveSource(capture, frame_timeout_s=0.3)
    assert watch(source, stream()).was_lost
    source.close()
    assert not capture.unhang.is_set() and not capture.is_released, "nobody waited for the driver"
    capture.unhang.set()


def test_the_saved_part_is_valid_when_the_camera_is_lost(tmp_path: Path) -> None:
    capture = FakeCapture(20, pause_s=0.02, waits=True)
    with open_source("0", open_capture=lambda _: capture) as source:
        summary = watch(
            source, stream(), save=tmp_path / "out.mp4", on_frame=lambda _: capture.go_on.release()
        )
    times = frame_times(tmp_path / "out.mp4")
    assert summary.was_lost and len(times) == summary.num_frames == 20
    assert times[-1] == pytest.approx(summary.duration_s, abs=0.02)


def test_what_is_saved_is_drawn(tmp_path: Path) -> None:
    from fer_core.inference.video import read_frame

    watch(ListSource(10), stream(), save=tmp_path / "out.mp4")
    image = read_frame(tmp_path / "out.mp4", 0.2)
    assert np.ptp(image.astype(int)) > 60, "the grey frame has a box now"


@pytest.mark.parametrize("index", ["0", "17"])
def test_no_camera(index: str) -> None:
    closed = FakeCapture(opens=False)
    refused = pytest.raises(MediaError, match=f"no camera {index}.*Live webcam")
    with refused, open_source(index, open_capture=lambda _: closed):
        pass
    assert closed.is_released


def test_a_real_index_without_a_camera() -> None:
    with pytest.raises(MediaError, match="no camera 97"), open_source("97"):
        pass


def test_an_address_that_does_not_answer() -> None:
    with pytest.raises(MediaError, match="does not answer"), open_source("http://127.0.0.1:9/none"):
        pass


def test_a_camera_that_sends_nothing(tmp_path: Path) -> None:
    silent = open_source("0", open_capture=lambda _: FakeCapture(0))
    with silent as source, pytest.raises(MediaError, match="sent no picture"):
        watch(source, stream(), save=tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_a_cameras_place(tmp_path: Path) -> None:
    make_video(tmp_path / "in.mp4", 12)
    results: list[FrameResult] = []
    with open_source(str(tmp_path / "in.mp4")) as source:
        assert isinstance(source, FileSource)
        summary = watch(source, stream(), on_frame=results.append)
    assert summary.num_frames == len(results) == 12 and not summary.was_lost
    assert [result.time_s for result in results] == pytest.approx([index / 10 for index in range(12)])


def test_a_missing_file(tmp_path: Path) -> None:
    with open_source(str(tmp_path / "none.mp4")) as source, pytest.raises(MediaError, match="missing"):
        watch(source, stream())


def test_limits_end_it() -> None:
    assert watch(ListSource(100), stream(), max_frames=7).num_frames == 7
    summary = watch(ListSource(100), stream(), max_seconds=1.0)
    assert summary.duration_s == 1.0 and summary.num_frames == 21 and not summary.was_lost


def test_cancelling_leaves_a_valid_file(tmp_path: Path) -> None:
    answers = iter([False] * 5 + [True])
    summary = watch(ListSource(100), stream(), save=tmp_path / "out.mp4", cancelled=lambda: next(answers))
    assert summary.num_frames == len(frame_times(tmp_path / "out.mp4")) == 6


@pytest.mark.parametrize(
    ("setting", "message"),
    [({"save": Path("out.avi")}, ".mp4"), ({"max_seconds": 0}, "seconds"), ({"max_frames": 0}, "max_frames")],
)
def test_wrong_settings_are_refused(setting: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        watch(ListSource(3), stream(), **setting)  # type: ignore[arg-type]
