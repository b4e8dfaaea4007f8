"""Losses, schedules, early stopping, average, device: each against values computed by hand."""

import math

import pytest
import torch

from fer_core.config import EarlyStoppingConfig, OptimizerConfig
from fer_core.errors import ConfigError
from fer_core.training.device import resolve_precision
from fer_core.training.early_stopping import StopState
from fer_core.training.ema import build_ema
from fer_core.training.losses import compute_loss, draw_targets
from fer_core.training.optim import build_optimizer, compute_lr_factor

LOG_PROBABILITIES = torch.log(torch.tensor([[0.5, 0.3, 0.2]]))


def test_cross_entropy_on_a_distribution():
    targets = torch.tensor([[0.6, 0.4, 0.0]])
    expected = -(0.6 * math.log(0.5) + 0.4 * math.log(0.3))
    assert compute_loss(LOG_PROBABILITIES, targets, "crossentropy").item() == pytest.approx(expected)


def test_multi_target_takes_the_best_named_class():
    targets = torch.tensor([[0.0, 0.5, 0.5]])
    assert compute_loss(LOG_PROBABILITIES, targets, "multi_target").item() == pytest.approx(-math.log(0.3))


def test_drawn_labels_follow_the_distribution():
    torch.manual_seed(0)
    targets = torch.tensor([[0.7, 0.3, 0.0]]).repeat(4000, 1)
    drawn = draw_targets(targets, "probability")
    assert ((drawn == 0) | (drawn == 1)).all()
    assert (drawn.sum(1) == 1).all()
    assert drawn.mean(0).tolist() == pytest.approx([0.7, 0.3, 0.0], abs=0.03)
    assert draw_targets(targets, "crossentropy") is targets


def test_one_cycle_rises_to_the_peak_and_falls_to_nothing():
    config = OptimizerConfig(schedule="one_cycle", warmup_fraction=0.25)
    factors = [compute_lr_factor(step, 101, config) for step in range(101)]
    assert factors[0] == pytest.approx(1 / 25)
    assert factors[25] == pytest.approx(1)
    assert factors[100] == pytest.approx(1e-4)
    assert factors[:26] == sorted(factors[:26])
    assert factors[25:] == sorted(factors[25:], reverse=True)


def test_cosine_and_constant():
    config = OptimizerConfig(schedule="cosine", warmup_fraction=0.5)
    assert [compute_lr_factor(step, 5, config) for step in range(5)] == pytest.approx([0, 0.5, 1, 0.5, 0])
    constant = OptimizerConfig(schedule="constant")
    assert {compute_lr_factor(step, 9, constant) for step in range(9)} == {1.0}
    assert compute_lr_factor(0, 1, OptimizerConfig(warmup_fraction=0)) == 1.0


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_norms_and_biases_are_spared_the_decay(name):
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(4, 2))
    decayed, spared = build_optimizer(model, OptimizerConfig(name=name, weight_decay=0.1)).param_groups
    assert decayed["weight_decay"] == 0.1
    assert spared["weight_decay"] == 0
    assert all(item.ndim > 1 for item in decayed["params"])
    assert len(decayed["params"]) + len(spared["params"]) == len(list(model.parameters()))


def run_scores(scores, config):
    state = StopState()
    for epoch, score in enumerate(scores, 1):
        state = state.after(epoch, score, config)
        if state.should_stop(config):
            return epoch, state
    return None, state


def test_early_stopping_waits_for_patience_and_confirmation():
    config = EarlyStoppingConfig(patience=2, confirm_epochs=1)
    assert run_scores([0.5, 0.4, 0.4, 0.4, 0.9], config)[0] == 4
    # A better score in the confirming epoch cancels the stop.
    ended, state = run_scores([0.5, 0.4, 0.4, 0.6, 0.5], config)
    assert ended is None
    assert (state.best_score, state.best_epoch) == (0.6, 4)


def test_small_gains_do_not_count_and_nan_never_does():
    config = EarlyStoppingConfig(patience=2, min_delta=0.05)
    assert run_scores([0.5, 0.52, 0.54], config)[0] == 3
    assert run_scores([0.5, float("nan"), float("nan")], config)[0] == 3
    assert run_scores([0.1] * 20, EarlyStoppingConfig(patience=0))[0] is None


def test_average_follows_the_weights():
    model = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.BatchNorm1d(1))
    ema = build_ema(model, 0.9)
    ema.update_parameters(model)  # the first update copies
    with torch.no_grad():
        model[0].weight.fill_(1.0)
        before = ema.module[0].weight.item()
        ema.update_parameters(model)
    decay = min(0.9, 2 / 11)
    assert ema.module[0].weight.item() == pytest.approx(before * decay + 1.0 * (1 - decay))


def test_precision():
    cpu = torch.device("cpu")
    assert resolve_precision("fp32", cpu) == "no"
    assert resolve_precision("bf16", cpu) == "bf16"
    assert resolve_precision("auto", cpu) in ("no", "bf16")
    with pytest.raises(ConfigError, match="fp16"):
        resolve_precision("fp16", cpu)
