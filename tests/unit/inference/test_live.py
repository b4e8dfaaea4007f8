"""The live engine must survive anything, change while it runs, and leave nothing behind."""

import gc
import logging
import threading
import weakref

import av
import numpy as np
import pytest

from fer_core.errors import ConfigError
from fer_core.inference.live import LiveSession
from fer_core.inference.live_engine import LiveSettings
from fer_core.inference.overlay import OverlayStyle
from fer_core.inference.tracker import TemporalConfig
from tests.unit.inference.fakes import FakeDetector, FakePredictor, box, frame

RAW = LiveSettings(temporal=TemporalConfig(detect_every=1, smoothing_s=0), mirror=False)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class StepClock:
    """A clock that goes on by itself, as clocks do, a tenth of a second a look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.1
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def parts():
    return FakeDetector([box(40)]), FakePredictor()


@pytest.fixture
def session(clock, parts):
    session = LiveSession(clock=clock)
    session.configure(parts[0], [parts[1]], RAW)
    yield session
    session.release()


def test_a_frame_is_analyzed_drawn_and_counted(session, clock):
    before = frame(200)
    drawn = session.process(before)
    assert drawn.shape == before.shape
    assert (drawn != before).any()
    assert (before == 200).all()  # the camera's frame is not drawn on
    report = session.report()
    assert (report.num_received, report.num_processed, report.num_failed) == (1, 1, 0)
    assert set(report.stages) == {"detect", "classify", "track", "draw"}
    (reading,) = session.readings()
    assert reading.model == "fake"
    assert reading.face.prediction.label == "happiness"
    assert reading.face.box == box(40)
    assert reading.label == "happiness"
    assert session.last_frame() is drawn


def test_the_picture_is_mirrored_before_it_is_analyzed(parts):
    class LeftFinder(FakeDetector):
        def detect(self, image_rgb):
            return [box(0 if image_rgb[:, :160].mean() > image_rgb[:, 160:].mean() else 240)]

    session = LiveSession()
    picture = frame(0)
    picture[:, :160] = 255  # the bright side is on the left
    for mirror, expected in [(False, 0), (True, 240)]:
        settings = LiveSettings(temporal=RAW.temporal, style=OverlayStyle(top_k=0), mirror=mirror)
        session.configure(LeftFinder([]), [parts[1]], settings)
        drawn = session.process(picture)
        assert session.readings()[0].face.box.x == expected
        assert bool(drawn[:, 200:].mean() > drawn[:, :120].mean()) is mirror


def test_without_a_model_frames_pass_as_they_come():
    session = LiveSession()
    picture = frame(10)
    np.testing.assert_array_equal(session.process(picture, num_received=3), picture)
    assert session.report().num_dropped == 3
    assert not session.is_ready


@pytest.mark.parametrize("part", [0, 1])
def test_failures_are_counted_and_the_stream_goes_on(session, parts, part, caplog):
    caplog.set_level(logging.ERROR)
    picture = frame(200)
    for index in range(50):
        parts[part].fails = index % 10 == 9
        drawn = session.process(picture)
        assert (drawn == picture).all() == parts[part].fails
        assert (session.readings() == ()) == parts[part].fails  # said beside the picture: what is drawn on it
    report = session.report()
    assert (report.num_processed, report.num_failed) == (45, 5)
    (error,) = report.errors
    assert (error.kind, error.count) == ("RuntimeError", 5)
    assert "failed" in error.message
    assert len(caplog.records) == 1  # the first of its kind, with its traceback; the page counts the rest


def test_frames_that_can_not_be_understood_do_not_end_it(session):
    for nonsense in (None, "frame"):
        assert session.process(nonsense) is nonsense
    assert session.report().num_failed == 2
    assert session.process(frame(200)).shape == (240, 320, 3)


def test_video_frames_go_in_and_out(session):
    frames = [av.VideoFrame.from_ndarray(frame(value), format="rgb24") for value in (0, 0, 200)]
    out = session.process_video_frames(frames)
    assert (out.width, out.height) == (320, 240)
    assert session.readings()[0].face.prediction.label == "happiness"  # the newest was taken
    report = session.report()
    assert (report.num_received, report.num_processed, report.num_dropped) == (3, 1, 2)
    assert session.process_video_frames(["no frame"]) == "no frame"
    assert session.report().num_failed == 1


def test_settings_change_while_frames_come(session, parts):
    session.process(frame(200))
    many = LiveSettings(temporal=TemporalConfig(detect_every=5, smoothing_s=0), mirror=False)
    session.configure(parts[0], [parts[1]], many)
    calls = parts[0].num_calls
    for _ in range(10):
        session.process(frame(200))
    assert parts[0].num_calls - calls == 2
    certain = LiveSettings(temporal=RAW.temporal, style=OverlayStyle(sure_from=1.0), mirror=False)
    plain = session.process(frame(200))
    session.configure(parts[0], [parts[1]], certain)
    assert session.readings()[0].label == "happiness"  # as in the picture that is shown until the next comes
    assert (session.process(frame(200)) != plain).any()
    assert session.readings()[0].label == "uncertain"


def test_what_was_read_of_an_old_picture_is_not_said_any_more(session, clock):
    session.process(frame(200))
    clock.now += 4.0
    assert session.readings()
    clock.now += 2.0  # the camera was unplugged
    assert session.readings() == ()


def test_the_latency_holds_what_conversion_and_model_take(parts, clock):
    class SlowFrame:
        def to_ndarray(self, format):  # noqa: A002 - as PyAV calls it
            clock.now += 0.030
            return frame(200)

    class SlowPredictor(FakePredictor):
        def predict_crops(self, crops):
            clock.now += 0.070
            return super().predict_crops(crops)

    session = LiveSession(clock=clock)
    session.configure(parts[0], [SlowPredictor()], RAW)
    for _ in range(20):  # ten a second of thirty that come
        session.process_video_frames([SlowFrame()] * 3)
    report = session.report()
    assert report.latency_p50_ms == pytest.approx(100)
    assert report.processed_fps == pytest.approx(10, abs=1)
    assert report.received_fps == pytest.approx(30, abs=2)
    assert report.dropped_share == pytest.approx(2 / 3)


def test_a_model_is_exchanged_live_and_faces_keep_their_ids(session, parts, clock):
    session.process(frame(200))
    clock.now += 1
    track_id = session.readings()[0].face.track_id
    session.configure(parts[0], [FakePredictor(inverted=True)], RAW)
    session.process(frame(200))
    face = session.readings()[0].face
    assert face.prediction.label == "sadness"
    assert face.track_id == track_id


def test_an_exchanged_model_starts_its_chart_anew_and_a_kept_one_goes_on(session, parts, clock):
    other = FakePredictor(("a", "b"))
    session.process(frame(200))
    clock.now += 1
    session.configure(parts[0], [parts[1], other], RAW)
    session.process(frame(200))
    kept, new = session.history()
    assert (len(kept.times_s), len(new.times_s)) == (2, 1)
    assert new.classes == ("a", "b")
    session.configure(parts[0], [other], RAW)
    (curve,) = session.history()
    assert curve.classes == ("a", "b")


def test_two_models_side_by_side_see_the_same_faces(parts):
    session = LiveSession()
    other = FakePredictor(inverted=True)
    session.configure(parts[0], [parts[1], other], RAW)
    calls = parts[0].num_calls
    drawn = session.process(frame(200))
    assert drawn.shape == (180, 480, 3)  # two of 3/4 of the size
    assert parts[0].num_calls == calls + 1  # one search serves both
    left, right = session.readings()
    assert (left.face.prediction.label, right.face.prediction.label) == ("happiness", "sadness")
    assert left.face.track_id == right.face.track_id
    assert (drawn[:, :240] != drawn[:, 240:]).any()


def test_the_second_model_is_smoothed_like_the_first(parts, clock):
    session = LiveSession(clock=clock)
    settings = LiveSettings(temporal=TemporalConfig(detect_every=1, smoothing_s=0.5), mirror=False)
    session.configure(parts[0], [parts[1], FakePredictor()], settings)
    for value in (0, 255, 255):
        session.process(frame(value))
        clock.now += 0.1
    first, second = session.readings()
    assert 0.05 < first.face.prediction.probabilities[0] < 0.5
    assert first.face.prediction == second.face.prediction


def test_the_main_face_is_the_largest(parts):
    session = LiveSession()
    large = box(150, width=120, height=150)
    session.configure(FakeDetector([box(10), large]), [parts[1]], RAW)
    session.process(frame(200))
    assert session.readings()[0].face.box == large


def test_the_chart_shows_a_gap_without_a_face(session, parts, clock):
    session.process(frame(200))
    parts[0].boxes = []
    for _ in range(4):  # a face that one detection missed is still shown
        clock.now += 0.5
        session.process(frame(200))
    (curve,) = session.history()
    assert not np.isnan(curve.probabilities[0]).any()
    assert np.isnan(curve.probabilities[-1]).all()
    assert session.readings()[0].face is None


def test_another_size_of_frame_starts_the_faces_anew(session):
    session.process(frame(200))
    session.process(frame(200, height=480, width=640))
    drawn = session.process(frame(200, height=480, width=640))
    assert drawn.shape == (480, 640, 3)
    assert session.readings()[0].face.track_id == 1
    assert session.report().num_failed == 0


def test_the_parts_are_warm_before_the_first_frame():
    detector, predictor = FakeDetector([]), FakePredictor()
    LiveSession().configure(detector, [predictor])
    assert detector.num_calls >= 1
    assert predictor.num_calls >= 1


def test_what_is_kept_is_not_tried_out_again(session, parts):
    calls = parts[0].num_calls, parts[1].num_calls
    session.configure(*parts[:1], [parts[1]], RAW)
    assert (parts[0].num_calls, parts[1].num_calls) == calls


def test_a_part_that_fails_when_tried_out_leaves_the_old_one(session, parts):
    broken = FakePredictor()
    broken.fails = True
    with pytest.raises(RuntimeError, match="the predictor failed"):
        session.configure(parts[0], [broken], RAW)
    session.process(frame(200))
    assert session.report().num_processed == 1


@pytest.mark.parametrize("number", [0, 3])
def test_too_few_or_many_models_are_refused(session, parts, number):
    with pytest.raises(ConfigError, match=f"{number} models were given; expected 1 to 2"):
        session.configure(parts[0], [FakePredictor() for _ in range(number)], RAW)


def test_a_frame_that_comes_while_one_is_in_work_is_dropped():
    entered, leave = threading.Event(), threading.Event()

    class SlowDetector(FakeDetector):
        def detect(self, image_rgb):
            if image_rgb.mean() == 200:  # not while warming up
                entered.set()
                leave.wait(10)
            return super().detect(image_rgb)

    session = LiveSession()
    session.configure(SlowDetector([box(10)]), [FakePredictor()], RAW)
    worker = threading.Thread(target=session.process, args=(frame(200),))
    worker.start()
    assert entered.wait(10)
    picture = frame(7)
    assert session.process(picture) is picture
    leave.set()
    worker.join(10)
    report = session.report()
    assert (report.num_processed, report.num_dropped) == (1, 1)


def test_reports_can_be_asked_for_and_models_exchanged_from_other_threads():
    session = LiveSession()
    detector, predictors = FakeDetector([box(40)]), [FakePredictor(), FakePredictor(("a", "b"))]
    session.configure(detector, predictors[:1], RAW)
    failures: list[Exception] = []
    stop = threading.Event()

    def ask() -> None:
        try:
            number = 0
            while not stop.is_set():
                number += 1
                assert session.report().num_failed == 0
                assert len(session.history()) == 1
                session.configure(detector, predictors[number % 2 :][:1], RAW)
        except Exception as error:  # noqa: BLE001 - handed to the test
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(300):
        session.process(frame(200))
    stop.set()
    for thread in threads:
        thread.join(10)
    assert failures == []
    report = session.report()
    assert report.num_failed == 0
    assert report.num_processed + report.num_dropped == 300
    assert report.num_processed > 0


def test_nothing_heavy_stays_after_the_stream_ended(clock):
    session = LiveSession(clock=clock)
    detector, predictor = FakeDetector([box(40)]), FakePredictor()
    session.configure(detector, [predictor, FakePredictor()], RAW)
    session.process(frame(200))
    references = [weakref.ref(detector), weakref.ref(predictor)]
    session.release()
    del detector, predictor
    gc.collect()
    assert [reference() for reference in references] == [None, None]
    assert not session.is_ready
    assert session.report().num_processed == 1  # figures and the last picture stay
    assert session.last_frame() is not None
    picture = frame(200)
    assert session.process(picture) is picture


def test_a_released_session_goes_on_after_another_configure(session, parts):
    session.process(frame(200))
    session.release()
    session.configure(parts[0], [parts[1]], RAW)
    session.process(frame(200))
    assert session.report().num_processed == 2


def test_a_recording_holds_the_drawn_frames(parts):
    session = LiveSession(clock=StepClock())
    session.configure(parts[0], [parts[1]], RAW)
    assert session.recorded_file() is None
    session.process(frame(200))
    session.start_recording()
    for _ in range(5):
        drawn = session.process(frame(200))
    assert session.recording().is_recording
    session.stop_recording()
    with av.open(str(session.recorded_file())) as container:
        pictures = [item.to_ndarray(format="rgb24") for item in container.decode(video=0)]
    assert len(pictures) == 5  # not what came before the start
    assert np.abs(pictures[-1].astype(int) - drawn).mean() < 3


def test_the_end_of_the_stream_ends_the_recording(parts):
    session = LiveSession(clock=StepClock())
    session.configure(parts[0], [parts[1]], RAW)
    session.start_recording()
    session.process(frame(200))
    session.release()
    session.stop_recording()  # waits for the file
    assert session.recorded_file() is not None
    assert not any(thread.name == "fer-recording" for thread in threading.enumerate())
