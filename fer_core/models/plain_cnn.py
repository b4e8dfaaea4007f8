"""The plain custom CNN that small FER projects train from scratch."""

from torch import Tensor, nn

from fer_core.models.architecture import Architecture, parse_widths, require, require_halvings, require_width
from fer_core.models.base import FerModel, init_kaiming
from fer_core.models.registry import ARCHITECTURES


class PlainCnn(FerModel):
    """Stages of two 3x3 convolutions with batch normalisation, max pooling and dropout, a dense layer."""

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        input_size: tuple[int, int],
        widths: str = "32-64-128",
        dense: int = 128,
        dropout: float = 0.4,
    ) -> None:
        """Make the network for images of `input_size` (rows, columns).

        Args:
            num_classes: number of logits.
            in_channels: 1 or 3.
            input_size: rows and columns; each stage halves them.
            widths: channels of each stage, joined by dashes.
            dense: units of the dense layer.
            dropout: chance of dropping a unit of the dense layer, 0 to less than 1; half after stages.

        Raises:
            ConfigError: an argument is out of range, or the images are too small for so many stages.
        """
        stages = parse_widths("widths", widths)
        require_width("dense", dense)
        require(0 <= dropout < 1, "dropout", dropout, "0 to less than 1")
        require_halvings("widths", widths, len(stages), input_size)
        rows, columns = (side // 2 ** len(stages) for side in input_size)
        super().__init__(feature_dim=dense, num_classes=num_classes, dropout=dropout)
        self._num_places = rows * columns
        layers: list[nn.Module] = []
        channels = in_channels
        for width in stages:
            for _ in range(2):
                layers += [
                    nn.Conv2d(channels, width, 3, padding=1, bias=False),
                    nn.BatchNorm2d(width),
                    nn.ReLU(),
                ]
                channels = width
            layers += [nn.MaxPool2d(2), nn.Dropout2d(dropout / 2)]
        self.features = nn.Sequential(*layers)
        self.dense = nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels * rows * columns, dense, bias=False),
            nn.BatchNorm1d(dense),
            nn.ReLU(),
        )
        init_kaiming(self)

    def forward_features(self, x: Tensor) -> Tensor:
        """N x C x H x W to N x F x h x w."""
        features: Tensor = self.features(x)
        return features

    def count_blocks(self, key: str, dim: int) -> tuple[int, int]:
        """The dense layer has a column for every place of every channel."""
        return (1, self._num_places) if (key, dim) == ("dense.1.weight", 1) else (1, 1)

    def pool(self, features: Tensor) -> Tensor:
        """N x F x h x w to N x dense."""
        pooled: Tensor = self.dense(features)
        return pooled


ARCHITECTURES.register("plain_cnn")(
    Architecture(
        build=PlainCnn,
        summary="plain CNN: convolutions, max pooling, one dense layer",
        reference="the custom CNN of many FER2013 projects; Simonyan and Zisserman, 2015, for the stages",
        min_side_px=16,
    )
)
