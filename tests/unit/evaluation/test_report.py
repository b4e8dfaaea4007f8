"""Confusion matrices, calibration and its diagram against scikit-learn and torchmetrics."""

import math

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn import metrics as reference
from sklearn.calibration import calibration_curve
from torchmetrics.functional.classification import multiclass_calibration_error

from fer_core.evaluation.bootstrap import PreparedMetrics, compute_point
from fer_core.evaluation.calibration import (
    NUM_BINS,
    compute_ece,
    cross_fit_temperature,
    rescale_probabilities,
)
from fer_core.evaluation.report import build_report, compute_reliability, normalise_confusion
from tests.unit.evaluation.makers import NAMES, draw_predictions, make_predictions, make_random, make_subject

LABELS = range(len(NAMES))


def check_matrices(data):
    written = build_report(data, make_subject(), num_resamples=0).to_dict()
    truth, predicted = data.labels, data.predicted
    assert written["confusion"] == reference.confusion_matrix(truth, predicted, labels=LABELS).tolist()
    for key, by, axis in (("truth", "true", 1), ("predictions", "pred", 0)):
        ours = np.array(written[f"confusion_of_{key}"])
        theirs = reference.confusion_matrix(truth, predicted, labels=LABELS, normalize=by)
        # Where scikit-learn writes 0 for a row (or column) without any image, nothing is known.
        empty = np.array(written["confusion"]).sum(axis=axis, keepdims=True) == 0
        np.testing.assert_allclose(ours, np.where(empty, np.nan, theirs))


@given(draw_predictions())
@settings(max_examples=40, deadline=None)
def test_matrices_equal_scikit_learn(data):
    check_matrices(data)


@pytest.mark.parametrize(
    ("labels", "predicted"),
    [([0, 0], [0, 0]), ([0, 1, 2], [1, 2, 0]), ([0, 1, 2], [0, 1, 2]), ([2], [1]), ([0, 0, 1], [2, 2, 2])],
)
def test_degenerate_matrices(labels, predicted):
    check_matrices(make_predictions(labels, np.eye(3)[predicted] * 0.94 + 0.02))


def test_shares_of_nothing_are_undefined():
    shares = normalise_confusion([[2, 1], [0, 0]], by="truth")
    np.testing.assert_allclose(shares, [[2 / 3, 1 / 3], [math.nan, math.nan]])
    assert np.isnan(normalise_confusion([[1, 0], [2, 0]], by="prediction")[:, 1]).all()


confident = st.lists(
    st.tuples(st.integers(0, 2), st.tuples(*[st.floats(-4, 4)] * 3)), min_size=1, max_size=30
)


@given(confident)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
def test_calibration_error_equals_torchmetrics(images):
    labels = np.array([label for label, _ in images])
    chances = softmax(np.array([logits for _, logits in images]), axis=1)
    places = chances.max(axis=1) * NUM_BINS
    # On the edge of two bins, and with ties, torchmetrics decides otherwise; and it counts in float32.
    ordered = np.sort(chances, axis=1)
    kept = (np.abs(places - np.round(places)) > 1e-4) & (ordered[:, -1] - ordered[:, -2] > 1e-4)
    assume(kept.any())
    chances, labels = chances[kept], labels[kept]
    theirs = multiclass_calibration_error(
        torch.from_numpy(chances), torch.from_numpy(labels), num_classes=3, n_bins=NUM_BINS, norm="l1"
    )
    assert compute_ece(chances, labels) == pytest.approx(float(theirs), abs=1e-5)
    figures = compute_point(PreparedMetrics(make_predictions(labels, chances)))
    assert figures["ece"] == pytest.approx(float(theirs), abs=1e-5)


@given(draw_predictions())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
def test_reliability_equals_scikit_learn(data):
    places = data.confidence * NUM_BINS
    inside = np.abs(places - np.round(places)) >= 1e-9  # one on an edge falls to either side by rounding
    assume(inside.any())
    sure, right = data.confidence[inside], data.is_right[inside]
    accuracy, confidence = calibration_curve(right, sure, n_bins=NUM_BINS)
    ours = compute_reliability(data.probabilities[inside], data.labels[inside])
    np.testing.assert_allclose(ours["accuracy"], accuracy)
    np.testing.assert_allclose(ours["confidence"], confidence)
    assert sum(ours["n"]) == inside.sum()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_other_temperatures_are_those_of_the_logits(temperature):
    logits = np.random.default_rng(0).normal(0, 2, (50, 3))
    again = rescale_probabilities(softmax(logits / temperature, axis=1), temperature)
    np.testing.assert_allclose(again, softmax(logits, axis=1), atol=1e-12)


def test_no_image_is_calibrated_by_itself():
    """What one half's labels say changes nothing in that half."""
    data = make_random(60)
    before = cross_fit_temperature(data.probabilities, data.labels)
    labels = data.labels.copy()
    labels[::2] = (labels[::2] + 1) % 3
    after = cross_fit_temperature(data.probabilities, labels)
    np.testing.assert_array_equal(before[::2], after[::2])
    assert np.abs(before[1::2] - after[1::2]).max() > 1e-3
    single = data.probabilities[:1]
    np.testing.assert_array_equal(cross_fit_temperature(single, labels[:1]), single)
