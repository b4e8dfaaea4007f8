"""Several people at once, in short: benchmarks/load.py is the long form."""

import pytest

from benchmarks.load import run_load
from fer_core.workspace import Workspace

pytestmark = pytest.mark.e2e


def test_sessions_training_and_camera_go_together(tmp_path):
    load = run_load(Workspace(tmp_path / "workspace"), num_sessions=3, seconds=10, num_reruns=6)
    report = load.describe()
    assert load.errors == [], report
    assert len(load.all_ms) >= 6, report
    assert load.num_frames > 0, report
    assert load.training_state == "running", report
    # The default model once, however many sessions show it: as a network or as a file, not both, no copies.
    assert sum(load.most_predictors.values()) <= 1, report
    assert load.num_networks <= 1, report
