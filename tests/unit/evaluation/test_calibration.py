import numpy as np
import pytest
from scipy.special import softmax

from fer_core.errors import DataError
from fer_core.evaluation.calibration import compute_ece, fit_temperature


def sample(rng, temperature, count=20_000):
    """Labels drawn from softmax(logits / temperature): that temperature is the right one by construction."""
    logits = rng.normal(0, 3, (count, 4))
    chances = softmax(logits / temperature, axis=1)
    labels = (chances.cumsum(axis=1) < rng.random((count, 1))).sum(axis=1)
    return logits, labels


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_finds_the_temperature_that_made_the_labels(temperature):
    logits, labels = sample(np.random.default_rng(0), temperature)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.05)
    chances = softmax(logits / temperature, axis=1)
    assert compute_ece(chances, labels) < 0.02


def test_a_perfect_model_has_a_finite_temperature():
    assert 0.04 < fit_temperature(np.eye(3) * 5, [0, 1, 2]) < 1
    with pytest.raises(DataError):
        fit_temperature(np.zeros((0, 3)), [])


def test_ece_by_hand():
    # Two of confidence 0.9, one right: gap 0.4. Two of confidence 0.6, both right: gap 0.4.
    chances = [[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]]
    assert compute_ece(chances, [0, 1, 0, 0]) == pytest.approx(0.4)
    assert compute_ece([[1.0, 0.0]], [0]) == 0
