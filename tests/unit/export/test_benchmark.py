"""The benchmark times what it was asked for, on the same faces."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from fer_core.errors import CheckpointError, ConfigError
from fer_core.export.benchmark import BenchmarkSettings, run_benchmark
from fer_core.export.benchmark_chart import build_benchmark_figure, build_benchmark_frame

QUICK = {"batch_sizes": (1, 3), "rounds": 3}


def save_foreign(path, shape, kind=TensorProto.FLOAT):
    """A network of somebody else: the mean of every picture."""
    node = helper.make_node("ReduceMean", ["x"], ["y"], keepdims=0, axes=[1, 2, 3])
    cast = helper.make_node("Cast", ["in"], ["x"], to=TensorProto.FLOAT)
    graph = helper.make_graph(
        [cast, node],
        "mean",
        [helper.make_tensor_value_info("in", kind, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [shape[0]])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))
    return str(path)


def test_rows_ratios_table_and_chart(exported):
    progress = []
    rows = run_benchmark(
        ["small", str(exported.records["raw"].path)],
        exported.workspace,
        BenchmarkSettings(**QUICK, threads=(1, 2)),
        on_progress=lambda done, _text: progress.append(done),
    )
    assert [(row.runtime, row.precision) for row in rows[:4]] == [
        ("torch cpu", "fp32"),
        ("onnxruntime cpu", "fp32"),
        ("onnxruntime cpu", "int8"),
        ("onnxruntime cpu", "fp32"),
    ]
    assert [(row.threads, row.batch_size) for row in rows[::4]] == [(1, 1), (1, 3), (2, 1), (2, 3)]
    for row in rows:
        assert 0 < row.low_ms <= row.median_ms <= row.high_ms
        assert row.faces_per_s == pytest.approx(row.batch_size * 1000 / row.median_ms)
    assert [row.speed_ratio for row in rows[::4]] == [1, 1, 1, 1]
    assert progress[-1] == 1
    assert progress == sorted(progress)
    frame = build_benchmark_frame(rows)
    assert len(frame) == 16
    assert len(build_benchmark_figure(rows).data) == 8


def test_an_architecture_is_exported_for_the_benchmark(workspace, exported):
    rows = run_benchmark(["plain_cnn"], exported.workspace, BenchmarkSettings(**QUICK, precisions=("fp32",)))
    assert {row.runtime for row in rows} == {"torch cpu", "onnxruntime cpu"}
    assert rows[0].num_bytes > 10_000


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        (["N", 1, 40, 30], TensorProto.FLOAT),
        ([1, 1, 64, 64], TensorProto.FLOAT),
        ([2, 3, 32, 32], TensorProto.FLOAT16),
        (["N", 32, 32, 3], TensorProto.UINT8),
    ],
)
def test_files_of_others(exported, tmp_path, shape, kind):
    path = save_foreign(tmp_path / "foreign.onnx", shape, kind)
    rows = run_benchmark([path], exported.workspace, BenchmarkSettings(**QUICK))
    assert [row.batch_size for row in rows] == [1, 3]
    assert rows[0].model == "foreign"


def test_a_fixed_batch_is_filled(exported, tmp_path):
    from fer_core.export.foreign import ForeignNetwork

    path = tmp_path / "foreign.onnx"
    save_foreign(path, [2, 3, 32, 32])
    network = ForeignNetwork(path, device="cpu", num_threads=1, engine_cache=None)
    network.run(network.build_feed(np.zeros((5, 32, 32, 3), np.uint8)))


@pytest.mark.parametrize(
    ("shape", "kind", "match"),
    [
        (["N", 2, 32, 32], TensorProto.FLOAT, "1 or 3 channels"),
        (["N", 1, "h", "w"], TensorProto.FLOAT, "fixed height and width"),
        (["N", 1, 32, 32], TensorProto.INT64, "of rank 4"),
    ],
)
def test_files_that_take_no_pictures(exported, tmp_path, shape, kind, match):
    path = save_foreign(tmp_path / "foreign.onnx", shape, kind)
    with pytest.raises(CheckpointError, match=match):
        run_benchmark([path], exported.workspace, BenchmarkSettings(**QUICK))


def test_wrong_requests(exported, tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint 'absent'"):
        run_benchmark(["absent"], exported.workspace)
    with pytest.raises(ConfigError, match="no model was named"):
        run_benchmark([], exported.workspace)
    (tmp_path / "x.onnx").write_bytes(b"no")
    with pytest.raises(CheckpointError, match=r"x\.onnx"):
        run_benchmark([str(tmp_path / "x.onnx")], exported.workspace, BenchmarkSettings(**QUICK))


@pytest.mark.parametrize(
    "changes",
    [{"batch_sizes": ()}, {"batch_sizes": (0,)}, {"threads": (999,)}, {"rounds": 2}, {"runtimes": ()}],
)
def test_wrong_settings(changes):
    with pytest.raises(ConfigError, match=next(iter(changes)).removesuffix("s")):
        BenchmarkSettings(**changes)
