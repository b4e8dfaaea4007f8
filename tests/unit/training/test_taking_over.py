"""How much of a change an adapted model keeps."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from fer_core.checkpoint import find_checkpoint, load_checkpoint_info
from fer_core.models import load_checkpoint, save_checkpoint
from fer_core.training.taking_over import choose_share, rate_truth, take_over
from fer_core.workspace import Workspace
from tests.small_models import save_small_model


@pytest.mark.parametrize(
    ("cost", "share"), [(0.0, 1.0), (-0.1, 1.0), (0.005, 1.0), (0.01, 0.5), (0.02, 0.2), (1.0, 0.1)]
)
def test_as_much_is_kept_as_costs_half_a_point(cost: float, share: float) -> None:
    assert choose_share(lambda part: cost * part) == share


def test_the_right_answer_is_rated_as_sure_as_it_may_be_whatever_the_scale() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 500)
    logits = rng.normal(size=(500, 3)) + 2 * np.eye(3)[labels]
    rated = rate_truth(logits, labels)
    assert rated == pytest.approx(rate_truth(40 * logits, labels), abs=1e-3)
    assert 0.5 < rated < (logits.argmax(axis=1) == labels).mean()
    assert rate_truth(logits + rng.normal(size=logits.shape), labels) < rated - 0.05
    assert rate_truth(np.zeros((500, 3)), labels) == pytest.approx(1 / 3)


def test_what_nobody_can_judge_is_kept_by_half_and_only_once(workspace: Workspace) -> None:
    save_small_model(workspace, "old")
    best = save_small_model(workspace, "new")
    model, info = load_checkpoint(best)
    with torch.no_grad():
        model.classifier.bias += 1
    before = save_checkpoint(best, model, info)
    parent = find_checkpoint("old", workspace)
    weights = [
        load_file(folder / item.weights_file)
        for folder, item in ((parent.folder, parent.info), (best, before))
    ]
    for _ in range(2):  # the second time as after a stop and a resume
        assert take_over(parent, best, None) == 0.5
        after = load_file(best / load_checkpoint_info(best).weights_file)
        for name, (old, new) in {name: tuple(item[name] for item in weights) for name in after}.items():
            wanted = (old + new) / 2 if new.is_floating_point() else new
            assert torch.allclose(after[name], wanted, atol=1e-6), name
