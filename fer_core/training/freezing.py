"""Which layers learn in which epoch, for transfer."""

from collections.abc import Sequence

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from fer_core.config import TransferConfig


def count_thawed_groups(epoch: int, num_groups: int, config: TransferConfig) -> int:
    """Number of layer groups, counted from the head, that learn in `epoch` (which counts from 1).

    Gradual unfreezing as in Howard and Ruder (2018): the head alone first, then one more group at a time.
    """
    if epoch <= config.freeze_epochs:
        return 1
    if not config.freeze_epochs or not config.thaw_every:
        return num_groups
    return min(num_groups, 2 + (epoch - config.freeze_epochs - 1) // config.thaw_every)


def set_thawed_groups(layer_groups: Sequence[Sequence[nn.Parameter]], num_thawed: int) -> bool:
    """Let the last `num_thawed` groups learn and no others; tell whether that changed anything."""
    changed = False
    for depth, group in enumerate(reversed(layer_groups)):
        learns = depth < num_thawed
        for parameter in group:
            changed |= parameter.requires_grad != learns
            parameter.requires_grad_(learns)
            if not learns:
                parameter.grad = None
    return changed


def hold_frozen_statistics(model: nn.Module) -> None:
    """Keep frozen batch normalisation at its stored statistics; call after `model.train()`."""
    for module in model.modules():
        if isinstance(module, _BatchNorm) and not any(item.requires_grad for item in module.parameters()):
            module.eval()
