"""Norms of gradients and weights by layer, and what they warn of."""

import math
from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn

from fer_core.runs.records import GradientRecord, LayerNorms

VANISHING_RATIO: Final[float] = 1e-6
"""A layer whose gradient is shorter than this times the longest layer's learns next to nothing."""
EXPLODING_NORM: Final[float] = 1e3
"""A mean gradient norm of one layer above this is far from anything that trains steadily."""


class GradientLog:
    """Collects the norm of every layer's gradient over the steps of an epoch.

    A layer is a module that owns parameters; its norm is that of its weight and bias together.
    """

    def __init__(self, model: nn.Module) -> None:
        """Watch the parameters of `model`; nothing is hooked, `observe` is called when gradients stand."""
        self._parameters = [item for _, item in model.named_parameters()]
        self._owners = [name.rpartition(".")[0] or name for name, _ in model.named_parameters()]
        self.layers = list(dict.fromkeys(self._owners))
        device = self._parameters[0].device
        self._owner = torch.tensor([self.layers.index(name) for name in self._owners], device=device)
        self._sums = torch.zeros(len(self.layers), device=device)
        self._num_steps = 0

    @torch.no_grad()
    def observe(self) -> None:
        """Add the gradients as they stand now."""
        present = [index for index, item in enumerate(self._parameters) if item.grad is not None]
        gradients = [self._parameters[index].grad.detach() for index in present]  # type: ignore[union-attr]
        if not gradients:
            return
        self._sums += self._by_layer(torch._foreach_norm(gradients), self._owner[present])
        self._num_steps += 1

    @torch.no_grad()
    def finish_epoch(self, epoch: int) -> GradientRecord:
        """The record of an epoch; counting starts anew."""
        weights = [item.detach() for item in self._parameters]
        weight_norms = self._by_layer(torch._foreach_norm(weights), self._owner).tolist()
        gradient_norms = (self._sums / max(1, self._num_steps)).tolist()
        pairs = zip(self._owners, self._parameters, strict=True)
        learning = {name for name, item in pairs if item.requires_grad}
        layers = {
            name: LayerNorms(gradient if name in learning and self._num_steps else None, weight)
            for name, gradient, weight in zip(self.layers, gradient_norms, weight_norms, strict=True)
        }
        self._sums.zero_()
        self._num_steps = 0
        return GradientRecord(epoch, layers, tuple(describe_problems(layers)))

    def _by_layer(self, norms: tuple[Tensor, ...], owner: Tensor) -> Tensor:
        squares = torch.stack(norms).float().square()
        return torch.zeros_like(self._sums).index_add_(0, owner, squares).sqrt()


def describe_problems(layers: Mapping[str, LayerNorms]) -> list[str]:
    """Sentences on gradients that vanish or explode, the worst layer of each kind; empty if all is well.

    Args:
        layers: norms by layer.
    """
    known = {name: values.gradient_norm for name, values in layers.items()}
    norms = {name: norm for name, norm in known.items() if norm is not None and not math.isnan(norm)}
    if not norms:
        return []
    problems = []
    largest, smallest = max(norms, key=norms.__getitem__), min(norms, key=norms.__getitem__)
    if norms[largest] > EXPLODING_NORM:
        problems.append(
            f"exploding gradient: {norms[largest]:.3g} in {largest}; lower optimizer.learning_rate or "
            "optimizer.gradient_clip"
        )
    vanishing = [name for name, norm in norms.items() if norm < VANISHING_RATIO * norms[largest]]
    if vanishing:
        problems.append(
            f"vanishing gradient: {norms[smallest]:.3g} in {smallest} "
            f"({len(vanishing)} of {len(norms)} layers); "
            "try normalisation layers, shortcuts or another learning rate"
        )
    return problems
