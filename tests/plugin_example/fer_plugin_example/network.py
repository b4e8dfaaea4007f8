"""A network: one convolution."""

import torch
from torch import Tensor, nn

from fer_core.models import ARCHITECTURES, Architecture, FerModel


class ExampleNet(FerModel):
    """A 3x3 convolution of stride 4."""

    def __init__(self, *, num_classes: int, in_channels: int, width: int = 8) -> None:
        """Make the network.

        Args:
            num_classes: number of logits.
            in_channels: 1 or 3.
            width: channels of the convolution.
        """
        super().__init__(feature_dim=width, num_classes=num_classes)
        self.convolution = nn.Conv2d(in_channels, width, 3, stride=4, padding=1)

    def forward_features(self, x: Tensor) -> Tensor:
        """N x C x H x W to N x F x h x w."""
        return torch.relu(self.convolution(x))


ARCHITECTURES.register("example_net")(
    Architecture(build=ExampleNet, summary="one convolution, as an example", reference="none")
)
