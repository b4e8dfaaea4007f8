"""How large and how costly a network is."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from fer_core.models.base import count_parameters

_MAX_DEPTH: Final[int] = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Complexity:
    """Size and cost for one image."""

    num_parameters: int
    num_trained: int
    """Parameters that learn; the others are frozen."""
    flops: int
    """Floating-point operations of one forward pass, a multiplication and an addition counted as two; only
    convolutions, matrix products and attention count."""
    megabytes: float
    """Size of the weights in fp32, 10^6 bytes."""

    @property
    def mflops(self) -> float:
        """Millions of floating-point operations; papers that count multiply-adds give half of it."""
        return self.flops / 1e6


def measure_complexity(model: nn.Module, input_shape: tuple[int, int, int]) -> Complexity:
    """Count parameters and operations.

    Args:
        model: any network of the registry; it is left in the mode it is in.
        input_shape: channels, rows, columns.
    """
    parameter = next(model.parameters())
    was_training = model.training
    model.eval()
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model(torch.zeros(1, *input_shape, device=parameter.device))
    model.train(was_training)
    num_parameters = count_parameters(model)
    return Complexity(
        num_parameters=num_parameters,
        num_trained=sum(item.numel() for item in model.parameters() if item.requires_grad),
        flops=int(counter.get_total_flops()),
        megabytes=num_parameters * 4 / 1e6,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSummary:
    """One line of a network's summary."""

    name: str
    """Attribute path."""
    kind: str
    """Class of the layer."""
    depth: int
    """How deep it is nested; 0 is the network."""
    output_shape: tuple[int, ...]
    """Of a batch of one."""
    num_parameters: int


def summarise_layers(
    model: nn.Module, input_shape: tuple[int, int, int], *, max_depth: int = _MAX_DEPTH
) -> list[LayerSummary]:
    """List the layers in the order in which they compute, by torchinfo.

    Args:
        model: any network of the registry; it is left in the mode it is in.
        input_shape: channels, rows, columns.
        max_depth: leave out layers nested deeper than this.
    """
    from torchinfo import summary

    was_training = model.training
    found = summary(
        model, input_size=(1, *input_shape), depth=max_depth, verbose=0, mode="eval", cache_forward_pass=False
    )
    model.train(was_training)
    return [
        LayerSummary(
            name=layer.var_name,
            kind=layer.class_name,
            depth=layer.depth,
            output_shape=tuple(int(side) for side in layer.output_size),
            num_parameters=layer.num_params,
        )
        for layer in found.summary_list
        if layer.depth <= max_depth
    ]
