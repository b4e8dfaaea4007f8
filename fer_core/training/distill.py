"""Learning from other models: their answer to the very picture that the network sees (Beyer et al., 2022)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fer_core.checkpoint import InputSpec, find_checkpoint
from fer_core.config import DistillConfig
from fer_core.data.batches import match_channels, normalise, resize_batch
from fer_core.errors import ConfigError
from fer_core.models import FerModel, load_checkpoint
from fer_core.workspace import Workspace


class Teachers(nn.Module):
    """Trained models that answer together. They never learn."""

    def __init__(
        self, members: Sequence[tuple[FerModel, InputSpec, Sequence[int]]], *, temperature: float
    ) -> None:
        """Take over the members.

        Args:
            members: each model, its input, and for every class of the student its place in the model's
                logits.
            temperature: logits are divided by it.
        """
        super().__init__()
        self.models = nn.ModuleList(model for model, _, _ in members).requires_grad_(False)
        self.specs = [spec for _, spec, _ in members]
        self.orders = [list(order) for _, _, order in members]
        self.temperature = temperature
        self.to(memory_format=torch.channels_last).eval()

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Mean probabilities, B x K, for images B x C x H x W in [0, 1], not yet normalised."""
        answers = []
        for model, spec, order in zip(self.models, self.specs, self.orders, strict=True):
            fitting = resize_batch(match_channels(images, spec.channels), (spec.height, spec.width))
            logits = model(normalise(fitting, spec)).float()[:, order]
            answers.append(torch.softmax(logits / self.temperature, dim=1))
        return torch.stack(answers).mean(dim=0)


def load_teachers(config: DistillConfig, classes: Sequence[str], workspace: Workspace) -> Teachers | None:
    """Load the teachers that a configuration names; None if it names none.

    Raises:
        CheckpointError: there is no such model, or it is damaged.
        ConfigError: it knows other classes.
    """
    members = []
    for name in config.teacher_names:
        model, info = load_checkpoint(find_checkpoint(name, workspace).folder)
        if set(info.classes) != set(classes):
            raise ConfigError(
                f"distill.teachers: {name} predicts {', '.join(info.classes)}, but the data set has "
                f"{', '.join(classes)}; choose a teacher with the same classes"
            )
        members.append((model, info.input, [info.classes.index(item) for item in classes]))
    return Teachers(members, temperature=config.temperature) if members else None


def add_distillation(label_loss: Tensor, logits: Tensor, answers: Tensor, config: DistillConfig) -> Tensor:
    """(1 - w) label_loss + w t^2 KL(teachers || student at temperature t), a scalar.

    Args:
        label_loss: mean loss against the labels.
        logits: of the student, B x K.
        answers: of the teachers, B x K, rows sum to 1.
        config: weight w and temperature t; t^2 keeps the gradients' size (Hinton et al., 2015, section 2).
    """
    log_student = F.log_softmax(logits.float() / config.temperature, dim=1)
    divergence = F.kl_div(log_student, answers, reduction="batchmean") * config.temperature**2
    return (1 - config.weight) * label_loss + config.weight * divergence
