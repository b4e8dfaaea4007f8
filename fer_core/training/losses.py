"""What a step minimises: losses on label distributions, and distillation from other models."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fer_core.checkpoint import InputSpec, find_checkpoint
from fer_core.config import ClassWeights, DistillConfig, LabelMode, LossConfig
from fer_core.data.batches import match_channels, normalise, resize_batch
from fer_core.errors import ConfigError
from fer_core.models import FerModel, load_checkpoint
from fer_core.workspace import Workspace

_ANSWERED_AT_ONCE = 256
_EFFECTIVE_BETA = 0.999
"""Beta of Cui et al. (2019); they try 0.9 to 0.9999."""


def draw_targets(distributions: Tensor, mode: LabelMode) -> Tensor:
    """What a batch is trained on this time: probabilistic label drawing picks one label a face anew.

    Args:
        distributions: N x K, rows sum to 1.
        mode: any; all but `probability` leave the distributions as they are.
    """
    if mode != "probability":
        return distributions
    drawn = torch.multinomial(distributions, 1).squeeze(1)
    return F.one_hot(drawn, distributions.shape[1]).to(distributions.dtype)


def compute_class_weights(distributions: Tensor, method: ClassWeights) -> Tensor | None:
    """Weights of the classes, K, scaled so that the mean weight of the training faces is 1; None for `none`.

    `balanced` is 1 / n_k, `effective` is (1 - beta) / (1 - beta^n_k) with beta = 0.999 (Cui et al., 2019),
    where n_k is the mass of class k. A class without any face keeps weight 0: nothing is multiplied by it.

    Args:
        distributions: all training targets, N x K, rows sum to 1.
        method: how to weigh.
    """
    if method == "none":
        return None
    mass = distributions.double().sum(dim=0)
    if method == "balanced":
        weights = 1 / mass
    else:
        weights = (1 - _EFFECTIVE_BETA) / (1 - torch.pow(_EFFECTIVE_BETA, mass))
    weights[mass == 0] = 0
    return (weights * mass.sum() / (weights * mass).sum()).float()


class DistributionLoss(nn.Module):
    """Mean loss of a batch against label distributions (Barsoum et al., 2016, section 3).

    `multi_target` takes `-log max_k p_k` over the classes that annotators named; every other label mode takes
    the cross-entropy `-sum_k t_k log p_k`. The focal loss multiplies each term by `(1 - p_k)^gamma` (Lin et
    al., 2017). Class weights multiply a face's loss by `sum_k t_k w_k`.
    """

    def __init__(self, config: LossConfig, mode: LabelMode, class_weights: Tensor | None = None) -> None:
        """Make the loss; `class_weights`, K, as `compute_class_weights` gives them."""
        super().__init__()
        self.mode = mode
        self.gamma = config.focal_gamma if config.name == "focal" else 0.0
        self.smoothing = 0.0 if mode == "multi_target" else config.label_smoothing
        self.class_weights: Tensor | None
        self.register_buffer("class_weights", class_weights)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss, a scalar, of logits N x K against targets N x K whose rows sum to 1."""
        log_probabilities = F.log_softmax(logits.float(), dim=1)
        terms = -log_probabilities
        if self.gamma:
            terms = terms * (1 - log_probabilities.exp()).clamp_min(1e-8) ** self.gamma
        if self.mode == "multi_target":
            # Of the named classes, the most probable one has the smallest term.
            losses = terms.masked_fill(targets <= 0, torch.inf).amin(dim=1)
        else:
            smooth = targets * (1 - self.smoothing) + self.smoothing / targets.shape[1]
            losses = (smooth * terms).sum(dim=1)
        if self.class_weights is not None:
            losses = losses * (targets @ self.class_weights)
        return losses.mean()


class Teachers(nn.Module):
    """Trained models that answer together."""

    def __init__(
        self,
        members: Sequence[tuple[FerModel, InputSpec, Sequence[int]]],
        *,
        temperature: float | Sequence[float],
        fingerprints: Mapping[str, str] | None = None,
    ) -> None:
        """Take over the members.

        Args:
            members: each model, its input, and for every class of the student its place in the model's
                logits, -1 where the model does not know it; at least one knows them all.
            temperature: logits are divided by it; one for all, or one for each.
            fingerprints: SHA-256 of each one's weights, by name.
        """
        super().__init__()
        self.fingerprints = dict(fingerprints or {})
        self.models = nn.ModuleList(model for model, _, _ in members).requires_grad_(False)
        self.specs = [spec for _, spec, _ in members]
        self.places = [[place for place in order if place >= 0] for _, _, order in members]
        self.knows = [[place >= 0 for place in order] for _, _, order in members]
        self.temperatures: list[float] = (
            [temperature] * len(members) if isinstance(temperature, int | float) else list(temperature)
        )
        self.to(memory_format=torch.channels_last).eval()

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Mean probabilities, B x K, for images B x C x H x W in [0, 1], not yet normalised."""
        answers = []
        members = zip(self.models, self.specs, self.places, self.temperatures, strict=True)
        for model, spec, places, temperature in members:
            fitting = resize_batch(match_channels(images, spec.channels), (spec.height, spec.width))
            logits = model(normalise(fitting, spec)).float()[:, places]
            answers.append(torch.softmax(logits / temperature, dim=1))
        return self._average(answers)

    def _average(self, answers: Sequence[Tensor]) -> Tensor:
        """The mean, B x K; who does not know a class has it from those who know all."""
        whole = [answer for answer, known in zip(answers, self.knows, strict=True) if all(known)]
        reference = torch.stack(whole).mean(dim=0)
        filled = []
        for answer, known in zip(answers, self.knows, strict=True):
            row = reference.clone()
            mask = torch.tensor(known, device=row.device)
            row[:, mask] = answer * row[:, mask].sum(dim=1, keepdim=True)
            filled.append(row)
        return torch.stack(filled).mean(dim=0)


def load_teachers(config: DistillConfig, classes: Sequence[str], workspace: Workspace) -> Teachers | None:
    """Load the teachers that a configuration names; None if it names none.

    Those of original views answer as they are calibrated.

    Raises:
        CheckpointError: there is no such model, or it is damaged.
        ConfigError: it knows other classes.
    """
    members, temperatures, fingerprints = [], [], {}
    for name in config.teacher_names:
        model, info = load_checkpoint(find_checkpoint(name, workspace).folder)
        foreign = [item for item in info.classes if item not in classes]
        if foreign:
            raise ConfigError(
                f"distill.teachers: {name} predicts {', '.join(info.classes)}, but the data set has "
                f"{', '.join(classes)}; choose a teacher with these classes, or some of them"
            )
        order = [info.classes.index(item) if item in info.classes else -1 for item in classes]
        members.append((model, info.input, order))
        fingerprints[name] = info.weights_sha256
        own = info.temperature if config.views == "original" else 1.0
        temperatures.append(own * config.temperature)
    if members and all(-1 in order for _, _, order in members):
        raise ConfigError(
            f"distill.teachers: none of {config.teachers} predicts all of {', '.join(classes)}; add one that "
            "does"
        )
    return Teachers(members, temperature=temperatures, fingerprints=fingerprints) if members else None


@torch.no_grad()
def mix_answers(
    labels: Tensor,
    teachers: Teachers,
    load_images: Callable[[npt.NDArray[np.int64]], Tensor],
    config: DistillConfig,
    *,
    mirrored: bool,
    num_batches: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Tensor:
    """(1 - w) labels + w answers of the teachers to the pictures as they are, N x K.

    Args:
        labels: N x K, rows sum to 1.
        teachers: on the device on which the pictures come.
        load_images: gives the pictures of some rows, B x C x H x W in [0, 1].
        config: the weight w.
        mirrored: the answer is the mean of those to the picture and to its mirror image.
        num_batches: ask about so many of the `count_batches(N)` batches; all if not given. The other labels
            stay as they are.
        on_progress: told (batches done, batches in all) after each.
    """
    mixed = labels.clone()
    batches = np.array_split(np.arange(len(labels)), count_batches(len(labels)))[:num_batches]
    for number, rows in enumerate(batches):
        images = load_images(rows)
        answers = teachers(images)
        if mirrored:
            answers = (answers + teachers(images.flip(3))) / 2
        mixed[rows] = torch.lerp(labels[rows], answers.to(labels), config.weight)
        if on_progress is not None:
            on_progress(number + 1, len(batches))
    return mixed


def count_batches(num_images: int) -> int:
    """Batches in which `mix_answers` asks about so many images."""
    return math.ceil(num_images / _ANSWERED_AT_ONCE)


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
