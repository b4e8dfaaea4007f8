"""Expecting other shares of the classes than the training data had."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_core.checkpoint import GeneralCalibration
from fer_core.errors import ConfigError
from fer_core.inference.class_prior import (
    GENERAL_PRIOR,
    TRAINING_PRIOR,
    adjust_prior,
    build_adjustment,
    parse_prior,
    with_prior,
)
from fer_core.inference.torch_predictor import TorchPredictor
from fer_core.types import FaceBox
from tests.unit.inference.test_predictor import CLASSES, MeanModel, make_info


def test_bayes_by_hand():
    """0.8, 0.2 learnt at 3/4, 1/4: the face itself says 16 to 12; with equal shares 4/7 and 3/7."""
    found = adjust_prior(np.float32([[0.8, 0.2]]), [0.75, 0.25], [0.5, 0.5])
    np.testing.assert_allclose(found, [[4 / 7, 3 / 7]], rtol=1e-6)


shares = st.lists(st.floats(0.01, 1), min_size=4, max_size=4).map(
    lambda values: np.divide(values, sum(values))
)


@given(shares, shares, shares)
def test_there_and_back(probabilities, learned, expected):
    row = probabilities[None].astype(np.float32)
    there = adjust_prior(row, learned, expected)
    assert there.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(adjust_prior(there, expected, learned), row, atol=1e-4)
    np.testing.assert_allclose(adjust_prior(row, learned, learned), row, atol=1e-6)


def test_a_class_that_was_never_seen_is_not_made_certain():
    found = adjust_prior(np.float32([[0.999, 0.00001]]), [1.0, 0.0], [0.5, 0.5])
    assert np.isfinite(found).all()
    assert found[0, 1] < 0.1


def test_reading_shares():
    assert parse_prior("uniform", "ab", (0.8, 0.2)) == (0.5, 0.5)
    assert parse_prior("b=1, a=3", "ab", (0.8, 0.2)) == (0.75, 0.25)
    assert parse_prior("halfway", "ab", (0.8, 0.2)) == pytest.approx((2 / 3, 1 / 3))
    never_seen = parse_prior("halfway", "ab", (1.0, 0.0))
    assert 0 < never_seen[1] < 0.01


@pytest.mark.parametrize(
    "text", ["", "flat", "a=1", "a=1,b=0", "a=1,b=-1", "a=1,b=nan", "a=1,b=x", "a=1,b=1,c=1", "a=1,a=1,b=1"]
)
def test_shares_that_make_no_sense(text):
    with pytest.raises(ConfigError, match="prior"):
        parse_prior(text, "ab", (0.5, 0.5))


def predictor(prior=None):
    data = {"class_prior": dict(zip(CLASSES, prior, strict=True))} if prior else {}
    return TorchPredictor(MeanModel(), replace(make_info(), data=data), device="cpu")


def test_a_predictor_with_another_prior():
    plain = predictor((0.8, 0.1, 0.1))
    assert with_prior(plain, TRAINING_PRIOR) is plain
    adjusted = with_prior(plain, "uniform")
    crops = np.full((2, *make_info_shape()), 100, np.uint8)
    expected = adjust_prior(plain.predict_crops(crops), (0.8, 0.1, 0.1), (1 / 3,) * 3)
    np.testing.assert_allclose(adjusted.predict_crops(crops), expected, rtol=1e-6)
    assert (adjusted.info, adjusted.runtime) == (plain.info, plain.runtime)
    image = np.full((60, 60, 3), 100, np.uint8)
    box = FaceBox(x=5, y=5, width=40, height=50, score=1.0)
    (one,) = adjusted.predict(image, [box])
    (raw,) = plain.predict(image, [box])
    np.testing.assert_allclose(
        one.probabilities,
        adjust_prior(np.float32([raw.probabilities]), (0.8, 0.1, 0.1), (1 / 3,) * 3)[0],
        rtol=1e-5,
    )
    assert adjusted.predict(image, []) == []
    assert adjusted.predict_crops(crops[:0]).shape == (0, 3)


def test_faces_from_anywhere_by_hand():
    """0.8, 0.2 at temperature 0.5: the logits differ by ln 2; half of ln 3 is taken back, the rest halved."""
    general = GeneralCalibration(prior_strength=0.5, temperature=2.0)
    data = {"class_prior": {"a": 0.75, "b": 0.25}}
    info = replace(make_info(), classes=("a", "b"), data=data, temperature=0.5, general=general)
    adjust = build_adjustment(info, GENERAL_PRIOR)
    odds = (2 / 3**0.5) ** 0.5
    np.testing.assert_allclose(
        adjust(np.float32([[0.8, 0.2]])), [[odds / (1 + odds), 1 / (1 + odds)]], rtol=1e-5
    )


def test_faces_from_anywhere_of_a_model_that_was_not_given_any():
    plain = predictor((0.8, 0.1, 0.1))
    assert with_prior(plain, GENERAL_PRIOR) is plain
    assert with_prior(predictor(), GENERAL_PRIOR).info.class_prior is None


def make_info_shape():
    spec = make_info().input
    return (spec.height, spec.width) if spec.color == "gray" else (spec.height, spec.width, 3)


@pytest.mark.parametrize(
    "recorded", [None, {}, {"a": 1}, 3, dict.fromkeys(CLASSES, 0.0), dict.fromkeys(CLASSES, "x")]
)
def test_a_model_that_does_not_say_what_it_learnt(recorded):
    info = replace(make_info(), data={} if recorded is None else {"class_prior": recorded})
    assert info.class_prior is None
    with pytest.raises(ConfigError, match="does not say how often"):
        with_prior(TorchPredictor(MeanModel(), info, device="cpu"), "uniform")
