"""The filter's arithmetic, by hand and by properties."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_core.inference.smoothing import ProbabilitySmoother
from fer_core.types import Prediction

CLASSES = ("happiness", "anger")
HAPPY = Prediction(CLASSES, (1.0, 0.0))
ANGRY = Prediction(CLASSES, (0.0, 1.0))


def test_the_first_prediction_is_taken_as_it_is() -> None:
    assert ProbabilitySmoother(0.5).update(1, HAPPY, 3.0) == HAPPY


def test_after_one_time_constant_63_percent_of_the_way_is_gone() -> None:
    smoother = ProbabilitySmoother(0.5)
    smoother.update(1, HAPPY, 10.0)
    shown = smoother.update(1, ANGRY, 10.5)
    assert shown.probabilities == pytest.approx((math.exp(-1), 1 - math.exp(-1)))


@pytest.mark.parametrize("num_frames", [1, 7, 60])
def test_the_frame_rate_does_not_matter(num_frames: int) -> None:
    smoother = ProbabilitySmoother(0.4)
    smoother.update(1, HAPPY, 0.0)
    for frame in range(1, num_frames + 1):
        shown = smoother.update(1, ANGRY, frame / num_frames)
    assert shown.probabilities[0] == pytest.approx(math.exp(-1 / 0.4))


def test_zero_is_off() -> None:
    smoother = ProbabilitySmoother(0.0)
    smoother.update(1, HAPPY, 0.0)
    assert smoother.update(1, ANGRY, 0.001) == ANGRY


def test_a_frame_at_the_same_or_an_earlier_time_changes_nothing() -> None:
    smoother = ProbabilitySmoother(0.4)
    smoother.update(1, HAPPY, 5.0)
    assert smoother.update(1, ANGRY, 5.0) == HAPPY
    assert smoother.update(1, ANGRY, 4.0) == HAPPY
    assert smoother.update(1, ANGRY, 5.4).probabilities[0] == pytest.approx(math.exp(-1))


def test_faces_do_not_mix() -> None:
    smoother = ProbabilitySmoother(0.4)
    smoother.update(1, HAPPY, 0.0)
    assert smoother.update(2, ANGRY, 0.1) == ANGRY
    assert smoother.current(1) == HAPPY


def test_other_classes_begin_anew() -> None:
    smoother = ProbabilitySmoother(0.4)
    smoother.update(1, HAPPY, 0.0)
    other = Prediction(("anger", "happiness"), (0.5, 0.5))
    assert smoother.update(1, other, 0.1) == other


def test_only_followed_faces_are_kept() -> None:
    smoother = ProbabilitySmoother(0.4)
    for track_id in range(5):
        smoother.update(track_id, HAPPY, 0.0)
    smoother.keep_only({3})
    assert [track_id for track_id in range(5) if smoother.current(track_id)] == [3]
    smoother.reset()
    assert smoother.current(3) is None


@given(
    st.lists(st.tuples(st.floats(0, 2), st.lists(st.floats(0.001, 1), min_size=4, max_size=4)), min_size=1),
    st.floats(0, 3),
)
def test_the_result_is_a_distribution(steps: list[tuple[float, list[float]]], time_constant: float) -> None:
    smoother = ProbabilitySmoother(time_constant)
    now = 0.0
    for elapsed, weights in steps:
        now += elapsed
        values = np.array(weights) / sum(weights)
        shown = smoother.update(1, Prediction.from_array("abcd", values), now)
        assert sum(shown.probabilities) == pytest.approx(1)
        assert min(shown.probabilities) >= 0
