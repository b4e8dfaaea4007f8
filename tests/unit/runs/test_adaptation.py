"""What adapting a model gained and cost, in words."""

from dataclasses import replace
from pathlib import Path

import pytest

from fer_core.errors import RunError
from fer_core.runs.adaptation import (
    ADAPTATION_FILE,
    Adaptation,
    Change,
    GroupChange,
    Measured,
    load_adaptation,
    save_adaptation,
)

OWN = Change(
    dataset="own-by-person",
    split="test",
    protocol="single label",
    n=120,
    num_groups=8,
    before=Measured(value=0.5, low=0.4, high=0.6),
    after=Measured(value=0.6, low=0.5, high=0.7),
    difference=Measured(value=0.1, low=0.04, high=0.16),
    ece_before=0.2,
    ece_after=0.05,
    only_before=3,
    only_after=15,
    p_value=0.0075,
)
OLD = replace(
    OWN,
    dataset="ferplus",
    n=3199,
    before=Measured(value=0.893),
    after=Measured(value=0.887),
    difference=Measured(value=-0.006),
)
FOUND = Adaptation(
    model="fer-small",
    weights_sha256="0" * 64,
    dataset="own-by-person",
    num_train=300,
    num_valid=60,
    replay="ferplus",
    own=OWN,
    old=OLD,
    groups=(GroupChange(name="Ann", n=15, before=Measured(value=0.4), after=Measured(value=0.6)),),
    verdict="better",
    needed=0,
    sought=0.1,
    calibrated_on="Calibrated on 60 validation faces of own-by-person.",
    share=0.5,
)


def test_it_reads_back_as_it_was_written(tmp_path: Path) -> None:
    assert load_adaptation(tmp_path) is None
    save_adaptation(tmp_path, FOUND)
    assert load_adaptation(tmp_path) == FOUND
    (tmp_path / ADAPTATION_FILE).write_text("{}")
    with pytest.raises(RunError, match="adapt the model again"):
        load_adaptation(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "+10.0 points of accuracy on clips it has never seen"),
        ({}, "alone is right on 15, the one before alone on 3 (McNemar p = 0.007"),
        ({}, "from 89.3% to 88.7% (-0.6 points, n = 3,199)"),
        ({}, "Of what it learned 50% was kept: more of it costs too much on ferplus."),
        ({"verdict": "worse"}, "Keep using fer-small"),
        ({"verdict": "too_few", "needed": 500}, "About 380 more held-out faces (500 in all) would show"),
        ({"verdict": "too_few", "needed": 60}, "too few people or clips: hold out more"),
        ({"verdict": "unclear", "needed": 500}, "No clear difference"),
        ({"old": None}, "What it forgot is not known"),
        ({"own": replace(OWN, only_after=0, only_before=0)}, "right on the same of 120 held-out faces"),
    ],
)
def test_the_words_say_what_was_found(change: dict, words: str) -> None:
    assert words in " ".join(replace(FOUND, **change).describe())
