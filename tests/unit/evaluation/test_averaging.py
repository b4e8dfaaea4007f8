"""The mean of two checkpoints' weights."""

import dataclasses

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from fer_core.checkpoint import load_checkpoint_info, save_checkpoint_info
from fer_core.data.store import load_dataset
from fer_core.errors import CheckpointError, ConfigError
from fer_core.evaluation.averaging import average_checkpoints
from tests.small_models import save_small_model


@pytest.fixture
def pair(workspace, draw_faces):
    draw_faces(workspace, "faces", num_images=120)
    first, second = (save_small_model(workspace, name, seed=seed) for seed, name in enumerate(("one", "two")))
    return first, second, load_dataset(workspace.dataset("faces"))


def read(folder):
    return load_file(folder / load_checkpoint_info(folder).weights_file)


def test_every_weight_is_the_mean_and_the_statistics_are_of_the_data(pair, tmp_path):
    first, second, data = pair
    info = average_checkpoints(first, second, 0.25, data, tmp_path)
    ours, theirs, found = read(first), read(second), read(tmp_path)
    learned = [name for name in found if "running" not in name and "num_batches" not in name]
    assert learned
    for name in learned:
        torch.testing.assert_close(found[name], 0.75 * ours[name] + 0.25 * theirs[name])
    assert info.origin["averaged_with"].startswith("two (SHA-256 ")
    means = [name for name in found if name.endswith("running_mean")]
    assert means and not torch.equal(found[means[0]], ours[means[0]])


def test_two_that_are_the_same_give_the_same_answers(pair, tmp_path):
    """With itself, all that changes is the statistics, which are those of the training images then."""
    first, _, data = pair
    average_checkpoints(first, first, 0.5, data, tmp_path / "a")
    average_checkpoints(tmp_path / "a", tmp_path / "a", 0.5, data, tmp_path / "b")
    once, twice = read(tmp_path / "a"), read(tmp_path / "b")
    for name, value in once.items():
        torch.testing.assert_close(twice[name], value)


def test_two_that_do_not_fit(pair, tmp_path):
    first, second, data = pair
    info = load_checkpoint_info(second)
    save_checkpoint_info(second, dataclasses.replace(info, classes=tuple(reversed(info.classes))))
    with pytest.raises(CheckpointError, match="can't be averaged: classes"):
        average_checkpoints(first, second, 0.5, data, tmp_path)
    for share in (0, 1, np.nan):
        with pytest.raises(ConfigError, match="share"):
            average_checkpoints(first, first, share, data, tmp_path)
