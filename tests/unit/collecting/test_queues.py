"""What comes next, and agreement."""

import math

import pytest
from sklearn.metrics import cohen_kappa_score

from fer_core.collecting.queues import compare_annotators, find_disagreements, find_main_label, list_next
from tests.collections import make_vote

FACES = [f"{number:06d}" for number in range(1, 6)]


def count(*votes):
    return {(vote.face, vote.annotator): vote for vote in votes}


VOTES = count(
    make_vote(1, 1, ["fear"]),
    make_vote(2, 2, ["unsure"]),
    make_vote(3, 3, ["fear"]),
    make_vote(4, 1, ["fear", "surprise"], "Ben"),
    make_vote(5, 2, ["anger"], "Ben"),
    make_vote(6, 3, ["anger"], "Ben"),
    make_vote(7, 4, ["no face"], "Ben"),
)


@pytest.mark.parametrize(
    ("order", "who", "expected"),
    [
        ("mine", "Ann", [4, 5]),
        ("mine", "Cem", [1, 2, 3, 4, 5]),
        ("anybody", "Ann", [5]),
        ("unsure", "Ann", [2]),
        ("unsure", "Ben", []),
        ("disagreements", "Ann", [3]),
        ("disagreements", "Ben", [3]),
        ("disagreements", "Cem", []),
    ],
)
def test_next_faces(order, who, expected):
    assert list_next(FACES, VOTES, who, order) == [f"{number:06d}" for number in expected]


def test_a_disagreement_comes_back_once():
    votes = {**VOTES, **count(make_vote(8, 3, ["fear"], "Ann", again=True))}
    assert find_disagreements(FACES, votes) == ["000003"]
    assert list_next(FACES, votes, "Ann", "disagreements") == []
    assert list_next(FACES, votes, "Ben", "disagreements") == ["000003"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([["fear"], ["fear"], ["anger"]], "fear"),
        ([["fear"], ["anger"]], ""),
        ([["fear", "anger"], ["anger"]], "anger"),
        ([["unsure"], ["anger"]], "anger"),
        ([["unsure"]], ""),
        ([], ""),
    ],
)
def test_main_label(said, expected):
    votes = [make_vote(number, 1, labels, f"A{number}") for number, labels in enumerate(said)]
    assert find_main_label(votes) == expected


def test_agreement_is_that_of_another_library():
    first = ["fear", "anger", "fear", "anger", "fear", "neutral"]
    second = ["fear", "anger", "anger", "anger", "fear", "fear"]
    votes = count(
        *(make_vote(face, face, [label], "Ann") for face, label in enumerate(first)),
        *(make_vote(face, face, [label], "Ben") for face, label in enumerate(second)),
        make_vote(9, 9, ["unsure"], "Ann"),
        make_vote(9, 9, ["fear"], "Ben"),
    )
    row = compare_annotators(votes).iloc[0]
    assert (row["num_faces"], row["observed"]) == (6, pytest.approx(4 / 6))
    assert row["kappa"] == pytest.approx(cohen_kappa_score(first, second))


def test_three_annotators_have_a_row_for_all():
    votes = count(
        *(make_vote(face, face, ["fear" if face else "anger"], who) for face in range(3) for who in "ABC")
    )
    table = compare_annotators(votes)
    assert table["first"].tolist() == ["A", "A", "B", "all"]
    assert table.iloc[-1]["alpha"] == pytest.approx(1.0)
    assert math.isnan(table.iloc[-1]["kappa"])
    assert compare_annotators({}).empty
