import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_core.data.ferplus import compute_distributions
from fer_core.errors import DataError
from fer_core.labels import EMOTIONS, FERPLUS_COLUMNS

PUBLISHED_COUNTS = {
    "majority": [25_060, 3_199, 3_153],
    "crossentropy": [27_956, 3_505, 3_505],
    "probability": [27_956, 3_505, 3_505],
    "multi_target": [27_671, 3_472, 3_472],
}


def row(**votes: int) -> list[int]:
    return [votes.get(name, 0) for name in FERPLUS_COLUMNS]


def distribution(mode: str, **votes: int) -> dict[str, float] | None:
    result = compute_distributions([row(**votes)], mode)[0]
    if np.isnan(result).all():
        return None
    return {name: pytest.approx(value) for name, value in zip(EMOTIONS, result, strict=True) if value > 0}


@pytest.mark.parametrize("mode", PUBLISHED_COUNTS)
def test_published_label_file_gives_the_published_counts(shared, mode):
    table = pd.read_csv(shared / "data" / "fer2013new_all_labels.csv")
    kept = ~np.isnan(compute_distributions(table[list(FERPLUS_COLUMNS)].to_numpy(), mode)[:, 0])
    usages = ("Training", "PublicTest", "PrivateTest")
    assert [int((kept & (table["Usage"] == usage)).sum()) for usage in usages] == PUBLISHED_COUNTS[mode]


@pytest.mark.parametrize(
    ("mode", "votes", "expected"),
    [
        # Single votes are dropped before anything else: 5 of 5 + 2 is a majority, 5 of 10 would not be.
        ("majority", {"anger": 5, "fear": 2, "sadness": 1, "disgust": 1, "neutral": 1}, {"anger": 1.0}),
        ("majority", {"anger": 5, "fear": 5}, None),  # exactly half is no majority
        ("majority", {"unknown": 8, "anger": 2}, None),
        ("majority", {"NF": 10}, None),
        ("crossentropy", {"happiness": 8, "surprise": 2}, {"happiness": 1.0}),  # 8 of 10 covers 0.75
        ("crossentropy", {"happiness": 6, "surprise": 4}, {"happiness": 0.6, "surprise": 0.4}),
        (
            "crossentropy",
            {"neutral": 4, "sadness": 3, "fear": 3},
            {"neutral": 0.4, "sadness": 0.3, "fear": 0.3},
        ),
        # Equal counts are taken together, which makes four columns here: too many.
        ("crossentropy", {"neutral": 4, "sadness": 2, "fear": 2, "anger": 2}, None),
        # Unknown after an emotion ends the taking and is left out.
        ("crossentropy", {"neutral": 6, "unknown": 4}, {"neutral": 1.0}),
        # ... but what was taken must be more than half.
        ("crossentropy", {"neutral": 5, "unknown": 5}, None),
        ("crossentropy", {"unknown": 6, "neutral": 4}, None),
        ("probability", {"happiness": 6, "surprise": 4}, {"happiness": 0.6, "surprise": 0.4}),
        ("multi_target", {"happiness": 6, "surprise": 4}, {"happiness": 0.6, "surprise": 0.4}),
        ("multi_target", {"happiness": 7, "surprise": 2}, {"happiness": 1.0}),
        ("multi_target", {"neutral": 3, "fear": 3, "anger": 2, "sadness": 2}, {"neutral": 0.5, "fear": 0.5}),
        ("multi_target", {"neutral": 3, "fear": 2, "anger": 2, "sadness": 2}, None),
        # The top column is no emotion: discarded though the emotion reaches 30 %.
        ("multi_target", {"unknown": 6, "neutral": 4}, None),
        ("majority", {}, None),
        ("crossentropy", {}, None),
        ("multi_target", {"anger": 1, "fear": 1}, None),
    ],
)
def test_hand_computed_cases(mode, votes, expected):
    assert distribution(mode, **votes) == expected


@given(st.lists(st.lists(st.integers(0, 10), min_size=10, max_size=10), min_size=1, max_size=20))
def test_rows_are_distributions_or_discarded(votes):
    for mode in PUBLISHED_COUNTS:
        result = compute_distributions(votes, mode)
        assert result.shape == (len(votes), 8)
        for values in result:
            assert np.isnan(values).all() or (np.isclose(values.sum(), 1) and (values >= 0).all())
            if mode == "majority" and not np.isnan(values).any():
                assert values.max() == 1


@pytest.mark.parametrize("votes", [[[1, 2, 3]], [[-1] + [0] * 9], [[np.nan] + [0] * 9], [1] * 10])
def test_malformed_votes(votes):
    with pytest.raises(DataError, match="votes"):
        compute_distributions(votes, "majority")
