"""Risk against coverage, by hand."""

import numpy as np
import pytest

from fer_core.errors import DataError
from fer_core.evaluation.risk_coverage import compute_risk_coverage


def test_by_hand():
    found = compute_risk_coverage([0.9, 0.1, 0.8, 0.5, 0.3], [1, 0, 1, 0, 1])
    assert found.coverage == pytest.approx((0.2, 0.4, 0.6, 0.8, 1.0))
    assert found.accuracy == pytest.approx((1, 1, 2 / 3, 3 / 4, 3 / 5))
    assert found.aurc == pytest.approx((0 + 0 + 1 / 3 + 1 / 4 + 2 / 5) / 5)
    assert found.accuracy_at(0.8) == pytest.approx(3 / 4)
    assert found.accuracy_at(0.5) == pytest.approx(2 / 3), "the next share that can be had"
    assert found.describe().startswith("60.0% at 100% coverage, 75.0% at 80% coverage, 66.7% at 50% coverage")


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_equally_sure_images_stand_in_no_order(order):
    found = compute_risk_coverage(np.full(10, 0.4), np.array([1] * 6 + [0] * 4)[order])
    assert found.accuracy == pytest.approx((0.6,) * 10)


def test_many_images_are_thinned_and_end_at_all():
    right = np.random.default_rng(0).random(1043) < 0.7
    found = compute_risk_coverage(np.arange(1043), right)
    assert len(found.coverage) == 100 and found.coverage[-1] == 1
    assert found.accuracy_at(1.0) == pytest.approx(right.mean())
    assert found.accuracy_at(0.8) == pytest.approx(right[::-1][: int(np.ceil(0.8 * 1043))].mean())


@pytest.mark.parametrize("scores", [[], [float("nan")]])
def test_nothing_to_rank(scores):
    with pytest.raises(DataError, match="can't rank"):
        compute_risk_coverage(scores, scores)
