"""Which faces are chosen for labelling: by hand, on a few."""

import numpy as np
import pytest

from fer_core.data.choosing import CHOICE_METHODS, choose_faces
from fer_core.errors import ConfigError, DataError

# Four faces: sure, torn between two classes, fairly sure, unsure.
ANSWERS = np.array([[0.9, 0.05, 0.05], [0.45, 0.44, 0.11], [0.7, 0.2, 0.1], [0.5, 0.3, 0.2]])
# Two directions that are nearly the same, one across, one opposite.
POINTS = np.array([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [-3.0, 0.0]])


def test_the_least_sure_have_the_smallest_margin() -> None:
    assert choose_faces(ANSWERS, POINTS, None, 3, "least_sure", 0).tolist() == [1, 3, 2]


def test_models_that_differ_point_to_a_face() -> None:
    other = ANSWERS.copy()
    other[2] = [0.1, 0.1, 0.8]
    assert choose_faces([ANSWERS, other], POINTS, None, 1, "disagreement", 0).tolist() == [2]


def test_the_most_different_are_far_from_what_is_chosen_and_from_each_other() -> None:
    found = choose_faces(ANSWERS, POINTS, [[5.0, 0.0]], 3, "most_different", 0)
    assert found.tolist() == [3, 2, 1]


def test_a_mixed_choice_is_spread_over_the_least_sure() -> None:
    answers = np.tile([0.9, 0.1], (30, 1))
    answers[:10] = [0.55, 0.45]
    points = np.zeros((30, 2))
    points[:, 0] = 1
    points[3] = [0, 1]  # the one of the unsure that looks otherwise
    points[20] = [-1, 0]  # farthest of all, but sure
    found = choose_faces(answers, points, [[1.0, 0.0]], 2, "mixed", 0)
    assert found[0] == 3
    assert found[1] < 10


@pytest.mark.parametrize("method", CHOICE_METHODS)
def test_every_method_takes_each_face_once_and_repeats_itself(method: str) -> None:
    rng = np.random.default_rng(0)
    answers = rng.dirichlet([1, 1, 1], (2, 12))
    points = rng.normal(size=(12, 4))
    first = choose_faces(answers, points, points[:2], 20, method, 5)  # type: ignore[arg-type]
    assert sorted(first.tolist()) == list(range(12))
    assert first.tolist() == choose_faces(answers, points, points[:2], 20, method, 5).tolist()  # type: ignore[arg-type]


def test_chance_needs_another_seed_to_choose_otherwise() -> None:
    answers, points = np.full((50, 2), 0.5), np.ones((50, 3))
    first, second = (choose_faces(answers, points, None, 10, "random", seed) for seed in (1, 2))
    assert first.tolist() != second.tolist()


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"method": "best"}, ConfigError, "no method 'best'"),
        ({"count": 0}, ConfigError, "at least 1"),
        ({"method": "disagreement"}, DataError, "one model can't disagree"),
        ({"embeddings": POINTS[:2]}, DataError, "expected M x N x K"),
        ({"chosen_embeddings": np.ones((1, 3))}, DataError, "C x E"),
        ({"embeddings": POINTS * np.nan}, DataError, "not finite"),
    ],
)
def test_what_can_not_be_chosen_from_is_told(change: dict, error: type[Exception], words: str) -> None:
    given = {
        "probabilities": ANSWERS,
        "embeddings": POINTS,
        "chosen_embeddings": None,
        "count": 2,
        "method": "least_sure",
        "seed": 0,
    }
    with pytest.raises(error, match=words):
        choose_faces(**{**given, **change})
