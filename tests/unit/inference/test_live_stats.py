"""Counts and rates of a stream, against figures worked out by hand."""

import math

import numpy as np
import pytest

from fer_core.inference.live_stats import LiveStats, ProbabilityHistory
from fer_core.types import Prediction


def _prediction(*probabilities):
    return Prediction(("a", "b"), probabilities)


def test_nothing_yet_is_told_as_nothing():
    report = LiveStats().report(100.0)
    assert (report.num_received, report.num_processed, report.processed_fps) == (0, 0, 0.0)
    assert math.isnan(report.latency_p50_ms)
    assert report.dropped_share == 0.0
    assert report.errors == ()


def test_counts_add_up_to_what_was_received():
    stats = LiveStats()
    stats.add_processed(0.0, 1, 10.0, {})
    stats.add_processed(0.1, 3, 10.0, {})  # two older frames waited and were left out
    stats.add_failed(0.2, 2, ValueError("no"))
    stats.add_dropped(0.3, 4)
    report = stats.report(0.3)
    assert report.num_received == 10
    assert (report.num_processed, report.num_failed, report.num_dropped) == (2, 1, 7)
    assert report.dropped_share == pytest.approx(0.7)


def test_rates_over_the_window():
    stats = LiveStats(window_s=5.0)
    for index in range(101):  # ten seconds at ten a second, of which every other is dropped
        stats.add_processed(index / 10, 2, 10.0, {})
    report = stats.report(10.0)
    # From 5.0 to 10.0 s there are 51 frames, which came since the one at 4.9 s.
    assert report.processed_fps == pytest.approx(51 / 5.1)
    assert report.received_fps == pytest.approx(102 / 5.1)
    assert report.dropped_share == pytest.approx(0.5)
    assert report.num_processed == 101


def test_a_stopped_stream_goes_to_zero():
    stats = LiveStats(window_s=5.0)
    stats.add_processed(0.0, 1, 10.0, {"detect": 1.0})
    report = stats.report(6.0)
    assert (report.processed_fps, report.num_processed) == (0.0, 1)
    assert math.isnan(report.latency_p95_ms)
    assert report.stages == {}


def test_frames_that_waited_for_a_slow_one_do_not_speed_the_camera_up():
    stats = LiveStats(window_s=5.0)
    for time_s in (0.0, 2.0, 4.0, 6.0, 8.0):  # one frame in two seconds, of thirty a second
        stats.add_processed(time_s, 60, 2000.0, {})
    report = stats.report(8.0)
    assert report.received_fps == pytest.approx(180 / 6)  # at 4, 6 and 8 s: what came since 2 s
    assert report.processed_fps == pytest.approx(3 / 6)


def test_latency_percentiles_and_stages():
    stats = LiveStats()
    for index, latency in enumerate([10.0, 20.0, 30.0, 40.0, 50.0]):
        stages = {"detect": latency / 10} | ({"classify": 3.0} if index % 2 else {})
        stats.add_processed(index * 0.1, 1, latency, stages)
    report = stats.report(0.5)
    assert report.latency_p50_ms == pytest.approx(30.0)
    assert report.latency_p95_ms == pytest.approx(48.0)  # linear between 40 and 50 at 0.95 * 4 = 3.8
    assert set(report.stages) == {"detect", "classify"}
    assert report.stages["detect"].p50_ms == pytest.approx(3.0)
    assert report.stages["detect"].p95_ms == pytest.approx(4.8)
    assert report.stages["classify"].p50_ms == report.stages["classify"].p95_ms == pytest.approx(3.0)


def test_errors_are_counted_by_kind_with_the_latest_message():
    stats = LiveStats()
    for text in ("first", "second"):
        stats.add_failed(0.0, 1, ValueError(text))
    stats.add_failed(0.0, 1, RuntimeError("other"))
    first, second = stats.report(0.0).errors
    assert (first.kind, first.count, first.message) == ("ValueError", 2, "second")
    assert (second.kind, second.count, second.message) == ("RuntimeError", 1, "other")


def test_history_is_thinned_bounded_and_relative_to_now():
    history = ProbabilityHistory(("a", "b"), length_s=30.0, step_s=0.1)
    for index in range(1200):  # forty seconds at thirty a second
        history.add(index / 30, _prediction(0.25, 0.75))
    curve = history.curve(now_s=40.0)
    assert curve.classes == ("a", "b")
    assert 295 <= len(curve.times_s) <= 301
    assert curve.times_s.min() >= -30.0
    assert curve.times_s.max() <= 0.0
    np.testing.assert_allclose(np.diff(curve.times_s), 0.1, atol=1e-3)
    np.testing.assert_allclose(curve.probabilities, [[0.25, 0.75]] * len(curve.times_s))


def test_history_shows_a_gap_where_there_was_no_face():
    history = ProbabilityHistory(("a", "b"))
    history.add(0.0, _prediction(1.0, 0.0))
    history.add(1.0, None)
    curve = history.curve(1.0)
    assert curve.times_s.tolist() == [-1.0, 0.0]
    assert curve.probabilities[0].tolist() == [1.0, 0.0]
    assert np.isnan(curve.probabilities[1]).all()


def test_empty_history_has_the_right_shape():
    curve = ProbabilityHistory(("a", "b")).curve(5.0)
    assert (curve.times_s.shape, curve.probabilities.shape) == ((0,), (0, 2))
