"""The whole step with small fakes: what is detected when, who is classified, what can be exchanged."""

import threading
from dataclasses import replace

import cv2
import numpy as np
import pytest

from fer_core.inference.stream import FaceStream, FrameResult
from fer_core.inference.tracker import TemporalConfig
from fer_core.types import FaceBox, Float32Array, UInt8Array
from tests.unit.inference.fakes import FakeDetector, FakePredictor, box, frame

RAW = TemporalConfig(detect_every=1, smoothing_s=0)


def test_a_recording_is_searched_as_often_and_between_two_searches_boxes_are_known_from_both_sides() -> None:
    class Moving(FakeDetector):
        """The face moves 10 px a frame; frame i has brightness i."""

        def detect(self, image_rgb: UInt8Array) -> list[FaceBox]:
            self.num_calls += 1
            return [box(10.0 * int(image_rgb[0, 0, 0]))]

    detector = Moving([])
    stream = FaceStream(detector, FakePredictor(), TemporalConfig(detect_every=4))
    frames = [(frame(index), index / 30) for index in range(11)]
    results = stream.step_many(frames[:1]) + stream.step_many(frames[1:6]) + stream.step_many(frames[6:])
    assert [result.was_searched for result in results] == [index % 4 == 0 for index in range(11)]
    assert detector.num_calls == 3
    known = [result.faces[0].box.x for result in results[:9]]
    assert known[:5] == pytest.approx([0, 8, 16, 24, 32]), "four fifths of the way to the detection at 40"
    assert known[6] == pytest.approx((known[4] + known[8]) / 2)
    assert [result.time_s for result in results] == [time_s for _, time_s in frames]


def test_a_recording_in_one_batch_has_the_predictions_of_single_steps() -> None:
    still = [box(10), box(200)]
    temporal = TemporalConfig(detect_every=3, smoothing_s=0.3)
    frames = [(frame(20 * index), index / 30) for index in range(10)]
    plain = FaceStream(FakeDetector(still), FakePredictor(), temporal)
    one_by_one = [plain.step(*item) for item in frames]
    batched = FaceStream(FakeDetector(still), FakePredictor(), temporal).step_many(frames)
    for first, second in zip(one_by_one, batched, strict=True):
        assert [face.track_id for face in first.faces] == [face.track_id for face in second.faces]
        for a, b in zip(first.faces, second.faces, strict=True):
            assert a.box == b.box
            assert a.prediction.probabilities == pytest.approx(b.prediction.probabilities, abs=1e-6)


def scene(seed: int, *, brightness: int = 0, shift: int = 0) -> UInt8Array:
    """A smooth random picture, 240 x 320."""
    coarse = np.random.default_rng(seed).integers(0, 200, (12, 16, 3), np.uint8)
    picture = cv2.resize(coarse, (320, 240), interpolation=cv2.INTER_CUBIC)
    return np.roll(picture, shift, axis=1) + np.uint8(brightness)


@pytest.mark.parametrize("batch", [1, 5, 24])
def test_after_a_cut_whoever_stands_at_the_same_place_is_somebody_else(batch: int) -> None:
    frames = [(scene(index // 8), index / 25) for index in range(24)]

    def run(smoothing_s: float) -> list[FrameResult]:
        temporal = TemporalConfig(detect_every=5, smoothing_s=smoothing_s)
        stream = FaceStream(FakeDetector([box(100)]), FakePredictor(), temporal)
        results = [stream.step(*frames[0])]
        for start in range(1, 24, batch):
            results += stream.step_many(frames[start : start + batch])
        return results

    smooth, raw = run(1.0), run(0.0)
    assert [face.track_id for result in smooth for face in result.faces] == [1] * 8 + [2] * 8 + [3] * 8
    assert [smooth[first].was_searched for first in (0, 8, 16)] == [True] * 3
    assert smooth[8].faces[0].prediction == raw[8].faces[0].prediction, "nothing is smoothed across"


def test_a_pan_a_light_and_somebody_who_walks_in_are_no_cut() -> None:
    stream = FaceStream(FakeDetector([box(100)]), FakePredictor(), TemporalConfig(detect_every=5))
    frames = [scene(1, shift=4 * index) for index in range(12)]
    frames += [scene(1, shift=44, brightness=40)] * 3
    crowded = scene(1, shift=44, brightness=40)
    crowded[:, 200:] = scene(2)[:, 200:]
    for index, picture in enumerate([*frames, crowded, crowded]):
        result = stream.step(picture, index / 25)
        assert [face.track_id for face in result.faces] == [1], index


def test_a_still_image_is_a_stream_of_one_frame() -> None:
    stream = FaceStream(FakeDetector([box(10), box(200)]), FakePredictor())
    result = stream.step(frame(200), 0.0)
    assert [face.track_id for face in result.faces] == [1, 2]
    assert [face.box for face in result.faces] == [box(10), box(200)]
    assert all(face.prediction.label == "happiness" for face in result.faces)
    assert result.was_searched and result.time_s == 0.0


@pytest.mark.parametrize("every", [1, 2, 5])
def test_detection_happens_on_every_kth_frame(every: int) -> None:
    detector = FakeDetector([box(10)])
    stream = FaceStream(detector, FakePredictor(), TemporalConfig(detect_every=every))
    searched = [stream.step(frame(200), step / 30).was_searched for step in range(20)]
    assert searched == [step % every == 0 for step in range(20)]
    assert detector.num_calls == sum(searched)


def test_a_slow_stream_is_searched_more_often() -> None:
    stream = FaceStream(FakeDetector([box(10)]), FakePredictor(), TemporalConfig(detect_every=10))
    times = [0.0, 0.3, 0.6, 0.9, 10.0, 3.0, 3.2]
    searched = [stream.step(frame(200), time_s).was_searched for time_s in times]
    assert searched == [True, False, True, False, True, True, False], "the clock jumps forth, then back"


def test_every_frame_is_classified_and_timed() -> None:
    predictor = FakePredictor()
    stream = FaceStream(FakeDetector([box(10)]), predictor, TemporalConfig(detect_every=3))
    results = [stream.step(frame(200), step / 30) for step in range(6)]
    assert predictor.num_calls == 6
    assert all(result.times.classify_ms > 0 for result in results)
    assert [result.times.detect_ms > 0 for result in results] == [True, False, False] * 2
    for result in results:
        parts = result.times
        assert parts.total_ms == parts.detect_ms + parts.classify_ms + parts.track_ms


def test_without_faces_the_predictor_is_not_called() -> None:
    predictor = FakePredictor()
    assert FaceStream(FakeDetector([]), predictor).step(frame(200), 0).faces == ()
    assert predictor.num_calls == 0


def test_smoothing_uses_the_frames_times() -> None:
    stream = FaceStream(FakeDetector([box(10)]), FakePredictor(), TemporalConfig(smoothing_s=0.5))
    stream.step(frame(255), 0.0)
    soon = stream.step(frame(0), 0.01).faces[0].prediction
    later = stream.step(frame(0), 5.0).faces[0].prediction
    assert soon.label == "happiness"
    assert later.label == "sadness"


def test_a_missed_face_keeps_its_last_prediction() -> None:
    detector, predictor = FakeDetector([box(10)]), FakePredictor()
    stream = FaceStream(detector, predictor, RAW)
    stream.step(frame(255), 0.0)
    detector.boxes = []
    shown = stream.step(frame(0), 0.03)
    assert [face.prediction.label for face in shown.faces] == ["happiness"]
    assert predictor.num_calls == 1
    assert stream.step(frame(0), 0.06).faces == ()


def test_a_predictor_can_be_swapped_while_running() -> None:
    stream = FaceStream(FakeDetector([box(10)]), FakePredictor(), TemporalConfig(smoothing_s=10))
    stream.step(frame(255), 0.0)
    other = FakePredictor(classes=("anger", "fear"))
    stream.swap(predictor=other)
    assert stream.predictor is other
    (face,) = stream.step(frame(255), 0.03).faces
    assert face.prediction.classes == ("anger", "fear")
    assert face.track_id == 1


def test_another_model_with_the_same_classes_does_not_inherit_the_smoothing() -> None:
    stream = FaceStream(FakeDetector([box(10)]), FakePredictor(), TemporalConfig(smoothing_s=10))
    stream.step(frame(255), 0.0)
    stream.swap(predictor=FakePredictor(inverted=True))
    (face,) = stream.step(frame(255), 0.03).faces
    assert face.prediction.label == "sadness"


def test_a_new_detector_looks_at_once_and_faces_keep_their_ids() -> None:
    stream = FaceStream(FakeDetector([box(10)]), FakePredictor(), TemporalConfig(detect_every=100))
    stream.step(frame(200), 0.0)
    stream.swap(detector=FakeDetector([box(14), box(300)]))
    result = stream.step(frame(200), 0.03)
    assert result.was_searched
    assert [face.track_id for face in result.faces] == [1, 2]


def test_settings_can_be_swapped_while_running() -> None:
    detector = FakeDetector([box(10)])
    stream = FaceStream(detector, FakePredictor(), TemporalConfig(detect_every=1000, smoothing_s=1000))
    stream.step(frame(255), 0.0)
    stream.swap(temporal=RAW)
    result = stream.step(frame(0), 0.03)
    assert result.was_searched
    assert result.faces[0].prediction.label == "sadness"


def test_reset_begins_anew() -> None:
    stream = FaceStream(
        FakeDetector([box(10)]), FakePredictor(), TemporalConfig(detect_every=100, smoothing_s=9)
    )
    stream.step(frame(255), 0.0)
    stream.step(frame(255), 0.1)
    stream.reset()
    result = stream.step(frame(0), 0.2)
    assert result.was_searched
    assert [(face.track_id, face.prediction.label) for face in result.faces] == [(1, "sadness")]


def test_the_stream_goes_on_after_an_error() -> None:
    detector, predictor = FakeDetector([box(10)]), FakePredictor()
    stream = FaceStream(detector, predictor, TemporalConfig(detect_every=2))
    seen = []
    for step in range(12):
        predictor.fails = step % 3 == 0
        detector.fails = step % 4 == 0
        try:
            seen.append(len(stream.step(frame(200), step / 30).faces))
        except RuntimeError:
            seen.append(None)
    assert None in seen
    assert seen[-1] == 1


def test_memory_does_not_grow_with_the_number_of_faces_seen() -> None:
    detector = FakeDetector([])
    stream = FaceStream(detector, FakePredictor(), RAW)
    for step in range(300):
        detector.boxes = [box(1000 * step)]
        stream.step(frame(200), step / 10)
    assert len(stream._smoother._states) <= 12


def test_swapping_from_other_threads_is_atomic() -> None:
    """Detector and predictor of a pair are always used together."""

    class Pair(FakePredictor):
        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

        def predict_crops(self, crops: UInt8Array) -> Float32Array:
            return np.tile(np.float32([self.number / 10, 1 - self.number / 10]), (len(crops), 1))

    pairs = [(FakeDetector([replace(box(10), score=number / 10)]), Pair(number)) for number in range(1, 6)]
    stream = FaceStream(*pairs[0], RAW)
    stop = threading.Event()

    def swap_around() -> None:
        number = 0
        while not stop.is_set():
            number = (number + 1) % len(pairs)
            stream.swap(detector=pairs[number][0], predictor=pairs[number][1])

    thread = threading.Thread(target=swap_around)
    thread.start()
    try:
        for step in range(300):
            (face,) = stream.step(np.zeros((8, 8, 3), np.uint8), step / 30).faces
            assert face.prediction.probabilities[0] == pytest.approx(face.box.score)
    finally:
        stop.set()
        thread.join()
