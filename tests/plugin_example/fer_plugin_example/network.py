"""A network: two convolutions."""

from torch import Tensor, nn

from fer_core.models import ARCHITECTURES, Architecture, FerModel
from fer_core.models.base import init_kaiming


class ExampleNet(FerModel):
    """Two 3x3 convolutions of stride 2."""

    def __init__(self, *, num_classes: int, in_channels: int, width: int = 64) -> None:
        """Make the network.

        Args:
            num_classes: number of logits.
            in_channels: 1 or 3.
            width: channels of the convolutions.
        """
        super().__init__(feature_dim=width, num_classes=num_classes)
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        init_kaiming(self)

    def forward_features(self, x: Tensor) -> Tensor:
        """N x C x H x W to N x F x h x w."""
        features: Tensor = self.features(x)
        return features


ARCHITECTURES.register("example_net")(
    Architecture(build=ExampleNet, summary="two convolutions, as an example", reference="none")
)
