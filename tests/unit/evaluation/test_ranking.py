"""Points of ROC and precision-recall curves against scikit-learn, and what thinning may change."""

import numpy as np
import pytest
from hypothesis import given, settings
from sklearn import metrics as reference

from fer_core.evaluation.ranking import compute_pr_curve, compute_roc_curve
from fer_core.evaluation.report import build_report
from tests.unit.evaluation.makers import NAMES, draw_predictions, make_predictions, make_random, make_subject

ALL_POINTS = 10**6
ROUNDED = 6e-6
"""Curves are stored with five digits."""


def check_roc(scores, positive):
    curve = compute_roc_curve(scores, positive, max_points=ALL_POINTS)
    if positive.all() or not positive.any():
        assert curve.x == curve.y == []
        return
    x, y, _ = reference.roc_curve(positive, scores, drop_intermediate=False)
    np.testing.assert_allclose(curve.x, x, atol=ROUNDED)
    np.testing.assert_allclose(curve.y, y, atol=ROUNDED)


def check_pr(scores, positive):
    curve = compute_pr_curve(scores, positive, max_points=ALL_POINTS)
    if not positive.any():
        assert curve.x == curve.y == []
        return
    precision, recall, _ = reference.precision_recall_curve(positive, scores)
    np.testing.assert_allclose(curve.x, recall[::-1], atol=ROUNDED)
    np.testing.assert_allclose(curve.y, precision[::-1], atol=ROUNDED)


@given(draw_predictions())
@settings(max_examples=100, deadline=None)
def test_every_point_is_scikit_learns(data):
    for index in range(len(NAMES)):
        scores, positive = data.probabilities[:, index], data.labels == index
        check_roc(scores, positive)
        check_pr(scores, positive)


@pytest.mark.parametrize(
    ("scores", "positive"),
    [
        ([0.9, 0.8, 0.2, 0.1], [1, 1, 0, 0]),  # perfect
        ([0.9, 0.8, 0.2, 0.1], [0, 0, 1, 1]),  # all wrong
        ([0.5, 0.5, 0.5], [1, 0, 1]),  # all tied
        ([0.5], [1]),
        ([0.5], [0]),
        ([0.1, 0.7], [1, 1]),  # nothing but the class
    ],
)
def test_degenerate_curves(scores, positive):
    check_roc(np.array(scores), np.array(positive, dtype=bool))
    check_pr(np.array(scores), np.array(positive, dtype=bool))


def test_a_thinned_curve_keeps_ends_and_area():
    data = make_random(5000, skill=1.2)
    report = build_report(data, make_subject(), num_resamples=0)
    for index, name in enumerate(NAMES):
        roc = report.curves["roc"][name]
        full_x, full_y, _ = reference.roc_curve(data.labels == index, data.probabilities[:, index])
        assert len(roc["x"]) <= 201 < len(full_x)
        assert (roc["x"][0], roc["y"][0], roc["x"][-1], roc["y"][-1]) == (0, 0, 1, 1)
        thinned = reference.auc(roc["x"], roc["y"])
        assert thinned == pytest.approx(reference.auc(full_x, full_y), abs=2e-3)
        assert thinned == pytest.approx(report.figures[f"roc_auc.{name}"].value, abs=2e-3)


def test_the_curves_of_an_absent_class_are_empty():
    data = make_predictions([0, 0, 1], np.eye(3)[[0, 1, 1]] * 0.94 + 0.02)
    curves = build_report(data, make_subject(), num_resamples=0).curves
    assert curves["roc"]["neutral"] == curves["pr"]["neutral"] == {"x": [], "y": []}
