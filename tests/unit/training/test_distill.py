"""Learning from other models."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from fer_core.checkpoint import InputSpec
from fer_core.config import DataConfig, DistillConfig, TrainConfig
from fer_core.errors import CheckpointError, ConfigError
from fer_core.labels import EMOTIONS
from fer_core.models import load_checkpoint, save_checkpoint
from fer_core.training.losses import Teachers, add_distillation, load_teachers, mix_answers
from tests.small_models import save_small_model

GRAY = InputSpec(height=8, width=8, color="gray", mean=(0.5,), std=(0.25,))


class Constant(nn.Module):
    """Logits that say how bright the standardised picture is, for the first class."""

    def forward(self, x):
        bright = x.mean(dim=(1, 2, 3))
        return torch.stack([bright, torch.zeros_like(bright)], dim=1)


def test_the_loss_by_hand():
    """Student (ln 3, 0) says 3/4 and 1/4; the teacher says 1/2 each: KL = ln(2/3)/2 + ln 2 / 2."""
    logits = torch.tensor([[math.log(3), 0.0]])
    answers = torch.tensor([[0.5, 0.5]])
    divergence = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)
    config = DistillConfig(teachers="t", weight=0.25)
    found = add_distillation(torch.tensor(2.0), logits, answers, config)
    assert found.item() == pytest.approx(0.75 * 2 + 0.25 * divergence)


def test_temperature_divides_logits_and_keeps_the_gradients_size():
    logits = torch.tensor([[2 * math.log(3), 0.0]])
    answers = torch.tensor([[0.5, 0.5]])
    divergence = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)
    config = DistillConfig(teachers="t", weight=1.0, temperature=2.0)
    assert add_distillation(torch.tensor(9.0), logits, answers, config).item() == pytest.approx(
        4 * divergence
    )


def test_a_teacher_who_agrees_costs_nothing():
    logits = torch.randn(5, 3, requires_grad=True)
    config = DistillConfig(teachers="t", weight=1.0)
    loss = add_distillation(torch.tensor(1.0), logits, torch.softmax(logits.detach(), 1), config)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert logits.grad.abs().max() < 1e-6


def test_teachers_get_their_own_preparation_and_class_order():
    """White pixels are (1 - 0.5) / 0.25 = 2 for the teachers; the second has its classes the other way."""
    teachers = Teachers([(Constant(), GRAY, (0, 1)), (Constant(), GRAY, (1, 0))], temperature=2.0)
    answers = teachers(torch.ones(3, 3, 16, 16))
    first = 1 / (1 + math.exp(-1))
    assert answers.shape == (3, 2)
    torch.testing.assert_close(answers, torch.full((3, 2), (first + 1 - first) / 2))
    alone = Teachers([(Constant(), GRAY, (1, 0))], temperature=2.0)(torch.ones(1, 1, 8, 8))
    assert alone[0, 1].item() == pytest.approx(first)


def test_answers_to_the_pictures_as_they_are_take_their_share_of_the_labels():
    """The teacher sees how much brighter the left half is: the mirror image says the opposite."""

    class LeftOrRight(nn.Module):
        def forward(self, x):
            left = x[..., : x.shape[-1] // 2].mean(dim=(1, 2, 3))
            return torch.stack([left, x[..., x.shape[-1] // 2 :].mean(dim=(1, 2, 3))], dim=1)

    teachers = Teachers([(LeftOrRight(), GRAY, (0, 1))], temperature=2.0)
    pictures = torch.zeros(300, 1, 8, 8)  # more than are asked about at once
    pictures[::2, ..., :4] = 1  # logits 2 and -2, over the temperature 1 and -1
    labels = torch.tensor([[0.0, 1.0]]).repeat(300, 1)
    config = DistillConfig(teachers="t", views="original", weight=0.25)
    asked = []

    def load(rows):
        asked.append(len(rows))
        return pictures[rows]

    mixed = mix_answers(labels, teachers, load, config, mirrored=False)
    says = 1 / (1 + math.exp(-2))
    assert sum(asked) == 300 and max(asked) <= 256
    assert mixed[0].tolist() == pytest.approx([0.25 * says, 1 - 0.25 * says])
    assert mixed[1].tolist() == pytest.approx([0.125, 0.875])
    assert labels[0, 0] == 0, "the labels themselves are not changed"
    both = mix_answers(labels, teachers, load, config, mirrored=True)
    torch.testing.assert_close(both, torch.tensor([[0.125, 0.875]]).repeat(300, 1))


def test_teachers_of_original_views_answer_as_they_are_calibrated(workspace):
    folder = save_small_model(workspace, "sure", always="fear")
    model, info = load_checkpoint(folder)
    save_checkpoint(folder, model, replace(info, temperature=3.0))
    augmented = DistillConfig(teachers="sure", temperature=2.0)
    assert load_teachers(augmented, EMOTIONS, workspace).temperatures == [2]
    assert load_teachers(replace(augmented, views="original"), EMOTIONS, workspace).temperatures == [6]


def test_every_class_gets_a_share_so_the_loss_of_named_classes_is_refused():
    distill = DistillConfig(teachers="t", views="original")
    with pytest.raises(ConfigError, match="label_mode"):
        TrainConfig(distill=distill, data=DataConfig(label_mode="multi_target"))


def test_loading(workspace):
    save_small_model(workspace, "fearful", always="fear")
    assert load_teachers(DistillConfig(), EMOTIONS, workspace) is None
    order = tuple(reversed(EMOTIONS))
    teachers = load_teachers(DistillConfig(teachers=" fearful , fearful"), order, workspace)
    assert len(teachers.models) == 2
    assert not any(item.requires_grad for item in teachers.parameters())
    answers = teachers(torch.rand(4, 1, 48, 48))
    assert (answers.argmax(1) == order.index("fear")).all()
    with pytest.raises(CheckpointError, match="absent"):
        load_teachers(DistillConfig(teachers="absent"), EMOTIONS, workspace)
    with pytest.raises(ConfigError, match="with these classes"):
        load_teachers(DistillConfig(teachers="fearful"), EMOTIONS[:7], workspace)
    folder = save_small_model(workspace, "seven", always="fear")
    model, info = load_checkpoint(folder)
    classifier = model.classifier
    model.classifier = nn.Linear(classifier.in_features, 7)
    save_checkpoint(folder, model, replace(info, classes=EMOTIONS[:7]))
    assert load_teachers(DistillConfig(teachers="fearful,seven"), EMOTIONS, workspace).knows[1][7] is False
    with pytest.raises(ConfigError, match="none of seven predicts all"):
        load_teachers(DistillConfig(teachers="seven"), EMOTIONS, workspace)


def test_a_class_that_a_teacher_does_not_know_is_left_to_the_others():
    """Of three classes the first says e^2, 1 and 1; the second knows two only, and says e^2 to 1."""

    class Three(Constant):
        def forward(self, x):
            return torch.cat([super().forward(x), torch.zeros(len(x), 1)], dim=1)

    teachers = Teachers([(Three(), GRAY, (0, 1, 2)), (Constant(), GRAY, (0, 1, -1))], temperature=1.0)
    e2 = math.exp(2)
    rest = 1 / (e2 + 2)
    first, second = e2 / (e2 + 2), (1 - rest) * e2 / (e2 + 1)
    (row,) = teachers(torch.ones(1, 1, 8, 8)).tolist()
    assert row == pytest.approx([(first + second) / 2, 1 - rest - (first + second) / 2, rest])


@pytest.mark.parametrize("changes", [{"weight": 0.0}, {"weight": 1.1}, {"temperature": 0.0}])
def test_wrong_settings(changes):
    with pytest.raises(ConfigError, match=next(iter(changes))):
        DistillConfig(**changes)
