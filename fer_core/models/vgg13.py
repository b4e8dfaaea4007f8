"""VGG13 as in the FER+ paper: the baseline that others compare with."""

from torch import Tensor, nn

from fer_core.models.architecture import Architecture
from fer_core.models.base import FerModel, init_kaiming
from fer_core.models.registry import ARCHITECTURES

_GROUPS = ((64, 2), (128, 2), (256, 3), (256, 3))
"""Channels and number of convolutions before each max pooling."""


class Vgg13(FerModel):
    """Ten 3x3 convolutions in four groups, max pooling and dropout, two dense layers of 1,024."""

    def __init__(self, *, num_classes: int, in_channels: int, input_size: tuple[int, int]) -> None:
        """Make the network for images of `input_size` (rows, columns), 16 px or more a side."""
        rows, columns = (side // 2 ** len(_GROUPS) for side in input_size)
        super().__init__(feature_dim=1024, num_classes=num_classes, dropout=0.5)
        layers: list[nn.Module] = []
        channels = in_channels
        for out_channels, num_convolutions in _GROUPS:
            for _ in range(num_convolutions):
                layers += [nn.Conv2d(channels, out_channels, 3, padding=1), nn.ReLU()]
                channels = out_channels
            layers += [nn.MaxPool2d(2), nn.Dropout(0.25)]
        self.features = nn.Sequential(*layers)
        self.dense = nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels * rows * columns, 1024),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(1024, 1024),
            nn.ReLU(),
        )
        init_kaiming(self)

    def forward_features(self, x: Tensor) -> Tensor:
        """N x C x H x W to N x 256 x H/16 x W/16."""
        features: Tensor = self.features(x)
        return features

    def pool(self, features: Tensor) -> Tensor:
        """N x 256 x H/16 x W/16 to N x 1024, by the dense layers."""
        pooled: Tensor = self.dense(features)
        return pooled


ARCHITECTURES.register("vgg13")(
    Architecture(
        build=Vgg13,
        summary="VGG13 of the FER+ paper, the field's reference for this data set",
        reference="Barsoum et al., 2016, Training Deep Networks for Facial Expression Recognition",
        input_size=(64, 64),
        min_side_px=16,
    )
)
