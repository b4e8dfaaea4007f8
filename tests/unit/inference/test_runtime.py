"""torch and onnxruntime behind one interface."""

import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from fer_core.checkpoint import load_checkpoint_info, save_checkpoint_info
from fer_core.errors import CheckpointError, ConfigError
from fer_core.inference import providers
from fer_core.inference.onnx_predictor import OnnxPredictor
from fer_core.inference.predictor import load_predictor
from fer_core.inference.torch_predictor import TorchPredictor
from tests.small_models import save_small_model

CPU_ONLY = pytest.mark.skipif(providers.count_nvidia_gpus() > 0, reason="is about machines without a GPU")


@pytest.fixture
def small(workspace, exported):
    shutil.copytree(exported.workspace.runs, workspace.runs)
    return workspace


@CPU_ONLY
def test_auto_takes_the_checked_file(small):
    predictor = load_predictor("small", small)
    assert isinstance(predictor, OnnxPredictor)
    assert predictor.runtime == "onnxruntime cpu, fp32"
    assert predictor.info == load_checkpoint_info(small.run("small") / "best")
    assert load_predictor("small", small, runtime="torch").runtime == "torch cpu, fp32"


def test_without_a_file_torch_computes(workspace):
    save_small_model(workspace, "plain")
    assert isinstance(load_predictor("plain", workspace), TorchPredictor)
    with pytest.raises(CheckpointError, match="run: fer export plain"):
        load_predictor("plain", workspace, runtime="onnx")


def test_a_file_of_other_weights_is_not_taken(small):
    save_small_model(small, "small", seed=5)
    assert isinstance(load_predictor("small", small), TorchPredictor)
    with pytest.raises(CheckpointError, match="no ONNX file of these weights"):
        load_predictor("small", small, runtime="onnx")


def test_a_file_of_another_calibration_is_not_taken(small):
    folder = small.run("small") / "best"
    save_checkpoint_info(folder, replace(load_checkpoint_info(folder), temperature=2.0))
    assert isinstance(load_predictor("small", small), TorchPredictor)
    with pytest.raises(CheckpointError, match="exported with another temperature"):
        load_predictor("small", small, runtime="onnx")


def test_without_weights_the_file_computes(small):
    for path in (small.run("small") / "best").glob("*.safetensors"):
        path.unlink()
    assert isinstance(load_predictor("small", small), OnnxPredictor)
    with pytest.raises(CheckpointError, match="an ONNX file without weights"):
        load_predictor("small", small, runtime="torch")


def test_a_file_can_be_named(small):
    path = small.run("small") / "best" / "model-int8.onnx"
    predictor = load_predictor(str(path), small)
    assert predictor.runtime == "onnxruntime cpu, int8"
    crops = np.zeros((2, 48, 48), np.uint8)
    assert predictor.predict_crops(crops).shape == (2, 8)
    assert predictor.predict_crops(crops[:0]).shape == (0, 8)
    with pytest.raises(ConfigError, match="crops are"):
        predictor.predict_crops(crops.astype(np.float32))
    with pytest.raises(ConfigError, match="is an ONNX file"):
        load_predictor(str(path), small, runtime="torch")


@pytest.mark.parametrize(("keyword", "value"), [("runtime", "tflite"), ("device", "tpu")])
def test_unknown_names(small, keyword, value):
    with pytest.raises(ConfigError, match=value):
        load_predictor("small", small, **{"runtime": "onnx", keyword: value})


@CPU_ONLY
@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_a_device_that_is_not_there_is_an_error_when_asked_for(small, device):
    with pytest.raises(ConfigError, match="no NVIDIA GPU answers"):
        load_predictor("small", small, device=device, runtime="onnx")


def test_auto_falls_back_and_says_so(small, monkeypatch, caplog):
    """A GPU answers, but onnxruntime can't load its CUDA libraries: the session silently has only the CPU."""
    opened = []
    real = providers._try_session

    def try_session(path, device, num_threads, engine_cache):
        opened.append(device)
        return real(path, "cpu", num_threads, engine_cache)

    monkeypatch.setattr(providers, "explain_unusable", lambda _device: "")
    monkeypatch.setattr(providers, "_try_session", try_session)
    path = small.run("small") / "best" / "model-fp32.onnx"
    assert OnnxPredictor(path).device == "cpu"
    assert opened == ["cuda", "cpu"]
    assert "the CPU computes instead" in caplog.text
    with pytest.raises(ConfigError, match="libraries could not be loaded"):
        OnnxPredictor(path, device="cuda")


def test_onnx_needs_no_torch(small):
    code = (
        "import sys, numpy as np\n"
        "from fer_core.inference.predictor import load_predictor\n"
        "from fer_core.workspace import Workspace\n"
        "p = load_predictor('small', Workspace.default(), runtime='onnx')\n"
        "p.predict_crops(np.zeros((1, 48, 48), np.uint8))\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
