"""Every figure against scikit-learn and SciPy, on random and on degenerate predictions."""

import dataclasses
import math
import re
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy
from sklearn import metrics as reference

from fer_core.errors import ConfigError
from fer_core.evaluation.bootstrap import PreparedMetrics, compute_point, compute_samples, iterate_resamples
from fer_core.evaluation.calibration import compute_ece
from fer_core.evaluation.metrics import METRICS, Metric, ScoredImages, Weighting, each_image, each_resample
from fer_core.evaluation.report import build_report
from tests.unit.evaluation.makers import NAMES, draw_predictions, make_predictions, make_random, make_subject

LABELS = [0, 1, 2]


def quietly(function, *arguments, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments, **options)


def check_against_scikit_learn(data, figures):
    truth, predicted, chances = data.labels, data.predicted, data.probabilities
    present = np.unique(truth)

    def check(name, expected):
        assert figures[name] == pytest.approx(float(expected), abs=1e-9, nan_ok=True), name

    check("accuracy", reference.accuracy_score(truth, predicted))
    check("balanced_accuracy", quietly(reference.balanced_accuracy_score, truth, predicted))
    check("macro_f1", quietly(reference.f1_score, truth, predicted, labels=present, average="macro"))
    check("weighted_f1", quietly(reference.f1_score, truth, predicted, labels=LABELS, average="weighted"))
    check("log_loss", reference.log_loss(truth, chances, labels=LABELS))
    check("brier", np.square(chances - np.eye(len(NAMES))[truth]).sum(axis=1).mean())
    kappa = quietly(reference.cohen_kappa_score, truth, predicted)
    if len(set(truth.tolist()) | set(predicted.tolist())) > 1:
        check("kappa", kappa)
    else:
        assert math.isnan(figures["kappa"])
    if len(present) > 1 and len(np.unique(predicted)) > 1:
        check("mcc", reference.matthews_corrcoef(truth, predicted))
    else:
        assert math.isnan(figures["mcc"])
    # With ties scikit-learn prefers the last class and we the first, as argmax does: turn the order round.
    turned, last = chances[:, ::-1], len(NAMES) - 1
    check("top2_accuracy", reference.top_k_accuracy_score(last - truth, turned, k=2, labels=LABELS))
    if len(present) == len(NAMES):
        check("roc_auc", reference.roc_auc_score(truth, chances, multi_class="ovr", average="macro"))
    parts = quietly(
        reference.precision_recall_fscore_support, truth, predicted, labels=LABELS, zero_division=np.nan
    )
    for index, name in enumerate(NAMES):
        for kind, values in zip(("precision", "recall", "f1"), parts, strict=False):
            check(f"{kind}.{name}", values[index])
        positive = truth == index
        if positive.any():
            check(f"average_precision.{name}", reference.average_precision_score(positive, chances[:, index]))
        else:
            assert math.isnan(figures[f"average_precision.{name}"])
        if positive.any() and not positive.all():
            check(f"roc_auc.{name}", reference.roc_auc_score(positive, chances[:, index]))
        else:
            assert math.isnan(figures[f"roc_auc.{name}"])
    check("ece", compute_ece(chances, truth))


@given(draw_predictions())
@settings(max_examples=150, deadline=None)
def test_every_figure_equals_scikit_learn(data):
    check_against_scikit_learn(data, compute_point(PreparedMetrics(data)))


@pytest.mark.parametrize(
    ("labels", "predicted"),
    [
        ([0, 0, 0], [0, 0, 0]),  # one class, perfect
        ([0, 1, 2], [0, 1, 2]),  # perfect
        ([0, 1, 2], [1, 2, 0]),  # all wrong
        ([0, 0, 1], [2, 2, 2]),  # an absent class is all that is predicted
        ([1], [1]),
        ([1], [0]),
    ],
)
def test_degenerate_predictions(labels, predicted):
    data = make_predictions(labels, np.eye(3)[predicted] * 0.94 + 0.02)
    check_against_scikit_learn(data, compute_point(PreparedMetrics(data)))


def test_of_tied_classes_the_first_two_count():
    tied = make_predictions([0, 1, 2], np.full((3, 3), 1 / 3))
    assert compute_point(PreparedMetrics(tied))["top2_accuracy"] == pytest.approx(2 / 3)


def test_distances_to_the_annotators_equal_scipy():
    shares = np.array([[1, 0, 0], [0.5, 0.5, 0], [np.nan] * 3, [0.2, 0.3, 0.5]])
    chances = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6], [0.2, 0.3, 0.5]])
    data = make_predictions([0, 1, 2, 2], chances, annotators=shares, agreement=np.array([1, 0.5, 0.7, 0.9]))
    figures = compute_point(PreparedMetrics(data))
    known = [0, 1, 3]
    assert figures["kl_divergence"] == pytest.approx(np.mean([entropy(shares[i], chances[i]) for i in known]))
    distances = [jensenshannon(shares[i], chances[i], base=2) for i in known]
    assert figures["js_distance"] == pytest.approx(np.mean(distances))
    assert figures["agreement.all agree"] == 1
    assert figures["agreement.60 to 80 %"] == 1
    report = build_report(data, make_subject(), num_resamples=20)
    assert report.figures["kl_divergence"].n == 3
    assert report.figures["agreement.up to 60 %"].n == 1


def test_a_certain_miss_costs_what_scikit_learn_says():
    data = make_predictions([0, 1, 2], [[0, 1, 0], [0, 1, 0], [0.5, 0.5, 0]])
    check_against_scikit_learn(data, compute_point(PreparedMetrics(data)))


@given(draw_predictions(), st.data())
@settings(max_examples=60, deadline=None)
def test_distances_to_any_annotators_equal_scipy(data, source):
    count = len(data)
    votes = source.draw(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=count, max_size=count))
    votes = np.array(votes, dtype=float)
    with np.errstate(invalid="ignore"):
        shares = votes / votes.sum(axis=1, keepdims=True)  # NaN where nobody voted for a class
    figures = compute_point(PreparedMetrics(dataclasses.replace(data, annotators=shares)))
    known = votes.sum(axis=1) > 0
    if not known.any():
        assert math.isnan(figures["kl_divergence"])
        assert math.isnan(figures["js_distance"])
        return
    left, right = shares[known], data.probabilities[known]
    assert figures["kl_divergence"] == pytest.approx(entropy(left, right, axis=1).mean(), abs=1e-9)
    # SciPy's square root of a difference that is zero but for rounding is up to 1e-8, or NaN.
    expected = np.nan_to_num(jensenshannon(left, right, base=2, axis=1)).mean()
    assert figures["js_distance"] == pytest.approx(expected, abs=1e-7)


def test_resamples_are_the_figures_of_the_drawn_images():
    """The weights mean what they say: a resample equals scoring the images it drew, one by one."""
    shares = np.random.default_rng(1).dirichlet([1, 1, 1], 40)
    shares[::5] = np.nan
    data = make_random(40, skill=0.7, annotators=shares, agreement=shares.max(axis=1))
    # That of the cross-fit keeps the temperatures fitted on all images.
    names = [name for name in METRICS if name != "ece_cross_fitted"]
    metrics = PreparedMetrics(data, names)
    weights = next(iter(iterate_resamples(40, 5)))
    assert (weights.sum(axis=0) == 40).all()
    samples = metrics.compute(weights)
    assert {name.partition(".")[0] for name in samples} == set(names)
    for column in range(5):
        drawn = np.repeat(np.arange(40), weights[:, column].astype(int))
        again = dataclasses.replace(data.take(drawn), rows=np.arange(40))
        for name, value in compute_point(PreparedMetrics(again, names)).items():
            assert samples[name][column] == pytest.approx(value, abs=2e-5, nan_ok=True), name


def test_a_plain_function_and_weighted_sums_give_the_same_figure():
    data = make_random(30)
    images = ScoredImages(labels=data.labels, probabilities=data.probabilities)

    def brier(labels, probabilities):
        return ((probabilities - np.eye(3)[labels]) ** 2).sum(axis=1)

    plain = each_resample(lambda labels, probabilities: brier(labels, probabilities).mean())(images)
    summed = each_image(lambda images: brier(images.labels, images.probabilities))(images)
    weighting = Weighting(images, next(iter(iterate_resamples(30, 20))))
    np.testing.assert_allclose(plain(weighting), summed(weighting), rtol=1e-5)
    ones = Weighting(images, np.ones((30, 1)))
    assert plain(ones)[0] == pytest.approx(brier(data.labels, data.probabilities).mean())


def test_only_the_chosen_metrics_are_computed():
    report = build_report(make_random(30), make_subject(), metrics=["recall", "kappa"], num_resamples=5)
    assert list(report.figures) == [*(f"recall.{name}" for name in NAMES), "kappa"]
    missing = report.find("accuracy")
    assert not missing.is_defined
    assert "evaluate again" in missing.reason
    with pytest.raises(ConfigError, match=r"unknown metric 'kapa'. Did you mean 'kappa'"):
        build_report(make_random(30), make_subject(), metrics=["kapa"])


def test_the_interval_of_an_accuracy_is_that_of_the_binomial():
    data = make_predictions([0] * 400, np.eye(3)[[0] * 300 + [1] * 100] * 0.94 + 0.02)
    figure = build_report(data, make_subject()).figures["accuracy"]
    assert figure.value == 0.75
    half = 1.96 * math.sqrt(0.75 * 0.25 / 400)
    assert figure.low == pytest.approx(0.75 - half, abs=0.006)
    assert figure.high == pytest.approx(0.75 + half, abs=0.006)
    assert compute_samples(PreparedMetrics(data, ["ece"]), 0) == {}


def test_undefined_figures_say_why():
    data = make_predictions([0], [[0.9, 0.05, 0.05]])
    figures = build_report(data, make_subject(), num_resamples=50).figures
    for name, words in {
        "recall.fear": "no image shows fear",
        "precision.fear": "never predicted",
        "roc_auc.anger": "of other classes",
        "roc_auc": "only one class",
        "kappa": "one and the same class",
        "kl_divergence": "no annotators' votes",
        "agreement.all agree": "no votes are known",
    }.items():
        assert math.isnan(figures[name].value), name
        assert words in figures[name].reason
    assert all(figure.is_defined or figure.reason for figure in figures.values())
    assert (figures["accuracy"].low, figures["accuracy"].high) == (1, 1)


@pytest.mark.parametrize("seed", range(4))
def test_every_interval_holds_its_value(seed):
    """Also that of a model which is well calibrated, whose error every resample raises."""
    generator = np.random.default_rng(seed)
    chances = generator.dirichlet([1.0, 1.0, 1.0], 800)
    labels = (chances.cumsum(axis=1) < generator.random((800, 1))).sum(axis=1)
    data = make_predictions(labels, chances)
    raised = compute_samples(PreparedMetrics(data, ["ece"]), 200)["ece"]
    figures = build_report(data, make_subject(), num_resamples=200).figures
    assert raised.mean() > figures["ece"].value + 0.005
    for name, figure in figures.items():
        if figure.is_defined:
            assert figure.low <= figure.value <= figure.high, name
    assert figures["ece"].low >= 0


def test_images_of_one_cluster_are_drawn_together():
    clusters = np.array([0, 0, 1, 2, 2, 2])
    (weights,) = iterate_resamples(6, 50, clusters=clusters)
    assert weights.shape == (6, 50)
    assert (weights[0] == weights[1]).all() and (weights[3] == weights[5]).all()
    assert (weights[[0, 2, 3]].sum(axis=0) == 3).all(), "three clusters are drawn, with replacement"


def test_clusters_of_one_image_each_are_the_plain_bootstrap():
    plain, single = (
        np.concatenate(list(iterate_resamples(9, 300, clusters=clusters)), axis=1)
        for clusters in (None, np.arange(9))
    )
    assert (plain == single).all()


def fail(*_arguments):
    raise ZeroDivisionError("nothing to divide by")


def make_failing_later():
    calls = []

    def compute(labels, probabilities):
        calls.append(len(labels))
        return 0.5 if len(calls) == 1 else fail()

    return each_resample(compute)


BROKEN_METRICS = {
    "prepare raises": (fail, {}, "failed to prepare: ZeroDivisionError: nothing to divide by"),
    "prepare gives a word": (lambda images: "x", {}, "'str' object is not callable"),
    "each image: None": (each_image(lambda images: None), {}, "got None; expected an array of 60 values"),
    "each image: too few": (each_image(lambda images: images.labels[:5]), {}, "an array of 60 values"),
    "raises": (each_resample(fail), {}, "failed to compute: ZeroDivisionError"),
    "raises later": (make_failing_later(), {}, "failed to compute: ZeroDivisionError"),
    "None": (each_resample(lambda *_: None), {}, "expected numbers"),
    "a word": (each_resample(lambda *_: "good"), {}, "expected numbers"),
    "an array": (each_resample(lambda *_: np.zeros(3)), {}, r"shape \(1, 3\); expected one of shape \(1,\)"),
    "one a class": (each_resample(lambda *_: 0.5), {"per": "class"}, r"expected one of shape \(3, 1\)"),
    "count raises": (each_resample(lambda *_: 0.5), {"count": fail}, "failed to count images"),
    "count: a word": (each_resample(lambda *_: 0.5), {"count": lambda _: "x"}, "whole numbers of images"),
}


@pytest.mark.parametrize("fault", BROKEN_METRICS)
def test_a_packages_broken_metric_is_undefined_and_the_others_are_computed(add_plugin, caplog, fault):
    prepare, more, message = BROKEN_METRICS[fault]
    name = f"foreign {fault}"  # a problem is told once in a process
    add_plugin(METRICS, name, Metric(title="x", prepare=prepare, reference="none", **more))
    metrics = ["accuracy", name, "log_loss"]
    report = build_report(make_random(), make_subject(), metrics=metrics, num_resamples=300)
    assert report.figures["accuracy"].is_defined and report.figures["log_loss"].low > 0
    figures = [figure for key, figure in report.figures.items() if key.startswith(name)]
    assert len(figures) == (3 if more.get("per") == "class" else 1)
    assert all(math.isnan(figure.value) and math.isnan(figure.low) for figure in figures)
    (warning,) = caplog.messages
    assert re.search(message, warning)
    assert warning.startswith(f"the metric {name!r} of the package fer-foreign ")
    for figure in figures:
        assert figure.n == 60
        assert figure.reason == "its package fails" or warning.startswith(figure.reason)


def test_a_packages_metric_that_works_is_computed_as_ours(add_plugin, caplog):
    add_plugin(METRICS, "foreign", METRICS["recall"])
    add_plugin(METRICS, "whole", METRICS["accuracy"])
    names = ["recall", "foreign", "accuracy", "whole"]
    figures = build_report(make_random(), make_subject(), metrics=names, num_resamples=20).figures
    assert figures["whole"] == figures["accuracy"]
    assert [figures[f"foreign.{name}"] for name in NAMES] == [figures[f"recall.{name}"] for name in NAMES]
    assert not caplog.messages
