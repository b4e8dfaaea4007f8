"""What may be compared, what is refused, and what the tests of significance say."""

import dataclasses

import numpy as np
import pytest

from fer_core.checkpoint import load_checkpoint_info, save_checkpoint_info
from fer_core.errors import DataError, RunError
from fer_core.evaluation import stored_reports as stored
from fer_core.evaluation.comparison import (
    align,
    compare,
    diff_configs,
    find_evaluation,
    find_pareto,
    group_seeds,
    list_varied_settings,
)
from fer_core.evaluation.paired import adjust_holm, compare_with_baseline, compute_mcnemar
from fer_core.evaluation.report import build_report
from fer_core.evaluation.stored_reports import StoredEvaluation, load_evaluation, save_report
from tests.small_models import save_small_model
from tests.unit.evaluation.makers import make_predictions, make_random, make_subject


def make_stored(key, data=None, **facts):
    data = make_random(seed=len(key)) if data is None else data
    subject = make_subject(model=key, **facts)
    return StoredEvaluation(key, build_report(data, subject, num_resamples=10), data)


def test_mcnemar_by_hand():
    # 5 only the first, 1 only the second: 2 * (C(6,0) + C(6,1)) / 2^6 = 14 / 64.
    first = [1] * 5 + [0] + [1] * 3 + [0] * 2
    second = [0] * 5 + [1] + [1] * 3 + [0] * 2
    test = compute_mcnemar(first, second)
    assert (test.only_first, test.only_second, test.both, test.neither) == (5, 1, 3, 2)
    assert test.p_value == pytest.approx(14 / 64)
    assert compute_mcnemar([1, 0], [1, 0]).p_value == 1
    with pytest.raises(DataError, match="same images"):
        compute_mcnemar([1], [1, 0])


def test_holm_by_hand():
    assert adjust_holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert adjust_holm([0.9, 0.8]) == [1, 1]


def test_a_clear_difference_is_called_real_and_a_small_one_is_not():
    labels = np.zeros(300, dtype=int)
    wrong, right = [0.1, 0.8, 0.1], [0.8, 0.1, 0.1]
    base = make_predictions(labels, [right] * 200 + [wrong] * 100)
    better = make_predictions(labels, [right] * 240 + [wrong] * 60)
    same = make_predictions(labels, [wrong] * 1 + [right] * 201 + [wrong] * 98)
    results = compare_with_baseline({"base": base, "better": better, "same": same}, "base")
    first, second = results
    assert first.is_real
    assert first.differences["accuracy"].value == pytest.approx(40 / 300)
    assert first.describe().startswith("The difference is real: better is 13.33 points of accuracy better")
    assert first.mcnemar.only_second == 40
    assert not second.is_real
    assert "may be chance" in second.describe()
    itself = compare_with_baseline({"base": base, "copy": base}, "base")[0]
    assert (itself.differences["accuracy"].low, itself.differences["accuracy"].high) == (0, 0)
    assert "exactly the same" in itself.describe()


def test_other_class_orders_and_row_orders_are_aligned_by_name():
    data = make_random()
    turned = data.with_classes(("neutral", "anger", "fear"))
    order = np.arange(len(data))[::-1]
    shuffled = dataclasses.replace(
        turned,
        rows=turned.rows[order],
        labels=turned.labels[order],
        probabilities=turned.probabilities[order],
    )
    aligned, refused = align([make_stored("a", data), make_stored("b", shuffled)])
    assert not refused
    np.testing.assert_array_equal(aligned[1].predictions.labels, data.labels)
    np.testing.assert_allclose(aligned[1].predictions.probabilities, data.probabilities)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (
            lambda: make_stored("b", data_fingerprint="0" * 64, dataset="other"),
            "both on the same data",
        ),
        (lambda: make_stored("b", split="test"), "split test"),
        (lambda: make_stored("b", protocol="single label"), "single label"),
        (lambda: make_stored("b", tta="flip"), "test-time augmentation 'flip'"),
        (lambda: make_stored("b", make_random(classes=("anger", "fear", "sadness"))), "neutral, sadness"),
        (lambda: make_stored("b", make_random(count=59)), "other images"),
        (
            lambda: make_stored(
                "b", make_predictions((make_random().labels + 1) % 3, make_random().probabilities)
            ),
            "the truth of some images differs",
        ),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_reason(workspace, other, words):
    comparison = compare([make_stored("a"), other()], workspace)
    assert [item.key for item in comparison.evaluations] == ["a"]
    assert words in comparison.refused["b"]
    assert comparison.results == ()


def test_nothing_and_the_same_twice_are_no_comparison(workspace):
    with pytest.raises(DataError, match="different models"):
        compare([], workspace)
    with pytest.raises(DataError, match="different models"):
        compare([make_stored("a"), make_stored("a")], workspace)
    with pytest.raises(DataError, match="baseline 'z'"):
        compare([make_stored("a")], workspace, baseline="z")


def test_a_report_comes_back_as_it_was(tmp_path):
    data = make_random(annotators=np.full((60, 3), 1 / 3), agreement=np.full(60, 0.7))
    report = build_report(data, make_subject(), num_resamples=30)
    written = save_report(report, data, tmp_path)
    stored = load_evaluation(tmp_path, "model")
    assert str(stored.report.to_dict()) == str(written.to_dict())
    np.testing.assert_array_equal(stored.predictions.probabilities, data.probabilities)
    np.testing.assert_array_equal(stored.predictions.annotators, data.annotators)


def test_a_table_that_is_replaced_after_it_was_read(tmp_path, monkeypatch):
    predictions = make_random(seed=1)
    report = save_report(build_report(predictions, make_subject(), num_resamples=0), predictions, tmp_path)
    parse = stored.parse_frame

    def parse_too_late(content, path, error):
        path.write_bytes(b"another table")
        return parse(content, path, error)

    monkeypatch.setattr(stored, "parse_frame", parse_too_late)
    assert load_evaluation(tmp_path, "model").report == report


def test_half_written_and_foreign_reports_are_refused(tmp_path):
    data = make_random()
    save_report(build_report(data, make_subject(), num_resamples=0), data, tmp_path)
    with pytest.raises(RunError, match="about weights aaaaaaaaaaaa"):
        load_evaluation(tmp_path, "model", weights_sha256="b" * 64)
    good = (tmp_path / "report.json").read_text()
    table = (tmp_path / "predictions.parquet").read_bytes()
    for damage, words in [
        (lambda: (tmp_path / "predictions.parquet").write_bytes(table[:200]), "is damaged"),
        ((tmp_path / "predictions.parquet").unlink, "missing"),
        (lambda: (tmp_path / "report.json").write_text(good[:500]), "can't be read as JSON"),
        (lambda: (tmp_path / "report.json").write_text('{"schema_version": 1}'), "evaluate the model again"),
        (lambda: (tmp_path / "report.json").write_text('{"schema_version": 2}'), "no evaluation report"),
    ]:
        (tmp_path / "predictions.parquet").write_bytes(table)
        (tmp_path / "report.json").write_text(good)
        damage()
        with pytest.raises(RunError, match=words):
            load_evaluation(tmp_path, "model")


@pytest.mark.parametrize(
    "facts", [{"dataset": "others"}, {"split": "test"}, {"tta": "flip"}], ids=["data set", "split", "flip"]
)
def test_a_report_in_the_wrong_place_is_not_taken_for_another(workspace, facts):
    """Someone copied a folder: the file lies where another report is looked for."""
    folder = save_small_model(workspace, "run")
    info = load_checkpoint_info(folder)
    save_checkpoint_info(folder, dataclasses.replace(info, data={"name": "faces"}))
    data = make_random()
    subject = make_subject(weights_sha256=info.weights_sha256)
    save_report(build_report(data, subject, num_resamples=0), data, folder.parent)
    assert find_evaluation("run", workspace).report.subject == subject
    moved = dataclasses.replace(subject, **facts)
    save_report(build_report(data, moved, num_resamples=0), data, folder.parent)
    with pytest.raises(RunError, match="was asked for"):
        find_evaluation("run", workspace)


def test_a_model_of_unknown_data_needs_the_name_of_a_data_set(workspace):
    save_small_model(workspace, "run")
    with pytest.raises(RunError, match="name the data set"):
        find_evaluation("run", workspace)
    with pytest.raises(RunError, match="--dataset faces --split test --tta flip"):
        find_evaluation("run", workspace, dataset="faces", split="test", tta="flip")


def test_settings_that_not_every_run_names_are_no_axis():
    configs = {"old": {"seed": 0, "epochs": 5}, "new": {"seed": 1, "epochs": 9, "ema": 0.9}, "shipped": {}}
    assert list_varied_settings(configs) == ["epochs", "seed"]
    assert diff_configs(configs)["ema"] == {"old": None, "new": 0.9}


def test_seeds_of_one_configuration_are_summarised():
    configs = {
        "a": {"seed": 0, "epochs": 5},
        "b": {"seed": 1, "epochs": 5},
        "c": {"seed": 0, "epochs": 9},
        "shipped": {},
    }
    figures = {key: {"accuracy": value} for key, value in zip("abc", (0.7, 0.8, 0.9), strict=True)}
    (group,) = group_seeds(configs, figures)
    assert group.keys == ("a", "b")
    assert group.mean["accuracy"] == pytest.approx(0.75)
    assert group.sd["accuracy"] == pytest.approx(0.1 / 2**0.5)
    assert diff_configs(configs) == {"epochs": {"a": 5, "b": 5, "c": 9}, "seed": {"a": 0, "b": 1, "c": 0}}


def test_the_pareto_line_holds_what_nobody_beats():
    points = {"slow": (9.0, 0.9), "same cost, worse": (9.0, 0.8), "fast": (1.0, 0.7), "beaten": (2.0, 0.7)}
    assert find_pareto(points) == ["fast", "slow"]
