"""Ids that hold, boxes that move on, faces that come and go."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_core.errors import ConfigError
from fer_core.inference.tracker import FaceTracker, TemporalConfig, compute_iou
from fer_core.types import FaceBox

CONFIG = TemporalConfig()


def box(x: float, y: float = 0, width: float = 100, height: float = 100, score: float = 0.9) -> FaceBox:
    return FaceBox(x=x, y=y, width=width, height=height, score=score)


def ids(tracker: FaceTracker, time_s: float) -> list[int]:
    return [face.track_id for face in tracker.faces(time_s)]


def test_iou_by_hand() -> None:
    boxes = [box(0), box(50), box(200), box(25, 25, 50, 50)]
    expected = [[1, 1 / 3, 0, 0.25], [1 / 3, 1, 0, 1250 / 11250]]
    np.testing.assert_allclose(compute_iou(boxes[:2], boxes), expected)


def test_iou_of_nothing_is_empty() -> None:
    assert compute_iou([], [box(0)]).shape == (0, 1)


@pytest.mark.parametrize(
    ("before", "found", "roll"), [(10, 20, 18), (171, -179, 179), (0, 180, 180), (-90, 90, 90)]
)
def test_a_tilt_is_followed_and_another_way_up_taken_at_once(
    before: float, found: float, roll: float
) -> None:
    """Four fifths of what is new, the short way round."""
    tracker = FaceTracker(CONFIG)
    for time_s, angle in ((0.0, before), (0.1, found)):
        tracker.update([replace(box(10), roll=angle)], time_s)
    (face,) = tracker.faces(0.1)
    assert face.box.roll == pytest.approx(roll)


def test_ids_do_not_depend_on_the_order_of_detections() -> None:
    tracker = FaceTracker(CONFIG)
    tracker.update([box(0), box(300)], 0.0)
    tracker.update([box(305), box(5)], 0.1)
    faces = {face.track_id: face.box.x for face in tracker.faces(0.1)}
    assert faces[1] < 50 and faces[2] > 250


def test_the_pairing_is_the_best_as_a_whole() -> None:
    """Greedily, the first track would take the box that overlaps it most and leave the second with none."""
    tracker = FaceTracker(CONFIG)
    tracker.update([box(0), box(60)], 0.0)
    tracker.update([box(40), box(-55)], 1.0)
    assert sorted(ids(tracker, 1.0)) == [1, 2]
    assert compute_iou([box(0)], [box(40)])[0, 0] > compute_iou([box(0)], [box(-55)])[0, 0]
    faces = {face.track_id: face.box.x for face in tracker.faces(1.0)}
    assert faces[1] < 0 < faces[2]


def test_a_pair_without_overlap_is_never_made() -> None:
    tracker = FaceTracker(CONFIG)
    tracker.update([box(0)], 0.0)
    tracker.update([box(500)], 0.1)
    assert ids(tracker, 0.1) == [1, 2], "one detection missed the first; it is still shown"
    assert [face.is_current for face in tracker.faces(0.1)] == [False, True]
    tracker.update([box(500)], 0.2)
    assert ids(tracker, 0.2) == [2]


def test_a_short_gap_keeps_the_id_and_a_long_one_does_not() -> None:
    for gap_s, expected in [(0.9, [1]), (1.2, [2])]:
        tracker = FaceTracker(CONFIG)
        tracker.update([box(100)], 0.0)
        tracker.update([], gap_s / 3)
        tracker.update([], gap_s / 2)
        assert ids(tracker, gap_s / 2) == [], "after two misses nothing is shown"
        tracker.update([], gap_s - 0.01)
        tracker.update([box(104)], gap_s)
        assert ids(tracker, gap_s) == expected


def test_a_vanished_face_is_forgotten() -> None:
    tracker = FaceTracker(CONFIG)
    for frame in range(200):
        tracker.update([box(1000.0 * frame)], 0.1 * frame)
    assert len(tracker.known_ids) <= 12


def test_between_detections_the_box_moves_on() -> None:
    tracker = FaceTracker(CONFIG)
    speed = 60.0
    for step in range(20):
        tracker.update([box(speed * step / 10)], step / 10)
    (face,) = tracker.faces(1.95)
    assert face.box.x == pytest.approx(speed * 1.95, abs=1.0)


def test_looking_back_boxes_lie_between_two_detections() -> None:
    tracker = FaceTracker(CONFIG)
    tracker.update([box(100), box(500)], 0.0)
    assert tracker.faces_between(0.0) == [], "nothing is known of the time before the first detection"
    tracker.update([box(200), box(500), box(800)], 0.4)
    (end, *_) = tracker.faces(0.4)
    moving, still = tracker.faces_between(0.1)
    assert moving.box.x == pytest.approx(100 + (end.box.x - 100) / 4)
    assert still.box == box(500)
    assert [face.track_id for face in (moving, still)] == [1, 2], "the third face was not there yet"


def test_looking_back_a_face_is_not_put_where_it_was_not_seen() -> None:
    tracker = FaceTracker(CONFIG)
    for time_s, boxes in [(0.0, [box(100)]), (0.1, []), (0.2, []), (0.3, [box(110)])]:
        tracker.update(boxes, time_s)
    assert [face.track_id for face in tracker.faces(0.3)] == [1]
    assert tracker.faces_between(0.25) == []


def test_looking_back_follows_a_face_more_closely_than_looking_ahead() -> None:
    """A head that swings to and fro once per second, looked for five times per second."""

    def true_x(time_s: float) -> float:
        return 200 + 60 * math.sin(2 * math.pi * time_s)

    tracker, errors = FaceTracker(CONFIG), {"ahead": [], "back": []}
    tracker.update([box(true_x(0.0))], 0.0)
    for step in range(1, 15):
        middle, end = 0.2 * step - 0.1, 0.2 * step
        errors["ahead"].append(abs(tracker.faces(middle)[0].box.x - true_x(middle)))
        tracker.update([box(true_x(end))], end)
        errors["back"].append(abs(tracker.faces_between(middle)[0].box.x - true_x(middle)))
    assert np.mean(errors["back"]) < 0.6 * np.mean(errors["ahead"])


def test_after_a_hiccup_the_box_has_not_flown_off() -> None:
    tracker = FaceTracker(TemporalConfig(max_gap_s=10))
    for step in range(10):
        tracker.update([box(20.0 * step)], step / 10)
    (face,) = tracker.faces(5.0)
    assert face.box.x <= 20.0 * 9 + 0.25 * 200 + 1


def test_a_still_face_comes_to_rest_despite_a_jittery_detector() -> None:
    rng = np.random.default_rng(0)
    tracker = FaceTracker(CONFIG)
    raw, shown = [], []
    for step in range(300):
        found = box(100 + rng.normal(0, 2), 100 + rng.normal(0, 2))
        tracker.update([found], step / 10)
        if step > 10:
            raw.append(found.x)
            shown.append(tracker.faces(step / 10)[0].box.x)
    assert np.std(shown) < np.std(raw)


def test_a_face_found_again_stands_where_it_was_found() -> None:
    tracker = FaceTracker(CONFIG)
    tracker.update([box(100)], 0.0)
    tracker.update([], 0.1)
    tracker.update([box(130)], 0.2)
    assert tracker.faces(0.2)[0].box == box(130)


def test_reset_begins_anew() -> None:
    tracker = FaceTracker(CONFIG)
    tracker.update([box(0), box(300)], 0.0)
    tracker.reset()
    assert tracker.faces(0.0) == []
    tracker.update([box(300)], 0.1)
    assert ids(tracker, 0.1) == [1]


def test_the_minimal_overlap_is_a_setting() -> None:
    for min_iou, expected in [(0.5, [1]), (0.7, [1, 2])]:
        tracker = FaceTracker(TemporalConfig(min_iou=min_iou))
        tracker.update([box(0)], 0.0)
        tracker.update([box(25)], 0.1)  # IoU 75 / 125 = 0.6
        assert ids(tracker, 0.1) == expected


@given(
    st.lists(
        st.lists(
            st.builds(box, st.floats(-50, 700), st.floats(-50, 500), st.floats(1, 200), st.floats(1, 200)),
            max_size=6,
        ),
        max_size=12,
    )
)
def test_whatever_is_detected_is_shown_once_under_an_id_of_its_own(frames: list[list[FaceBox]]) -> None:
    tracker = FaceTracker(CONFIG)
    for step, boxes in enumerate(frames):
        tracker.update(boxes, step / 10)
        faces = tracker.faces(step / 10)
        assert sum(face.is_current for face in faces) == len(boxes)
        assert len({face.track_id for face in faces}) == len(faces)
        assert all(math.isfinite(face.box.x) and face.box.width > 0 for face in faces)


@pytest.mark.parametrize(
    "setting",
    [
        {"detect_every": 0},
        {"smoothing_s": -0.1},
        {"smoothing_s": math.nan},
        {"max_gap_s": math.inf},
        {"min_iou": 0.0},
        {"min_iou": 1.1},
    ],
)
def test_settings_out_of_range_are_refused(setting: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(setting))):
        replace(CONFIG, **setting)  # type: ignore[arg-type]
