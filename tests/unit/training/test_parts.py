"""Losses, schedules, early stopping, average, device: each against values computed by hand."""

import dataclasses
import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fer_core.config import (
    AugmentConfig,
    EarlyStoppingConfig,
    LossConfig,
    OptimizerConfig,
    TrainConfig,
    TransferConfig,
)
from fer_core.data.augment import mix_batch
from fer_core.errors import ConfigError
from fer_core.evaluation.comparison import flatten
from fer_core.runs.records import EpochRecord, LayerNorms, SampleRecord
from fer_core.training.gradients import GradientLog, describe_problems
from fer_core.training.losses import DistributionLoss, compute_class_weights, draw_targets
from fer_core.training.optim import (
    PlateauState,
    build_average,
    build_optimizer,
    compute_lr_factor,
    locate_in_cycle,
    sam_perturbation,
    set_learning_rate,
)
from fer_core.training.recording import Progress, StopState, load_state, save_state
from fer_core.training.setup import (
    count_thawed_groups,
    hold_frozen_statistics,
    set_thawed_groups,
    set_threads,
)
from fer_core.training.task import resolve_precision
from fer_core.training.trackers import draw_samples, select_scores
from fer_core.training.train_step import choose_scale, is_epoch_mixed

LOG_PROBABILITIES = torch.log(torch.tensor([[0.5, 0.3, 0.2]]))


def compute_loss(targets, mode="crossentropy", weights=None, **settings):
    loss = DistributionLoss(LossConfig(**settings), mode, weights)
    return loss(LOG_PROBABILITIES, torch.tensor([targets])).item()


def test_cross_entropy_on_a_distribution():
    expected = -(0.6 * math.log(0.5) + 0.4 * math.log(0.3))
    assert compute_loss([0.6, 0.4, 0.0]) == pytest.approx(expected)


def test_multi_target_takes_the_best_named_class():
    assert compute_loss([0.0, 0.5, 0.5], "multi_target") == pytest.approx(-math.log(0.3))


def test_focal_loss_turns_down_what_is_easy():
    expected = -(0.5**2) * math.log(0.5)
    assert compute_loss([1.0, 0.0, 0.0], name="focal") == pytest.approx(expected)
    assert compute_loss([1.0, 0.0, 0.0], name="focal", focal_gamma=0.0) == pytest.approx(-math.log(0.5))
    expected = -(0.7**2) * math.log(0.3)
    assert compute_loss([0.0, 1.0, 0.0], "multi_target", name="focal") == pytest.approx(expected)


def test_a_certain_prediction_has_a_finite_focal_gradient():
    logits = torch.tensor([[200.0, 0.0, 0.0]], requires_grad=True)
    loss = DistributionLoss(LossConfig(name="focal", focal_gamma=0.5), "crossentropy")
    loss(logits, torch.tensor([[1.0, 0.0, 0.0]])).backward()
    assert logits.grad.isfinite().all()


def test_label_smoothing_spreads_its_share_evenly():
    smooth = [0.7 + 0.1, 0.1, 0.1]
    expected = -sum(t * math.log(p) for t, p in zip(smooth, (0.5, 0.3, 0.2), strict=True))
    assert compute_loss([1.0, 0.0, 0.0], label_smoothing=0.3) == pytest.approx(expected)
    assert compute_loss([1.0, 0.0, 0.0], "multi_target", label_smoothing=0.3) == pytest.approx(-math.log(0.5))


def test_class_weights():
    counts = torch.tensor([[1.0, 0, 0]] * 30 + [[0, 1.0, 0]] * 10)
    assert compute_class_weights(counts, "none") is None
    balanced = compute_class_weights(counts, "balanced")
    assert balanced.tolist() == pytest.approx([40 / 60, 40 / 20, 0])
    mild = compute_class_weights(counts, "effective")
    assert (counts @ mild).mean().item() == pytest.approx(1)
    ratio = (1 - 0.999**30) / (1 - 0.999**10)
    assert (mild[1] / mild[0]).item() == pytest.approx(ratio, rel=1e-4)
    expected = -2.0 * math.log(0.3)
    assert compute_loss([0.0, 1.0, 0.0], weights=torch.tensor([0.5, 2.0, 1.0])) == pytest.approx(expected)


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


def test_step_cuts_and_plateau_only_warms_up():
    config = OptimizerConfig(schedule="step", warmup_fraction=0, step_epochs=2, step_factor=0.5)
    factors = [compute_lr_factor(step, 60, config, steps_per_epoch=10) for step in range(60)]
    assert factors == [1.0] * 20 + [0.5] * 20 + [0.25] * 20
    plateau = OptimizerConfig(schedule="plateau", warmup_fraction=0.5)
    factors = [compute_lr_factor(step, 5, plateau) for step in range(5)]
    assert factors == pytest.approx([0, 0.5, 1, 1, 1])


def test_plateau_cuts_after_patience_and_starts_counting_anew():
    config = OptimizerConfig(schedule="plateau", plateau_patience=2, step_factor=0.1)
    state, factors = PlateauState(), []
    for score in (0.5, 0.6, 0.6, 0.55, 0.59, float("nan"), 0.7):
        state = state.after(score, config)
        factors.append(state.factor)
    assert factors == pytest.approx([1, 1, 1, 0.1, 0.1, 0.01, 0.01])
    assert PlateauState().after(0.0, OptimizerConfig(schedule="cosine")) == PlateauState()


def test_cycles_repeat_the_schedule_from_a_lower_peak():
    once = OptimizerConfig(schedule="one_cycle")
    twice = dataclasses.replace(once, cycles=2, cycle_factor=0.25)
    alone = [compute_lr_factor(step, 50, once) for step in range(50)]
    factors = [compute_lr_factor(step, 100, twice) for step in range(100)]
    assert factors[:50] == alone  # a run can be planned longer without a change to what it has done
    assert factors[50:] == pytest.approx([0.25 * factor for factor in alone])


@given(length=st.integers(1, 200), num_cycles=st.integers(1, 12))
def test_cycles_cover_a_run_in_order_and_are_about_equally_long(length, num_cycles):
    places = [locate_in_cycle(index, length, num_cycles) for index in range(length)]
    for before, after in pairwise(places):
        assert after == (before.cycle, before.place + 1, before.length) or (
            after.cycle > before.cycle and after.place == 0 and before.place == before.length - 1
        )
    assert places[0][:2] == (0, 0)
    assert places[-1].place == places[-1].length - 1
    lengths = {place.length for place in places}
    assert max(lengths) - min(lengths) <= 1


def test_schedules_without_a_course_cannot_be_repeated():
    with pytest.raises(ConfigError, match="cycles"):
        OptimizerConfig(schedule="step", cycles=2)
    with pytest.raises(ConfigError, match="cycle_factor"):
        OptimizerConfig(cycle_factor=0.0)


def test_cosine_and_constant():
    config = OptimizerConfig(schedule="cosine", warmup_fraction=0.5)
    assert [compute_lr_factor(step, 5, config) for step in range(5)] == pytest.approx([0, 0.5, 1, 0.5, 0])
    constant = OptimizerConfig(schedule="constant")
    assert {compute_lr_factor(step, 9, constant) for step in range(9)} == {1.0}
    assert compute_lr_factor(0, 1, OptimizerConfig(warmup_fraction=0)) == 1.0


def groups_of(model):
    return [list(layer.parameters()) for layer in model]


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_norms_and_biases_are_spared_the_decay(name):
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(4, 2))
    optimizer = build_optimizer(groups_of(model), OptimizerConfig(name=name, weight_decay=0.1))
    decayed, spared = optimizer.param_groups
    assert decayed["weight_decay"] == 0.1
    assert spared["weight_decay"] == 0
    assert all(item.ndim > 1 for item in decayed["params"])
    assert len(decayed["params"]) + len(spared["params"]) == len(list(model.parameters()))


def test_layer_decay_slows_what_is_far_from_the_head():
    model = torch.nn.Sequential(*(torch.nn.Linear(2, 2) for _ in range(3)))
    optimizer = build_optimizer(groups_of(model), OptimizerConfig(), layer_decay=0.5)
    set_learning_rate(optimizer, 0.4)
    rates = {id(item): group["lr"] for group in optimizer.param_groups for item in group["params"]}
    assert [rates[id(layer.weight)] for layer in model] == pytest.approx([0.1, 0.2, 0.4])
    assert [rates[id(layer.bias)] for layer in model] == pytest.approx([0.1, 0.2, 0.4])


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_a_stored_momentum_comes_back_in_the_layout_of_its_weights(name, tmp_path):
    def build():
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Conv2d(4, 2, 3))
        model.to(memory_format=torch.channels_last)
        return model, build_optimizer(groups_of(model), OptimizerConfig(name=name, momentum=0.9))

    model, optimizer = build()
    model(torch.rand(2, 3, 8, 8)).sum().backward()
    optimizer.step()
    save_state(tmp_path / "state.safetensors", Progress(step=1), model, None, optimizer)
    other, resumed = build()
    load_state(tmp_path / "state.safetensors", other, None, resumed)
    for weights, twin in zip(model.parameters(), other.parameters(), strict=True):
        before, after = optimizer.state[weights], resumed.state[twin]
        assert before.keys() == after.keys()
        for key in before.keys() - {"step"}:
            assert torch.equal(before[key], after[key])
            assert after[key].stride() == before[key].stride() == twin.stride()


def test_sharpness_aware_step_looks_at_the_worst_point_nearby_and_comes_back():
    weight = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
    (weight**2).sum().backward()  # gradient (6, 8), norm 10
    with sam_perturbation([weight], rho=0.5):
        assert weight.tolist() == pytest.approx([3.3, 4.4])
        assert weight.grad is None
        (weight**2).sum().backward()
    assert weight.tolist() == [3.0, 4.0]
    assert weight.grad.tolist() == pytest.approx([6.6, 8.8])


def test_layers_thaw_from_the_head_down():
    gradual = TransferConfig(freeze_epochs=2, thaw_every=2)
    assert [count_thawed_groups(epoch, 4, gradual) for epoch in range(1, 9)] == [1, 1, 2, 2, 3, 3, 4, 4]
    at_once = TransferConfig(freeze_epochs=1)
    assert [count_thawed_groups(epoch, 4, at_once) for epoch in (1, 2)] == [1, 4]
    assert count_thawed_groups(1, 4, TransferConfig(thaw_every=3)) == 4


def test_frozen_layers_keep_weights_and_statistics():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2), torch.nn.Linear(2, 2))
    groups = groups_of(model)
    assert set_thawed_groups(groups, 1)
    assert not set_thawed_groups(groups, 1)
    assert [item.requires_grad for item in model.parameters()] == [False] * 4 + [True] * 2
    model.train()
    hold_frozen_statistics(model)
    assert [layer.training for layer in model] == [True, False, True]


def test_gradient_norms_by_layer():
    model = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1))
    log = GradientLog(model)
    for first in (3.0, 6.0):
        model[0].weight.grad = torch.tensor([[first]])
        model[0].bias.grad = torch.tensor([first * 4 / 3])
        log.observe()
    model[1].requires_grad_(False)
    record = log.finish_epoch(7)
    assert record.epoch == 7
    assert record.layers["0"].gradient_norm == pytest.approx((5 + 10) / 2)
    assert record.layers["1"].gradient_norm is None
    expected = math.hypot(model[1].weight.item(), model[1].bias.item())
    assert record.layers["1"].weight_norm == pytest.approx(expected)
    assert record.warnings == ()


def test_gradients_that_vanish_or_explode_are_named():
    def layers(**norms):
        return {name: LayerNorms(norm) for name, norm in norms.items()}

    assert describe_problems(layers(a=1.0, b=0.1)) == []
    assert describe_problems({}) == []
    (vanishing,) = describe_problems(layers(stem=1e-9, head=1.0))
    assert "vanishing" in vanishing
    assert "stem" in vanishing
    (exploding,) = describe_problems(layers(stem=1e5, head=1.0))
    assert "exploding" in exploding


def test_mixing_ends_before_each_cycle_does():
    config = TrainConfig(
        epochs=8, augment=AugmentConfig(mixup_until=0.75), optimizer=OptimizerConfig(cycles=2)
    )
    mixed = [epoch for epoch in range(1, 9) if is_epoch_mixed(epoch, config)]
    assert mixed == [1, 2, 3, 5, 6, 7]


def test_images_grow_within_each_cycle():
    config = TrainConfig(
        epochs=8, augment=AugmentConfig(small_until=0.75), optimizer=OptimizerConfig(cycles=2)
    )
    scales = [choose_scale(epoch, config) for epoch in range(1, 9)]
    assert scales == 2 * [1 / 2, 1 / 2, 2 / 3, 1]
    assert {choose_scale(epoch, TrainConfig(epochs=8)) for epoch in range(1, 9)} == {1}


@pytest.mark.parametrize(("epochs", "cycles"), [(1, 1), (5, 3), (7, 2)])
def test_no_cycle_ends_with_smaller_images(epochs, cycles):
    """Its last epoch is judged on images of full size, and the estimate measures the run's last one."""
    config = TrainConfig(
        epochs=epochs, augment=AugmentConfig(small_until=1.0), optimizer=OptimizerConfig(cycles=cycles)
    )
    where = [locate_in_cycle(epoch, epochs, cycles) for epoch in range(epochs)]
    last = [epoch + 1 for epoch, item in enumerate(where) if item.place == item.length - 1]
    assert len(last) == cycles and {choose_scale(epoch, config) for epoch in last} == {1}


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.4, 0.0), (0.0, 1.0), (0.4, 1.0)])
def test_mixing_shares_the_loss_as_it_shares_the_pixels(mixup, cutmix):
    torch.manual_seed(1)
    config = AugmentConfig(mixup_alpha=mixup, cutmix_alpha=cutmix, mixup_probability=1.0)
    images = torch.arange(6.0).view(6, 1, 1, 1).expand(6, 1, 20, 30).contiguous()
    for _ in range(20):
        mix = mix_batch(images, config)
        own, other = images.mean((1, 2, 3)), images[mix.partner].mean((1, 2, 3))
        expected = mix.weight * own + (1 - mix.weight) * other
        assert mix.images.mean((1, 2, 3)).tolist() == pytest.approx(expected.tolist(), abs=1e-4)
        assert 0.5 <= mix.weight <= 1


def test_nothing_is_mixed_when_it_is_off():
    images = torch.rand(4, 1, 8, 8)
    state = torch.get_rng_state()
    mix = mix_batch(images, AugmentConfig(mixup_alpha=0.0, cutmix_alpha=0.0))
    assert mix.images is images
    assert mix.partner is None
    assert torch.equal(torch.get_rng_state(), state)


def test_what_is_logged_as_a_curve_and_as_a_setting():
    record = EpochRecord(2, is_best=True, protocol="x", train_loss=0.5)
    assert select_scores(record) == {"train_loss": 0.5}
    assert flatten({"a": {"b": 1, "c": {"d": "x"}}, "e": 2}) == {"a.b": 1, "a.c.d": "x", "e": 2}


def test_sample_sheet_has_a_tile_for_every_face():
    import numpy as np

    grey, color = np.full((48, 48), 7, np.uint8), np.full((30, 40, 3), 200, np.uint8)
    right, wrong = SampleRecord(0, "anger", (0.9, 0.1)), SampleRecord(1, "fear", (0.6, 0.4))
    sheet = draw_samples([right, wrong, right], [grey, color, grey], ["anger", "fear"], columns=2)
    assert sheet.shape == (2 * 126, 2 * 96, 3)
    assert (sheet[:96, :96] == 7).all()
    assert (sheet[:96, 96:] == 200).all()


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
    ema = build_average(model, TrainConfig(ema_decay=0.9), 100)
    ema.update_parameters(model)  # the first update copies
    with torch.no_grad():
        model[0].weight.fill_(1.0)
        before = ema.module[0].weight.item()
        ema.update_parameters(model)
    decay = min(0.9, 2 / 11)
    assert ema.module[0].weight.item() == pytest.approx(before * decay + 1.0 * (1 - decay))


def test_the_end_of_the_run_is_averaged_evenly():
    model = torch.nn.Linear(1, 1, bias=False)
    average = build_average(model, TrainConfig(ema_decay=0.0, swa_fraction=0.3), 10)
    kept = []
    for step in range(10):
        with torch.no_grad():
            model.weight.fill_(float(step))
        average.update_parameters(model)
        kept.append(average.module.weight.item())
    assert kept == pytest.approx([0, 1, 2, 3, 4, 5, 6, 7, 7.5, 8])
    assert build_average(model, TrainConfig(ema_decay=0.0), 10) is None


def test_precision():
    cpu = torch.device("cpu")
    assert resolve_precision("fp32", cpu) == "no"
    assert resolve_precision("bf16", cpu) == "bf16"
    assert resolve_precision("auto", cpu) in ("no", "bf16")
    with pytest.raises(ConfigError, match="fp16"):
        resolve_precision("fp16", cpu)


@pytest.mark.parametrize(("variable", "requested", "expected"), [("1", 0, 1), ("2,1", 3, 3), ("0", 0, 1)])
def test_threads_heed_the_usual_variable(monkeypatch, variable, requested, expected):
    before = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    try:
        assert set_threads(requested) == torch.get_num_threads() == expected
    finally:
        torch.set_num_threads(before)
