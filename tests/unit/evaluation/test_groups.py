"""Scores by group of images, against cases worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from fer_core.errors import DataError
from fer_core.evaluation.charts import build_group_bars
from fer_core.evaluation.groups import (
    AGREEMENT,
    MAX_GROUPS,
    assign_groups,
    compute_groups,
    compute_homogeneity,
    list_group_columns,
    read_groups,
)
from fer_core.evaluation.report import build_report
from tests.unit.evaluation.makers import make_predictions, make_random, make_subject


def certain(labels, predicted):
    chances = np.full((len(labels), 3), 0.1)
    chances[np.arange(len(labels)), predicted] = 0.8
    return make_predictions(labels, chances)


def test_each_group_by_hand():
    data = certain([0, 0, 1, 1, 2, 2], [0, 1, 1, 1, 2, 0])
    report = compute_groups(data, ["b", "b", "b", "a", "a", "a"], key="m", column="who", num_resamples=50)
    assert [(group.name, group.n, group.num_classes) for group in report.groups] == [("a", 3, 2), ("b", 3, 2)]
    first, second = (group.figures for group in report.groups)
    # a: truth 1 2 2, read as 1 2 0; recall 1 and 1/2; F1 1 and 2/3
    assert first["accuracy"].value == pytest.approx(2 / 3)
    assert first["balanced_accuracy"].value == pytest.approx(0.75)
    assert first["macro_f1"].value == pytest.approx((1 + 2 / 3) / 2)
    assert first["ece"].value == pytest.approx(0.8 - 2 / 3)
    # b: truth 0 0 1, read as 0 1 1; F1 of 0 is 2/3, of 1 is 2/3
    assert second["macro_f1"].value == pytest.approx(2 / 3)
    for group in report.groups:
        for figure in group.figures.values():
            assert figure.low <= figure.value <= figure.high


def test_a_group_that_is_all_right_is_not_certain():
    data = certain(np.zeros(70, int), np.zeros(70, int))
    report = compute_groups(data, ["a"] * 70, key="m", column="who", num_resamples=10)
    accuracy = report.groups[0].figures["accuracy"]
    # Wilson with k = n: n / (n + z^2)
    assert (accuracy.low, accuracy.value, accuracy.high) == pytest.approx((70 / (70 + 1.959964**2), 1, 1))
    assert np.isnan(report.p_value)


def test_the_groups_of_agreement_are_those_of_the_report():
    agreement = np.random.default_rng(3).uniform(0.3, 1, 400)
    agreement[:9] = 1.0
    data = make_random(400, annotators=np.full((400, 3), 1 / 3), agreement=agreement)
    report = build_report(data, make_subject(), num_resamples=0)
    groups = compute_groups(data, read_groups(data, None, AGREEMENT), key="m", column=AGREEMENT)
    assert [group.name for group in groups.groups] == ["up to 60 %", "60 to 80 %", "80 to 99 %", "all agree"]
    for group in groups.groups:
        known = report.figures[f"agreement.{group.name}"]
        assert group.figures["accuracy"].value == pytest.approx(known.value)
        assert group.n == known.n


def test_a_real_difference_is_found_and_chance_is_not():
    generator = np.random.default_rng(0)
    places = np.repeat([0, 1], 300)
    unequal = generator.random(600) < np.where(places == 0, 0.9, 0.7)
    assert compute_homogeneity(unequal, places) < 0.01
    assert np.isnan(compute_homogeneity(unequal, np.zeros(600, int)))
    # Of all p-values without a difference, about one in twenty is below 0.05.
    found = [
        compute_homogeneity(generator.random(90) < 0.8, np.arange(90) % 3, num_resamples=200)
        for _ in range(120)
    ]
    assert 0.0 <= np.mean(np.array(found) < 0.05) <= 0.12


def test_the_p_value_of_all_possible_orders():
    """Three right in one group and three wrong in the other: 2 of the 20 ways to divide are as unequal."""
    p_value = compute_homogeneity([1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1], num_resamples=4000)
    assert p_value == pytest.approx(0.1, abs=0.02)


def series(*values):
    return pd.Series(list(values))


def test_names_of_groups():
    assert list(assign_groups(series("a", " a ", "", None), "glasses")) == [
        "a",
        "a",
        "not stated",
        "not stated",
    ]
    assert list(assign_groups(series("x.zip:1", "y.zip:2"), "source")) == ["x.zip", "y.zip"]
    ages = assign_groups(pd.Series([*map(str, range(20, 60)), ""]), "age")
    assert sorted(set(ages)) == ["20 to 29", "30 to 39", "40 to 49", "50 to 59", "not stated"]
    assert assign_groups(series(1, 2, 2, 10), "camera").tolist() == ["1", "2", "2", "10"]


def test_what_is_no_grouping_says_so():
    with pytest.raises(DataError, match="says the same of all 3 images"):
        assign_groups(series("a", "a", "a"), "camera")
    with pytest.raises(DataError, match="31 groups; expected at most 30"):
        assign_groups(pd.Series([f"p{index}" for index in range(MAX_GROUPS + 1)]), "who")
    with pytest.raises(DataError, match="no annotators' votes"):
        read_groups(make_random(), None, AGREEMENT)
    with pytest.raises(DataError, match="can't be grouped by 'age'; the data set offers agreement"):
        read_groups(make_random(), None, "age")


def test_columns_that_divide():
    samples = pd.DataFrame(
        {
            "split": ["valid"] * 4,
            "label": ["a", "b", "a", "b"],
            "source": ["x:1", "x:2", "x:3", "x:4"],
            "image_name": ["1", "2", "3", "4"],
            "age": [20, 30, 20, 30],
            "votes_neutral": [1, 2, 3, 4],
        }
    )
    assert list_group_columns(samples, np.arange(4)) == ["label", "age"]
    assert list_group_columns(samples, np.array([0, 2])) == []


def test_numbers_and_ranges_come_in_their_order():
    data = make_random(60)
    names = np.array(["10", "9", "not stated"] * 20, dtype=object)
    report = compute_groups(data, names, key="m", column="age", num_resamples=10)
    assert [group.name for group in report.groups] == ["9", "10", "not stated"]
    names = np.array(["50 to 59", "9 to 19"] * 30, dtype=object)
    report = compute_groups(data, names, key="m", column="age", num_resamples=10)
    assert [group.name for group in report.groups] == ["9 to 19", "50 to 59"]


def test_words_on_what_was_found():
    right = np.zeros(300, int)
    wrong = np.where(np.arange(300) < 150, 0, np.arange(300) % 2)
    data = certain(right, wrong)
    names = np.array(["old"] * 150 + ["young"] * 150, dtype=object)
    report = compute_groups(data, names, key="m", column="age")
    assert "is not equally accurate on all groups of age" in report.describe()
    assert "50.0 % on “young” and 100.0 % on “old”, 50.0 points apart (p < 0.001" in report.describe()
    assert report.describe_small() == ""
    alike = compute_groups(certain(right, right), names, key="m", column="age", num_resamples=99)
    assert "may be chance" in alike.describe()
    assert "no proof" in alike.describe()
    few = compute_groups(data.take(np.arange(100, 250)), names[100:250], key="m", column="age")
    assert "fewer than two groups of age have 100 images or more" in few.describe()
    assert "Fewer than 100 images: old (50)" in few.describe_small()


def test_the_chart_shows_intervals_counts_and_small_groups():
    data = make_random(130)
    names = np.array(["a"] * 30 + ["b"] * 100, dtype=object)
    report = compute_groups(data, names, key="m", column="who", num_resamples=20)
    bars = {"m": {group.name: group.figures["accuracy"] for group in report.groups}}
    (trace,) = build_group_bars(bars, "accuracy", title="x", small_below=100).data
    assert list(trace.x) == ["a<br>n = 30", "b<br>n = 100"]
    assert list(trace.marker.opacity) == [0.4, 1.0]
    figure = report.groups[0].figures["accuracy"]
    assert trace.error_y.array[0] == pytest.approx(figure.high - figure.value)
