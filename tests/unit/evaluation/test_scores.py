import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from fer_core.errors import DataError
from fer_core.evaluation.scores import compute_scores

NAMES = ("anger", "fear", "neutral")


def one_hot(predicted):
    return np.eye(3)[predicted] * 0.94 + 0.02


def test_by_hand():
    scores = compute_scores([0, 0, 1, 2], one_hot([0, 1, 1, 1]), NAMES)
    assert scores.n == 4
    assert scores.accuracy == 0.5
    assert scores.balanced_accuracy == pytest.approx((0.5 + 1 + 0) / 3)
    assert scores.confusion == ((1, 1, 0), (0, 1, 0), (0, 1, 0))
    anger, fear, neutral = scores.classes
    assert (anger.precision, anger.recall, anger.f1) == (1, 0.5, pytest.approx(2 / 3))
    assert (fear.precision, fear.recall, fear.f1) == (pytest.approx(1 / 3), 1, 0.5)
    assert math.isnan(neutral.precision)
    assert (neutral.recall, neutral.f1) == (0, 0)
    assert scores.macro_f1 == pytest.approx((2 / 3 + 0.5 + 0) / 3)
    assert scores.log_loss == pytest.approx(-(2 * math.log(0.96) + 2 * math.log(0.02)) / 4)


def test_an_absent_class_is_undefined_not_zero():
    scores = compute_scores([0, 1], one_hot([0, 1]), NAMES)
    absent = scores.classes[2]
    assert absent.support == 0
    assert math.isnan(absent.recall)
    assert math.isnan(absent.f1)
    assert scores.macro_f1 == scores.balanced_accuracy == 1


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40))
def test_equals_scikit_learn(pairs):
    truth, predicted = map(np.array, zip(*pairs, strict=True))
    scores = compute_scores(truth, one_hot(predicted), NAMES)
    present = np.unique(truth)
    assert scores.accuracy == pytest.approx(reference.accuracy_score(truth, predicted))
    assert scores.macro_f1 == pytest.approx(
        reference.f1_score(truth, predicted, labels=present, average="macro", zero_division=0)
    )
    assert scores.balanced_accuracy == pytest.approx(
        reference.recall_score(truth, predicted, labels=present, average="macro", zero_division=0)
    )
    assert scores.log_loss == pytest.approx(reference.log_loss(truth, one_hot(predicted), labels=[0, 1, 2]))


@pytest.mark.parametrize(
    ("labels", "probabilities"), [([], np.zeros((0, 3))), ([0], np.ones((2, 3))), ([0], np.ones((1, 4)))]
)
def test_what_can_not_be_scored(labels, probabilities):
    with pytest.raises(DataError, match="can't score"):
        compute_scores(labels, probabilities, NAMES)
