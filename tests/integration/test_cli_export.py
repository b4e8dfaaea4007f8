"""`fer export`, `fer benchmark`, prediction by the file, and the example that needs only the file."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest

from fer_core.cli import main
from fer_core.inference.predictor import load_predictor
from fer_core.inference.sample import sample_path
from tests.conftest import ROOT
from tests.small_models import save_small_model


@pytest.fixture
def small(workspace, draw_faces, known_graphs):
    draw_faces(workspace, "schematic-faces", num_images=120)
    save_small_model(workspace, "small", always="happiness")
    return workspace


def test_export_predict_and_example(small, tmp_path, capsys):
    assert main(["export", "small", "--uint8-input"]) == 0
    assert main(["export", "small"]) == 0
    printed = capsys.readouterr().out
    assert "100.00% of the labels agree" in printed
    file = small.run("small") / "best" / "model-fp32.onnx"

    picture = str(sample_path())
    arguments = ["predict", picture, "--detector", "whole-image", "--json"]
    said = []
    for model in (["small", "--runtime", "torch"], ["small", "--runtime", "onnx"], [str(file)]):
        assert main([*arguments, "--model", *model]) == 0
        said.append(json.loads(capsys.readouterr().out)["images"][0]["faces"][0]["probabilities"])
    assert said[0] == pytest.approx(said[1], abs=1e-4)
    assert said[1] == said[2]

    crops = np.random.default_rng(0).integers(0, 256, (3, 48, 48), dtype=np.uint8)
    np.save(tmp_path / "faces.npy", crops)
    expected = load_predictor("small", small, runtime="torch").predict_crops(crops).max(axis=1)
    for name in ("model-fp32.onnx", "model-fp32-uint8.onnx"):
        command = [ROOT / "examples" / "predict_onnx.py", file.with_name(name), tmp_path / "faces.npy"]
        result = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=True)
        lines = result.stdout.splitlines()
        assert [line.split()[2] for line in lines] == ["happiness"] * 3
        found = [float(line.split()[3].rstrip(",")) for line in lines]
        assert found == pytest.approx(expected.tolist(), abs=2e-3)


def test_the_example_needs_nothing_else():
    code = (ROOT / "examples" / "predict_onnx.py").read_text()
    imported = {line.split()[1] for line in code.splitlines() if line.startswith(("import ", "from "))}
    assert imported == {"json", "sys", "numpy", "onnxruntime"}


def test_benchmark_writes_what_it_prints(small, tmp_path, capsys):
    quick = ["--batch-sizes", "1", "2", "--rounds", "3", "--precisions", "fp32"]
    for suffix in ("csv", "json", "html"):
        assert main(["benchmark", "small", *quick, "--out", str(tmp_path / f"b.{suffix}")]) == 0
    assert "onnxruntime cpu" in capsys.readouterr().out
    with (tmp_path / "b.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["batch_size"] for row in rows] == ["1", "1", "2", "2"]
    assert len(json.loads((tmp_path / "b.json").read_text())) == 4
    assert "plotly" in (tmp_path / "b.html").read_text()
    assert main(["benchmark", "small", "--out", "b.txt"]) == 1
    assert ".csv, .json, .html" in capsys.readouterr().err


def test_errors_are_one_line(small, capsys):
    assert main(["export", "absent"]) == 1
    assert "no checkpoint 'absent'" in capsys.readouterr().err
    assert main(["predict", str(sample_path()), "--model", "small", "--runtime", "onnx"]) == 1
    assert "run: fer export small" in capsys.readouterr().err
