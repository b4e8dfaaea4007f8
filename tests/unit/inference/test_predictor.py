from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import softmax
from torch import nn

from fer_core.checkpoint import CheckpointInfo, InputSpec
from fer_core.errors import CheckpointError, ConfigError, MediaError
from fer_core.inference.predictor import load_predictor
from fer_core.inference.predictor_base import BATCH_SIZE
from fer_core.inference.torch_predictor import TorchPredictor
from fer_core.models import build_model, resolve_device, save_checkpoint
from fer_core.types import FaceBox

CLASSES = ("anger", "fear", "neutral")


def make_info(color="gray", temperature=1.0, **changes):
    channels = 1 if color == "gray" else 3
    fields = {
        "name": "tiny",
        "architecture": "fer_resnet",
        "arguments": {"stem_width": 8, "widths": "8-16", "depths": "1-1"},
        "classes": CLASSES,
        "input": InputSpec(height=24, width=24, color=color, mean=(0.5,) * channels, std=(0.25,) * channels),
        "weights_sha256": "0" * 64,
        "num_parameters": 0,
        "temperature": temperature,
    }
    return CheckpointInfo(**(fields | changes))


def make_predictor(color="gray", temperature=1.0):
    torch.manual_seed(0)
    info = make_info(color, temperature)
    model = build_model(
        "fer_resnet",
        num_classes=3,
        in_channels=info.input.channels,
        input_size=(24, 24),
        arguments=info.arguments,
    )
    return TorchPredictor(model, info, device="cpu")


def random_crops(count, color="gray"):
    shape = (count, 24, 24) if color == "gray" else (count, 24, 24, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


class MeanModel(nn.Module):
    """Logits that one can work out by hand: the mean of the normalised input, times 1, 2 and 3."""

    def forward(self, x):
        return x.mean(dim=(1, 2, 3))[:, None] * torch.tensor([1.0, 2.0, 3.0])


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_preprocessing_and_temperature_by_hand(temperature):
    predictor = TorchPredictor(MeanModel(), make_info(temperature=temperature), device="cpu")
    crops = np.full((1, 24, 24), 204, np.uint8)  # 0.8, normalised (0.8 - 0.5) / 0.25 = 1.2
    expected = softmax(np.array([1.2, 2.4, 3.6]) / temperature)
    assert predictor.predict_crops(crops)[0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("color", ["gray", "rgb"])
def test_rows_are_distributions_and_do_not_depend_on_the_batch(color):
    predictor = make_predictor(color)
    crops = random_crops(BATCH_SIZE + 5, color)
    together = predictor.predict_crops(crops)
    assert together.shape == (BATCH_SIZE + 5, 3)
    assert together.sum(axis=1) == pytest.approx(1, abs=1e-5)
    alone = np.concatenate([predictor.predict_crops(crop[None]) for crop in crops])
    assert together == pytest.approx(alone, abs=1e-5)


def test_predict_crops_each_box_in_order():
    predictor = TorchPredictor(MeanModel(), make_info(), device="cpu")
    image = np.zeros((100, 200, 3), np.uint8)
    image[:, 100:] = 255
    dark, bright = (FaceBox(x=x, y=20, width=40, height=50, score=1.0) for x in (20, 140))
    labels = [item.label for item in predictor.predict(image, [bright, dark, bright])]
    assert labels == ["neutral", "anger", "neutral"]
    assert predictor.predict(image, []) == []


def test_many_threads_get_what_one_gets():
    predictor = make_predictor()
    crops = random_crops(12)
    expected = predictor.predict_crops(crops)
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(lambda _: predictor.predict_crops(crops), range(24)):
            assert result == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "crops",
    [
        np.zeros((1, 24, 25), np.uint8),
        np.zeros((24, 24), np.uint8),
        np.zeros((1, 24, 24, 3), np.uint8),
        np.zeros((1, 24, 24), np.float32),
    ],
)
def test_crops_of_another_shape_are_refused(crops):
    with pytest.raises(ConfigError, match="N x 24 x 24"):
        make_predictor().predict_crops(crops)


def test_no_crops_give_no_rows():
    assert make_predictor().predict_crops(random_crops(0)).shape == (0, 3)


def test_loading_by_name(workspace):
    info = make_info()
    model = build_model("fer_resnet", num_classes=3, input_size=(24, 24), arguments=info.arguments)
    save_checkpoint(workspace.run("a") / "best", model, info)
    assert load_predictor("a", workspace).info.classes == CLASSES
    with pytest.raises(CheckpointError, match="absent"):
        load_predictor("absent", workspace)


def test_devices():
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device("auto").type in ("cpu", "cuda")
    with pytest.raises(ConfigError, match="tpu9"):
        resolve_device("tpu9")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_answer_that_is_no_number_is_an_error(value):
    class Broken(nn.Module):
        def forward(self, x):
            return torch.where(x.mean(dim=(1, 2, 3)) > 0, value, 0.0)[:, None] * torch.tensor([1.0, 0, 0])

    predictor = TorchPredictor(Broken(), make_info(), device="cpu")
    crops = np.stack([np.zeros((24, 24), np.uint8), np.full((24, 24), 255, np.uint8)])
    with pytest.raises(CheckpointError, match=r"'tiny' answers 1 of 2 images with NaN"):
        predictor.predict_crops(crops)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("field", ["x", "y", "width", "height"])
def test_a_box_that_is_no_place_is_an_error(field, value):
    box = replace(FaceBox(x=1, y=1, width=9, height=9, score=1), **{field: value})
    with pytest.raises(MediaError, match="finite"):
        make_predictor().predict(np.zeros((24, 24, 3), np.uint8), [box])
