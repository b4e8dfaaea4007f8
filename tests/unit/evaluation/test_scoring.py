"""Test-time flip averaging: what is averaged, and that a report says so."""

import numpy as np
import pytest
import torch
from scipy.special import softmax

from fer_core.data.builtin import write_schematic_faces
from fer_core.data.store import load_dataset
from fer_core.errors import CheckpointError
from fer_core.evaluation.evaluator import evaluate_checkpoint
from fer_core.evaluation.scoring import FlipAveraged, compute_logits
from fer_core.models import load_checkpoint
from tests.small_models import save_small_model


class LeftHalf(torch.nn.Module):
    """Looks at the left half only: a picture and its mirror image give other logits."""

    def forward(self, x):
        left = x[..., : x.shape[3] // 2].mean(dim=(1, 2, 3))
        return torch.stack([left, -2 * left], dim=1)


def test_flip_averaging_by_hand():
    pictures = torch.zeros(1, 1, 2, 4)
    pictures[..., :2] = 3.0  # left bright: 3; mirrored: 0; mean 1.5
    assert FlipAveraged(LeftHalf())(pictures).tolist() == [[1.5, -3.0]]
    torch.manual_seed(0)
    noise = torch.rand(4, 1, 6, 6)
    averaged = FlipAveraged(LeftHalf())
    torch.testing.assert_close(averaged(noise), averaged(noise.flip(3)))
    assert not torch.allclose(LeftHalf()(noise), LeftHalf()(noise.flip(3)))


@pytest.fixture
def model_and_faces(workspace):
    write_schematic_faces(workspace, "faces", num_images=120)
    return save_small_model(workspace, "model"), load_dataset(workspace.dataset("faces"))


def test_a_score_of_answers_that_are_no_numbers_is_refused(model_and_faces):
    folder, data = model_and_faces
    model, info = load_checkpoint(folder)
    with torch.no_grad():
        next(model.parameters())[:] = float("nan")
    with pytest.raises(CheckpointError, match="answers 120 of 120 images with NaN"):
        compute_logits(model, data.images, np.arange(120), info.input, device=torch.device("cpu"))


def test_an_evaluation_with_flip_averages_logits_before_the_softmax(model_and_faces):
    folder, data = model_and_faces
    plain = evaluate_checkpoint(folder, data, "valid", device="cpu")
    flipped = evaluate_checkpoint(folder, data, "valid", device="cpu", tta="flip")
    assert (plain.subject.tta, flipped.subject.tta) == ("none", "flip")
    assert "flip averaging" in flipped.subject.describe()
    model, info = load_checkpoint(folder)
    mirrored = np.ascontiguousarray(data.images[:, :, ::-1])
    logits = [
        compute_logits(model, images, plain.data.rows, info.input, device=torch.device("cpu"))
        for images in (data.images, mirrored)
    ]
    expected = softmax((logits[0] + logits[1]).astype(np.float64) / 2, axis=1)
    np.testing.assert_allclose(flipped.data.probabilities, expected, atol=1e-5)
    assert np.abs(plain.data.probabilities - expected).max() > 1e-4
