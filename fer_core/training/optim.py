"""Optimisers, and learning rates that differ by layer."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn, optim

from fer_core.config import OptimizerConfig

LR_SCALE = "lr_scale"
"""Key of a parameter group: its learning rate as a multiple of the schedule's."""


def build_optimizer(
    layer_groups: Sequence[Sequence[nn.Parameter]], config: OptimizerConfig, *, layer_decay: float = 1.0
) -> optim.Optimizer:
    """Build the optimiser; vectors and scalars (biases, normalisation) are spared the weight decay.

    Args:
        layer_groups: all parameters, from the input to the head.
        config: which optimiser, with which settings.
        layer_decay: factor of the learning rate for every group further from the head, in (0, 1].
    """
    if layer_decay == 1:
        layer_groups = [[item for group in layer_groups for item in group]]
    groups = []
    for depth, parameters in enumerate(reversed(layer_groups)):
        decayed = [item for item in parameters if item.ndim > 1]
        spared = [item for item in parameters if item.ndim <= 1]
        for members, decay in ((decayed, config.weight_decay), (spared, 0.0)):
            if members:
                groups.append({"params": members, "weight_decay": decay, LR_SCALE: layer_decay**depth})
    if config.name == "adamw":
        return optim.AdamW(groups, lr=config.learning_rate)
    return optim.SGD(groups, lr=config.learning_rate, momentum=config.momentum, nesterov=config.momentum > 0)


def set_learning_rate(optimizer: optim.Optimizer, value: float) -> None:
    """Set the learning rate of every group to `value` times the group's own scale."""
    for group in optimizer.param_groups:
        group["lr"] = value * group[LR_SCALE]


@contextmanager
def ascend(parameters: Sequence[nn.Parameter], rho: float) -> Iterator[None]:
    """Within it, weights stand `rho` up their gradient: the first half of a SAM step (Foret et al., 2021).

    Gradients are cleared on entering, so that those made within are of the worst point nearby; on leaving,
    the weights are put back exactly.
    """
    moved: list[Tensor] = [item for item in parameters if item.grad is not None]
    gradients = [item.grad for item in moved if item.grad is not None]
    before = [item.detach().clone() for item in moved]
    norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    with torch.no_grad():
        torch._foreach_add_(moved, gradients, alpha=float(rho / (norm + 1e-12)))
    for item in moved:
        item.grad = None
    try:
        yield
    finally:
        with torch.no_grad():
            torch._foreach_copy_(moved, before)
