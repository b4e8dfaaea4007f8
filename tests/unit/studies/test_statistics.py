"""Statistics against other libraries, figures by hand, and the coverage of the intervals."""

import math
import re

import krippendorff
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import cohen_kappa_score

from benchmarks.coverage import measure_coverage
from fer_core.errors import DataError
from fer_core.evaluation.paired import adjust_holm
from fer_core.studies.statistics import (
    add_valence,
    build_series,
    compare_coders,
    compare_conditions,
    compare_pairs,
    compute_alpha,
    compute_kappa,
    count_expressions,
    estimate_mean,
    summarise_around,
    summarise_codes,
    summarise_conditions,
    summarise_expressions,
    summarise_persons,
    take_baseline_off,
)
from fer_core.studies.statistics.bootstrap import choose_block_length
from tests.unit.studies.tables import CLASSES, make_faces, make_process

RECORDINGS = pd.DataFrame(
    {
        "recording": ["a1", "a2", "b1", "b2"],
        "participant": ["Ann", "Ann", "Bob", "Bob"],
        "condition": ["calm", "joke", "calm", "joke"],
    }
)


def make_study(labels):
    """Faces of four recordings at 5 frames a second: a frame is a step."""
    named = zip(RECORDINGS["recording"], labels, strict=True)
    return pd.concat([make_faces(row, fps=5.0).assign(recording=name) for name, row in named])


def make_series():
    happy, plain = ["happiness"] * 10, ["neutral"] * 10
    return build_series(RECORDINGS, make_study([plain, happy, plain, plain[:5] + happy[:5]]))


def test_a_series_has_a_value_every_step_and_none_without_a_face():
    faces = make_faces(["neutral"] * 5 + [None] * 5 + ["happiness"], fps=25.0).assign(recording="a1")
    (found,) = build_series(RECORDINGS, faces)
    assert found.columns == CLASSES
    assert found.labels == ("neutral", "", "happiness")
    assert found.values[0].tolist() == pytest.approx([0.8, 0.1, 0.1])
    assert np.isnan(found.values[1]).all()
    assert (found.num_frames, found.num_empty) == (11, 5)
    assert (found.participant, found.condition) == ("Ann", "calm")


def test_a_recording_without_a_face_has_no_values_and_counts():
    faces = pd.concat(
        [
            make_faces([None] * 5, fps=5.0).assign(recording="a1"),
            make_faces(["happiness"] * 5).assign(recording="b1"),
        ]
    )
    series = build_series(RECORDINGS, faces)
    assert (series[0].num_frames, series[0].num_empty) == (5, 5)
    found = summarise_conditions(series).set_index("column").loc["happiness"]
    assert (found["value"], found["num_persons"]) == (pytest.approx(0.8), 1)
    assert math.isnan(count_expressions(series[:1])["share"].iloc[0])


def test_the_largest_face_counts_unless_the_participant_is_named():
    other = make_faces(["sadness"] * 2, track=1, fps=5.0).assign(width=200.0)
    faces = pd.concat([make_faces(["neutral"] * 2, fps=5.0), other]).assign(recording="a1")
    assert build_series(RECORDINGS, faces)[0].labels == ("sadness", "sadness")
    named = faces.assign(person=["Ann" if track == 0 else None for track in faces["track_id"]])
    assert build_series(RECORDINGS, named)[0].labels == ("neutral", "neutral")


def test_tables_may_come_one_by_one_and_must_be_alike():
    faces = make_study([["neutral"]] * 4)
    one_by_one = (rows for _, rows in faces.groupby("recording"))
    assert len(build_series(RECORDINGS, one_by_one)) == 4
    with pytest.raises(DataError, match="analyze all recordings with one model"):
        one, other = (make_faces(["neutral"]).assign(recording=name) for name in ("a1", "a2"))
        build_series(RECORDINGS, [one, other.drop(columns="sadness")])
    with pytest.raises(DataError, match="not in the table of recordings"):
        build_series(RECORDINGS, make_faces(["neutral"]).assign(recording="x"))


def test_a_baseline_is_taken_off_in_log_odds():
    """ln(0.8 / 0.2) = 1.386 and ln(0.1 / 0.9) = -2.197; Ann's own mean is half way."""
    found, notes = take_baseline_off(make_series(), "mean")
    assert notes == []
    high, low = math.log(4), math.log(1 / 9)
    assert found[0].values[0, 0] == pytest.approx(high - (high + low) / 2)
    events = pd.DataFrame({"recording": ["a1"], "start_s": [0.0], "end_s": [2.0], "code": ["baseline"]})
    found, notes = take_baseline_off(make_series(), "interval", events)
    assert {item.participant for item in found} == {"Ann"}
    assert notes == ["left out, without a baseline: Bob"]
    assert found[1].values[0, 1] == pytest.approx(high - low)
    with pytest.raises(DataError, match="no interval with the code"):
        take_baseline_off(make_series(), "interval", events.assign(code="x"))


def test_valence_is_the_published_projection():
    found, formula = add_valence(make_series())
    assert formula == "p(happiness) - max(p(sadness))"
    assert found[1].values[0, -1] == pytest.approx(0.8 - 0.1)
    faces = make_faces(["neutral"]).assign(recording="a1").drop(columns="happiness")
    assert add_valence(build_series(RECORDINGS, faces))[1] == ""


def test_means_count_persons_alike():
    """Ann is happy 10 of 10 steps in `joke`, Bob 5 of 10: (0.8 + (0.8 + 0.1) / 2) / 2."""
    found = summarise_conditions(make_series()).set_index(["condition", "column"])
    assert found.loc[("joke", "happiness"), "value"] == pytest.approx((0.8 + 0.45) / 2)
    assert found.loc[("joke", "happiness"), "num_persons"] == 2
    persons = summarise_persons(make_series()).set_index(["participant", "condition", "column"])
    assert persons.loc[("Bob", "joke", "happiness"), "value"] == pytest.approx(0.45)


def make_unequal_series(happiness):
    """Persons whose `calm` is a short and a four times as long recording, with a probability in each."""
    rows, faces = [], []
    for person, (short, long) in happiness.items():
        for length, value in ((10, short), (40, long)):
            rows.append({"recording": f"{person}{length}", "participant": person, "condition": "calm"})
            table = make_faces(["happiness"] * length, fps=5.0).assign(recording=f"{person}{length}")
            faces.append(table.assign(happiness=value, neutral=1 - value, sadness=0.0))
        rows.append({"recording": f"{person}j", "participant": person, "condition": "joke"})
        faces.append(make_faces(["happiness"] * 10, fps=5.0).assign(recording=f"{person}j"))
    return build_series(pd.DataFrame(rows), faces)


def test_recordings_of_a_person_count_alike_however_long():
    """In tables (0.5 and 0.4), tests (0.8 in `joke`) and baselines (the mean of three log-odds)."""
    series = make_unequal_series({"Ann": (0.8, 0.2), "Bob": (0.5, 0.3)})
    calm = summarise_conditions(series).set_index(["condition", "column"]).loc[("calm", "happiness")]
    assert calm["value"] == pytest.approx((0.5 + 0.4) / 2)
    persons = summarise_persons(series).set_index(["participant", "condition", "column"])["value"]
    assert persons["Ann", "calm", "happiness"] == pytest.approx(0.5)
    events = pd.DataFrame({"recording": [item.recording for item in series], "start_s": 0.0, "end_s": 99.0})
    inside = summarise_codes(series[:2], events.assign(code="all")).set_index("column")
    assert inside.loc["happiness", "value"] == pytest.approx(0.5)
    difference = compare_conditions(series).set_index("column").loc["happiness", "difference"]
    assert difference == pytest.approx((0.3 + 0.4) / 2)
    (based, *_), _ = take_baseline_off(series, "mean")
    odds = [math.log(4), math.log(1 / 4), math.log(4)]
    assert based.values[0, CLASSES.index("happiness")] == pytest.approx(odds[0] - sum(odds) / 3)


def test_intervals_are_of_the_mean_of_recordings():
    """Eight persons, each alike in a long recording and spread in a short one: that spread counts by half."""
    shares = np.linspace(0.1, 0.8, 8)
    series = make_unequal_series({f"p{place}": (share, 0.2) for place, share in enumerate(shares)})
    found = summarise_conditions(series).set_index(["condition", "column"]).loc[("calm", "happiness")]
    means = (shares + 0.2) / 2
    assert found["value"] == pytest.approx(means.mean())
    half = stats.t.ppf(0.975, 7) * means.std(ddof=1) / math.sqrt(8)
    assert found["high"] - found["low"] == pytest.approx(2 * half, rel=0.3)


@pytest.mark.parametrize("num_long", [200, 2000])
def test_one_person_with_recordings_of_unequal_length_has_an_interval(num_long):
    """Independent points of deviation 1 and mean 0: that of the mean of two means, by hand."""
    generator = np.random.default_rng(3)
    parts = [generator.normal(size=(length, 1)) for length in (200, num_long)]
    parts = [part - part.mean() for part in parts]
    found = estimate_mean({"Ann": parts}, num_values=1)
    error = math.sqrt(1 / 200 + 1 / num_long) / 2
    assert found.value[0] == pytest.approx(0, abs=1e-9)
    assert found.high[0] - found.low[0] == pytest.approx(2 * 1.96 * error, rel=0.35)


def test_means_inside_and_around_events():
    events = pd.DataFrame(
        {"recording": ["b2", "b2"], "start_s": [1.0, 0.0], "end_s": [2.0, None], "code": ["laugh", "cue"]}
    )
    inside = summarise_codes(make_series(), events).set_index("column")
    assert inside.loc["happiness", "value"] == pytest.approx(0.8)
    assert set(inside["code"]) == {"laugh"}
    around = summarise_around(make_series(), events, "laugh", before_s=0.4, after_s=0.4)
    happy = around[around["column"] == "happiness"]
    assert happy["time_s"].tolist() == [-0.4, -0.2, 0.0, 0.2, 0.4]
    assert happy["value"].tolist() == pytest.approx([0.1, 0.1, 0.8, 0.8, 0.8])
    edge = summarise_around(make_series(), events, "cue", before_s=0.4, after_s=0.0)
    assert edge[edge["column"] == "happiness"]["value"].tolist() == pytest.approx(
        [np.nan, np.nan, 0.1], nan_ok=True
    )


def test_expressions_are_counted():
    labels = ["neutral"] * 3 + ["happiness"] * 2 + [None] * 2 + ["happiness"] * 1 + ["neutral"] * 2
    faces = make_faces(labels, fps=5.0).assign(recording="a1")
    found = count_expressions(build_series(RECORDINGS, faces)).set_index("label")
    happy = found.loc["happiness"]
    assert (happy["count"], happy["first_s"]) == (2, 0.6)
    assert happy["share"] == pytest.approx(3 / 8)
    assert happy["mean_s"] == pytest.approx((0.4 + 0.2) / 2)
    assert happy["per_minute"] == pytest.approx(60 * 2 / 1.6)
    assert (found.loc["sadness", "count"], math.isnan(found.loc["sadness", "mean_s"])) == (0, True)
    long = build_series(RECORDINGS, faces, min_label_s=0.3)
    assert count_expressions(long).set_index("label").loc["happiness", "count"] == 1
    table = summarise_expressions(count_expressions(make_series()), "share").set_index(["condition", "label"])
    assert table.loc[("joke", "happiness"), "value"] == pytest.approx(0.75)


@pytest.mark.parametrize("fps", [1.0, 2.5, 5.0, 25.0])
def test_times_a_minute_do_not_depend_on_the_frame_rate(fps):
    """24 s: 8 s happy, 8 s nobody, 8 s neutral, then the same again: twice in 32 s with a face."""
    num = round(8 * fps)
    labels = (["happiness"] * num + [None] * num + ["neutral"] * num) * 2
    found = count_expressions(build_series(RECORDINGS, make_faces(labels, fps=fps).assign(recording="a1")))
    happy = found.set_index("label").loc["happiness"]
    assert happy["per_minute"] == pytest.approx(60 * 2 / 32)
    assert (happy["share"], happy["total_s"]) == (pytest.approx(0.5), pytest.approx(16))


def test_a_frame_is_shown_until_the_next_one():
    """Frames of 1 s, and one that is shown for 7 s: 10 s with a face, of which one stretch is happy."""
    faces = make_faces(["happiness", "happiness", "neutral", "neutral"], fps=1.0).assign(recording="a1")
    faces["time_s"] = [0.0, 1.0, 8.0, 9.0]
    (series,) = build_series(RECORDINGS, faces)
    assert series.seen_s == pytest.approx(10.0)
    happy = count_expressions([series]).set_index("label").loc["happiness"]
    assert (happy["total_s"], happy["per_minute"]) == (pytest.approx(8.0), pytest.approx(6.0))


@pytest.mark.parametrize("test", ["t", "wilcoxon"])
def test_paired_tests_are_those_of_scipy(test):
    generator = np.random.default_rng(0)
    one, other = generator.normal(size=12), generator.normal(0.8, 1, size=12)
    found = compare_pairs([*one, np.nan], [*other, 1.0], test)
    expected = stats.ttest_rel(other, one) if test == "t" else stats.wilcoxon(other - one)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.effect == pytest.approx((other - one).mean() / (other - one).std(ddof=1))
    assert found.num_pairs == 12


@pytest.mark.parametrize(
    ("one", "other", "p_value", "reason"),
    [
        ([1, 2, 3], [1, 2, 3], 1.0, ""),
        ([1, 2, 3], [2, 3, 4], math.nan, "all differences are the same"),
        ([1], [2], math.nan, "1 persons in both"),
        ([], [], math.nan, "0 persons in both"),
    ],
)
def test_a_test_that_is_not_defined_says_so(one, other, p_value, reason):
    found = compare_pairs(one, other)
    assert found.p_value == pytest.approx(p_value, nan_ok=True)
    assert found.reason == reason


def test_holm_leaves_out_what_was_not_tested():
    found = adjust_holm([0.01, math.nan, 0.04, 0.03])
    assert found == pytest.approx([0.03, math.nan, 0.06, 0.06], nan_ok=True)


def test_conditions_are_compared_within_persons():
    generator = np.random.default_rng(1)
    names = [f"p{index}" for index in range(8)]
    recordings = pd.DataFrame(
        {"recording": [f"{name}{condition}" for name in names for condition in "xy"],
         "participant": [name for name in names for _ in "xy"], "condition": ["x", "y"] * 8}
    )  # fmt: skip
    faces = []
    for row in recordings.to_dict("records"):
        share = 0.2 + 0.3 * (row["condition"] == "y") + generator.uniform(0, 0.2)
        labels = ["happiness" if generator.uniform() < share else "neutral" for _ in range(50)]
        faces.append(make_faces(labels, fps=5.0).assign(recording=row["recording"]))
    found = compare_conditions(build_series(recordings, faces)).set_index("column")
    happy = found.loc["happiness"]
    assert happy["num_persons"] == 8
    assert happy["low"] < happy["difference"] < happy["high"]
    assert happy["p"] < 0.01 < happy["effect"]
    assert math.isnan(found.loc["sadness", "p"]) or found.loc["sadness", "p"] == 1.0
    defined = found["p"].notna()
    assert found.loc[defined, "p_holm"].tolist() == pytest.approx(
        adjust_holm(found.loc[defined, "p"].tolist())
    )


def test_kappa_and_alpha_are_those_of_the_libraries():
    generator = np.random.default_rng(2)
    one = generator.choice(list("abc"), 200)
    other = np.where(generator.uniform(size=200) < 0.6, one, generator.choice(list("abc"), 200))
    assert compute_kappa(list(one), list(other)).value == pytest.approx(cohen_kappa_score(one, other))
    third = np.where(generator.uniform(size=200) < 0.3, "", other)
    numbers = [
        [np.nan if code == "" else "abc".index(code) for code in codes] for codes in (one, other, third)
    ]
    expected = krippendorff.alpha(reliability_data=numbers, level_of_measurement="nominal")
    assert compute_alpha([list(one), list(other), list(third)]).value == pytest.approx(expected)


@pytest.mark.parametrize("missing", [None, "", math.nan])
def test_what_was_not_coded_is_no_code(missing):
    """Krippendorff's library counts "" as a code; scikit-learn too."""
    one, other = ["a", "b", missing, "a"], ["a", "b", "b", "b"]
    assert compute_kappa(one, other).value == pytest.approx(
        cohen_kappa_score(["a", "b", "a"], ["a", "b", "b"])
    )
    assert compute_alpha([one, other]).num_units == 3


def test_a_code_that_one_coder_never_uses_counts():
    """scikit-learn's `labels=` leaves such items out."""
    one, other = ["a", "a", "b", "c"], ["a", "b", "b", "b"]
    assert compute_kappa(one, other).value == pytest.approx(cohen_kappa_score(one, other))


@pytest.mark.parametrize("compute", [compute_kappa, lambda one, other: compute_alpha([one, other])])
@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [(["a", "a"], ["a", "a"], "only one code"), (["a", None], [None, "a"], "no unit")],
)
def test_agreement_that_is_not_defined_says_why(compute, one, other, reason):
    found = compute(one, other)
    assert math.isnan(found.value)
    assert reason in found.reason
    with pytest.raises(DataError):
        compute(["a"], ["a", "b"])


def test_coders_are_compared_with_each_other_and_with_the_model():
    """The model sees Bob neutral until 1 s of b2, then happy; Ann codes it late, Cem leaves the end out."""
    events = pd.DataFrame(
        [("b2", 0.0, 1.4, "neutral", "Ann"), ("b2", 1.4, 2.0, "happiness", "Ann"),
         ("b2", 0.0, 1.0, "neutral", "Cem"), ("b2", 0.5, None, "happiness", "Cem"),
         ("b2", 0.0, 2.0, "talks", "Cem")],
        columns=["recording", "start_s", "end_s", "code", "coder"],
    )  # fmt: skip
    found = compare_coders(make_series(), events).set_index(["first", "second"])
    assert found.loc[("model", "Ann"), "observed"] == pytest.approx(0.8)
    model = ["neutral"] * 5 + ["happiness"] * 5
    ann = ["neutral"] * 7 + ["happiness"] * 3
    assert found.loc[("model", "Ann"), "kappa"] == pytest.approx(cohen_kappa_score(model, ann))
    assert found.loc[("Ann", "Cem"), "num_steps"] == 5
    assert "only one code" in found.loc[("Ann", "Cem"), "note"]
    assert len(compare_coders(make_series(), events.iloc[:0])) == 0


def test_block_lengths_grow_with_autocorrelation():
    generator = np.random.default_rng(3)
    lengths = [choose_block_length(make_process(generator, 2000, phi)) for phi in (0.0, 0.5, 0.95)]
    assert lengths == sorted(lengths)
    assert lengths[0] <= 3 and lengths[2] >= 20
    assert choose_block_length(np.ones(100)) == 1
    assert choose_block_length(np.array([1.0])) == 1


@pytest.mark.parametrize(
    ("persons", "note"),
    [
        ({}, "no values"),
        ({"a": [np.ones((50, 1))]}, "too short|one person"),
        ({"a": [np.ones((9, 1))] * 2, "b": [np.ones((5, 1))]}, "Student"),
    ],
)
def test_few_values_say_what_the_interval_is(persons, note):
    found = estimate_mean(persons, num_values=1)
    assert re.search(note, found.note)
    assert found.num_persons == len(persons)


def test_an_interval_without_ends_is_none():
    """One of eight persons laughs: a third of the resamples show nobody who does, and say nothing of it."""
    persons = {str(index): [np.array([[3.0 * (index == 0), index, 1.0]])] for index in range(8)}
    found = estimate_mean(persons, num_values=3)
    assert np.isnan(found.low).tolist() == [True, False, False]
    assert "too few persons differ" in found.describe(0, (0.0, math.inf))["note"]
    assert found.low[1] < 3.5 < found.high[1]
    assert (found.low[2], found.high[2]) == (1.0, 1.0)
    assert found.describe(1, (3.0, 4.0))["low"] == 3.0


def test_missing_values_are_left_out():
    values = np.array([[1.0], [np.nan], [3.0]])
    found = estimate_mean({"a": [values], "b": [np.full((2, 1), np.nan)], "c": [values + 1]}, num_values=1)
    assert found.value.tolist() == [2.5]
    assert (found.num_persons, found.num_points) == (2, 4)


def test_intervals_cover_what_they_should():
    """benchmarks/coverage.py in small: within what 300 studies can tell; the naive one far below."""
    found = measure_coverage(
        num_persons=8, num_points=120, phi=0.9, spread=0.5, num_studies=300, num_resamples=400
    )
    assert 0.92 <= found.coverage <= 0.98
    assert found.naive < 0.4
