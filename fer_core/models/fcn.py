"""A fully convolutional network: no dense layer, any size, and a grid of logits as its own explanation."""

import torch.nn.functional as F
from torch import Tensor, nn

from fer_core.models.architecture import Architecture, parse_widths, require, require_halvings
from fer_core.models.base import FerModel, ModelOutputs, init_kaiming
from fer_core.models.fer_resnet import ConvBlock
from fer_core.models.registry import ARCHITECTURES


class FullyConvolutional(FerModel):
    """Stages of convolutions and max pooling, then a 1x1 convolution whose grid of logits is averaged.

    Each place of the grid votes for the classes it sees (class activation mapping, Zhou et al., 2016), so
    `class_activation_map` shows where an apparent expression was read.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        input_size: tuple[int, int],
        widths: str = "32-64-128-192",
        dropout: float = 0.2,
    ) -> None:
        """Make the network.

        Args:
            num_classes: number of logits.
            in_channels: 1 or 3.
            input_size: rows and columns of the images it is meant for; it takes any others that are not too
                small for the stages.
            widths: channels of each stage, joined by dashes; all stages but the last halve the resolution.
            dropout: chance of dropping a whole channel before the classifier, 0 to less than 1.

        Raises:
            ConfigError: an argument is out of range, or the images are too small for so many stages.
        """
        stages = parse_widths("widths", widths)
        require_halvings("widths", widths, len(stages) - 1, input_size)
        require(0 <= dropout < 1, "dropout", dropout, "0 to less than 1")
        super().__init__(feature_dim=stages[-1], num_classes=num_classes)
        self.dropout = nn.Dropout2d(dropout)
        self.classifier = nn.Conv2d(stages[-1], num_classes, 1)
        layers: list[nn.Module] = []
        channels = in_channels
        for number, width in enumerate(stages):
            if number:
                layers.append(nn.MaxPool2d(2))
            layers += [ConvBlock(channels, width), ConvBlock(width, width)]
            channels = width
        self.features = nn.Sequential(*layers)
        init_kaiming(self)

    def attach_embedding(self, embedding_dim: int, *, normalise: bool) -> None:
        """As in the base class, with 1x1 convolutions: each place has its own embedding."""
        super().attach_embedding(embedding_dim, normalise=normalise)
        self.projection = nn.Conv2d(self.feature_dim, embedding_dim, 1)
        self.classifier = nn.Conv2d(embedding_dim, self.num_classes, 1)
        init_kaiming(self.projection)
        init_kaiming(self.classifier)

    def forward_features(self, x: Tensor) -> Tensor:
        """N x C x H x W to N x F x h x w."""
        features: Tensor = self.features(x)
        return features

    def class_activation_map(self, x: Tensor) -> Tensor:
        """Logits by place, N x K x h x w; their mean over the places is what `forward` returns."""
        return self.classify(self.embed(self.forward_features(x)))

    def forward_outputs(self, x: Tensor) -> ModelOutputs:
        """Return logits, mean embedding and spatial map in one pass."""
        features = self.forward_features(x)
        embedding = self.embed(features)
        logits = self.classify(embedding).mean(dim=(2, 3))
        return ModelOutputs(logits, self._average(embedding), features)

    def forward_embedding(self, x: Tensor) -> Tensor:
        """Return the mean embedding over the places, N x embedding_dim."""
        return self._average(self.embed(self.forward_features(x)))

    def _average(self, embedding: Tensor) -> Tensor:
        mean = embedding.mean(dim=(2, 3))
        return mean if self.log_scale is None else F.normalize(mean, dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, N x num_classes."""
        return self.class_activation_map(x).mean(dim=(2, 3))


ARCHITECTURES.register("fcn")(
    Architecture(
        build=FullyConvolutional,
        summary="fully convolutional, for 3:4 pictures or any other size; shows where it looks",
        reference="Long et al., 2015 (fully convolutional); Zhou et al., 2016 (class activation mapping)",
        input_size=(66, 88),
        min_side_px=16,
    )
)
