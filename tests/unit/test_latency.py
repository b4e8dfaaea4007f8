"""The time for a face that `fer benchmark` kept."""

import pytest

from fer_core.cli import benchmark
from fer_core.export.benchmark import BenchmarkRow
from fer_core.latency import FOLDER, Latency, find_latency, save_latency
from tests.small_models import save_small_model

SHA = "ab" * 32
KEPT = Latency(
    ms=1.9,
    runtime="torch cpu fp32",
    threads=1,
    machine="A, 2 cores",
    date="2026-11-28T08:00:00+00:00",
    is_busy=True,
)


def test_what_was_kept_is_found_by_weights_and_replaced(workspace):
    assert find_latency(SHA, workspace) is None
    save_latency(KEPT, SHA, workspace)
    assert find_latency(SHA, workspace) == KEPT
    assert find_latency("cd" * 32, workspace) is None
    assert KEPT.describe() == "torch cpu fp32, 1 thread, A, 2 cores, 2026-11-28, while the machine was busy"


@pytest.mark.parametrize("content", ["half", "{}", '{"schema_version": 2}'])
def test_a_damaged_file_counts_as_not_measured(workspace, content):
    save_latency(KEPT, SHA, workspace)
    next((workspace.root / FOLDER).iterdir()).write_text(content)
    assert find_latency(SHA, workspace) is None


@pytest.mark.parametrize("name", ["../../escape", "a/b"])
def test_foreign_checksums_stay_in_the_folder(workspace, name):
    save_latency(KEPT, name, workspace)
    assert len(list((workspace.root / FOLDER).iterdir())) == 1
    assert find_latency(name, workspace) == KEPT


def _row(model: str, runtime: str, threads: int, batch_size: int, ms: float) -> BenchmarkRow:
    shared = {"low_ms": ms, "high_ms": ms, "faces_per_s": 1.0, "speed_ratio": 1.0, "num_bytes": 1}
    place = {"threads": threads, "batch_size": batch_size, "median_ms": ms}
    return BenchmarkRow(model=model, runtime=runtime, precision="fp32", **place, **shared)


def test_torch_on_one_thread_and_one_face_is_kept_of_checkpoints_alone(workspace):
    folder = save_small_model(workspace, "run-a")
    rows = [
        _row("run-a", "torch cpu", 2, 1, 1.0),
        _row("run-a", "torch cpu", 1, 8, 9.0),
        _row("run-a", "torch cpu", 1, 1, 2.0),
        _row("run-a", "onnxruntime cpu", 1, 1, 0.5),
        _row("vgg13", "torch cpu", 1, 1, 3.0),
    ]
    benchmark._keep_latencies(["run-a", "vgg13"], rows, workspace, is_busy=False)
    (kept,) = (workspace.root / FOLDER).iterdir()
    found = find_latency(kept.stem, workspace)
    assert found is not None
    assert (found.ms, found.runtime, found.threads) == (2.0, "torch cpu fp32", 1)
    assert kept.stem in (folder / "model.json").read_text()
