"""Charts and texts of runs, against values computed by hand."""

from datetime import UTC, datetime

import pytest

from app.shared.run_charts import (
    BEST_COLOR,
    TRAIN_COLOR,
    VALID_COLOR,
    build_curves,
    build_gradient_map,
    smooth,
)
from app.shared.run_format import (
    describe_duration,
    describe_memory,
    describe_percent,
    describe_state,
    get_progress,
    order_by_interest,
)
from app.train.run_table import build_table, matches
from fer_core.runs.reader import Run
from fer_core.runs.records import EpochRecord, GradientRecord, LayerNorms, QueueEntry, RunStatus

RECORDS = [
    EpochRecord(1, train_loss=2.0, valid_loss=1.8, is_best=True),
    EpochRecord(2, train_loss=1.0),
    EpochRecord(3, train_loss=0.5, valid_loss=0.9, is_best=True),
]
CURVES = {"train_loss": ("train", TRAIN_COLOR), "valid_loss": ("validation", VALID_COLOR)}


def _run(tmp_path, name="20261121T083000-fer_resnet-faces-ab12", state="running", **status) -> Run:
    config = {"model": {"name": "fer_resnet"}, "data": {"dataset": "faces"}}
    return Run(tmp_path / name, state, RunStatus(**status), config, ("baseline",))


def test_smoothing_begins_at_the_first_value_and_passes_over_gaps():
    assert smooth([4.0, 4.0, 4.0], 0.9) == pytest.approx([4.0, 4.0, 4.0])
    smoothed = smooth([1.0, None, 3.0], 0.5)
    assert smoothed[1] is None
    assert smoothed[2] == pytest.approx((0.5 * 0.5 * 1 + 0.5 * 3) / (1 - 0.5**2))


def test_raw_curves_without_smoothing_and_a_star_at_the_best_epoch():
    figure = build_curves(RECORDS, CURVES, title="Loss", num_epochs=10)
    train, valid, star = figure.data
    assert list(train.y) == [2.0, 1.0, 0.5]
    assert list(valid.y) == [1.8, None, 0.9]
    assert (train.line.color, valid.line.color) == (TRAIN_COLOR, VALID_COLOR)
    assert (list(star.x), list(star.y), star.marker.color) == ([3], [0.9], BEST_COLOR)
    assert tuple(figure.layout.xaxis.range) == (0.5, 10.5)


def test_smoothed_curves_keep_the_raw_ones_behind_them():
    figure = build_curves(RECORDS, CURVES, title="Loss", smoothing=0.5)
    raw, smoothed = figure.data[:2]
    assert list(raw.y) == [2.0, 1.0, 0.5]
    assert raw.opacity < 1
    assert list(smoothed.y) == pytest.approx(smooth([2.0, 1.0, 0.5], 0.5))


def test_fractions_are_shown_in_per_cent():
    records = [EpochRecord(1, valid_accuracy=0.25)]
    figure = build_curves(records, {"valid_accuracy": ("validation", VALID_COLOR)}, title="", as_percent=True)
    assert list(figure.data[0].y) == [25.0]


def test_gradients_are_logarithms_with_the_head_last_and_gaps_where_frozen():
    records = [
        GradientRecord(1, {"classifier": LayerNorms(0.1), "stem": LayerNorms(None)}),
        GradientRecord(2, {"classifier": LayerNorms(10.0), "stem": LayerNorms(0.001)}),
    ]
    (heat,) = build_gradient_map(records).data
    assert list(heat.y) == ["stem", "classifier"]
    assert [list(row) for row in heat.z] == [[None, pytest.approx(-3)], [pytest.approx(-1), pytest.approx(1)]]
    assert (heat.zmin, heat.zmax) == (-3, 1)


def test_gradients_that_are_all_frozen_make_a_chart_too():
    (heat,) = build_gradient_map([GradientRecord(1, {"stem": LayerNorms(None)})]).data
    assert [list(row) for row in heat.z] == [[None]]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.44, "0.4 s"),
        (42.4, "42 s"),
        (125, "2 min 05 s"),
        (3 * 3600 + 12 * 60, "3 h 12 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_durations(seconds, text):
    assert describe_duration(seconds) == text


def test_numbers():
    assert describe_memory(640) == "640 MB"
    assert describe_memory(1500) == "1.5 GB"
    assert describe_percent(0.12345) == "12.3 %"
    assert describe_percent(None) == "–"


def test_progress_counts_steps_of_the_epoch_under_way(tmp_path):
    assert get_progress(_run(tmp_path, epoch=2, num_epochs=4, step=5, num_steps=10)) == pytest.approx(0.625)
    assert get_progress(_run(tmp_path)) == 0


def test_the_start_is_in_the_name_or_in_the_status(tmp_path):
    assert _run(tmp_path).created == datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
    assert _run(tmp_path, "mine", queue=QueueEntry(submitted=86400.0)).created == datetime(
        1970, 1, 2, tzinfo=UTC
    )
    assert _run(tmp_path, "mine").created is None


def test_active_runs_come_first_then_the_newest(tmp_path):
    old = _run(tmp_path, "20250101T000000-a", "finished")
    new = _run(tmp_path, "20260101T000000-a", "failed")
    active = _run(tmp_path, "20240101T000000-a", "running")
    second, first = (Run(tmp_path / f"2026010{n}T000000-b", "queued", RunStatus(), {}, (), n) for n in (2, 1))
    ordered = [active, first, second, new, old]
    assert sorted([old, second, new, first, active], key=order_by_interest) == ordered


def test_a_queued_run_tells_its_place(tmp_path):
    run = Run(tmp_path / "x", "queued", RunStatus(), {}, (), 2)
    assert "queued · number 2" in describe_state(run)
    assert build_table([run]).loc[0, "epoch"] == "queue: 2"


def test_the_filter_looks_at_name_model_data_and_tags(tmp_path):
    run = _run(tmp_path, "mine")
    assert matches(run, "")
    assert matches(run, "RESNET faces baseline mine")
    assert not matches(run, "resnet other")
