"""Choosing compared images, and handing them on as suspects."""

import json

import numpy as np
import pytest

from fer_core.data.suspected_labels import suspects_path
from fer_core.errors import DataError
from fer_core.evaluation.error_selection import Selection, add_suspects
from tests.unit.evaluation.makers import NAMES, make_predictions

ANGER, FEAR, NEUTRAL = range(3)
LABELS = [ANGER, ANGER, FEAR, NEUTRAL, NEUTRAL]


def _predict(answers, confidence):
    chances = np.full((len(answers), len(NAMES)), 0.0)
    for row, (answer, sure) in enumerate(zip(answers, confidence, strict=True)):
        chances[row] = (1 - sure) / (len(NAMES) - 1)
        chances[row, answer] = sure
    return make_predictions(LABELS, chances)


FIRST = _predict([ANGER, FEAR, FEAR, ANGER, NEUTRAL], [0.5, 0.9, 0.6, 0.7, 0.8])
SECOND = _predict([FEAR, ANGER, FEAR, ANGER, NEUTRAL], [0.9, 0.9, 0.9, 0.9, 0.9])


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(), [1, 4, 3, 2, 0]),
        (Selection(truth="anger"), [1, 0]),
        (Selection(prediction="fear"), [1, 2]),
        (Selection(truth="neutral", prediction="anger"), [3]),
        (Selection(confidence=(0.6, 0.8)), [4, 3, 2]),
        (Selection(outcome="wrong"), [1, 3]),
        (Selection(outcome="right"), [4, 2, 0]),
        (Selection(outcome="only first right"), [0]),
        (Selection(outcome="only second right"), [1]),
        (Selection(outcome="both wrong"), [3]),
    ],
)
def test_the_most_confident_come_first(selection, expected):
    assert selection.find(FIRST, SECOND).tolist() == expected


def test_what_can_not_be_chosen_is_told():
    with pytest.raises(DataError, match="second model"):
        Selection(outcome="both wrong").find(FIRST)
    with pytest.raises(DataError, match="unknown outcome 'odd'"):
        Selection(outcome="odd").find(FIRST, SECOND)


def test_it_is_described_in_words():
    assert Selection().describe() == "all images"
    chosen = Selection(truth="anger", prediction="fear", outcome="only first right", confidence=(0.5, 1.0))
    assert (
        chosen.describe("a", "b") == "truth anger, prediction fear, only a is right, confidence 0.50 to 1.00"
    )


def test_suspects_add_up_until_the_data_set_changes(workspace):
    assert add_suspects(workspace, "faces", "a" * 64, [1, 2], "first") == 2
    assert add_suspects(workspace, "faces", "a" * 64, [2, 7], "second") == 3
    noted = json.loads(suspects_path(workspace, "faces").read_text())
    told = [(item["row"], item["source"]) for item in noted["rows"]]
    assert sorted(told) == [(1, "first"), (2, "first"), (2, "second"), (7, "second")]
    assert add_suspects(workspace, "faces", "b" * 64, [5], "third") == 1
