"""What to expect of faces from anywhere: found again where it is known."""

import numpy as np
import pytest
from scipy.special import log_softmax

from fer_core.checkpoint import GeneralCalibration
from fer_core.errors import CheckpointError, DataError
from fer_core.evaluation.calibration import expect_generally
from fer_core.evaluation.general_calibration import SourceScores, fit_general

LEARNED = np.array([0.6, 0.3, 0.1])


def make_source(seed, *, strength, temperature, count=20_000):
    """Faces whose labels are drawn as a model would predict at that strength and temperature."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(count, 3)) + np.log(LEARNED)
    known = GeneralCalibration(prior_strength=strength, temperature=temperature)
    chances = expect_generally(logits, LEARNED, known)
    labels = (chances.cumsum(axis=1) < rng.random((count, 1))).sum(axis=1)
    return SourceScores(
        name=f"made-{seed}", logits=log_softmax(logits, axis=1), learned=LEARNED, labels=labels
    )


@pytest.mark.parametrize(("strength", "temperature"), [(0.75, 1.5), (0.0, 0.7), (1.0, 3.0)])
def test_what_made_the_labels_is_found(strength, temperature):
    found = fit_general([make_source(1, strength=strength, temperature=temperature)], balance=0)
    assert found.prior_strength == pytest.approx(strength, abs=0.08)
    assert found.temperature == pytest.approx(temperature, rel=0.05)
    (row,) = found.sources
    assert (row["dataset"], row["n"], row["classes"]) == ("made-1", 20_000, 3)
    assert row["ece"] < 0.02


def test_every_source_counts_the_same_whatever_its_size():
    few = make_source(1, strength=0.5, temperature=2.0, count=4_000)
    many = make_source(2, strength=0.5, temperature=1.0, count=40_000)
    alone = fit_general([many], balance=0).temperature
    assert alone == pytest.approx(1.0, rel=0.05)
    assert alone * 1.2 < fit_general([few, many], balance=0).temperature < 2.0


def test_shares_that_nobody_knows_take_more_of_the_learnt_ones_back():
    source = make_source(1, strength=0.0, temperature=1.0)
    natural, half, equal = (fit_general([source], balance=balance) for balance in (0, 0.5, 1))
    assert natural.prior_strength < 0.1
    assert natural.prior_strength + 0.2 < half.prior_strength < equal.prior_strength - 0.2


def test_nothing_to_choose_on():
    with pytest.raises(DataError, match="name data sets"):
        fit_general([])


@pytest.mark.parametrize(("strength", "temperature"), [(-0.1, 1), (1.1, 1), (float("nan"), 1), (0.5, 0)])
def test_values_that_make_no_sense(strength, temperature):
    with pytest.raises(CheckpointError, match="general"):
        GeneralCalibration(prior_strength=strength, temperature=temperature)
