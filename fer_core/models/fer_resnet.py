"""The compact residual CNN: the default model for small grey faces."""

import torch.nn.functional as F
from torch import Tensor, nn

from fer_core.errors import ConfigError
from fer_core.models.base import FerModel, init_kaiming, zero_init_residual
from fer_core.models.registry import ARCHITECTURES, Architecture


class SqueezeExcite(nn.Module):
    """Channel attention: a gate computed from all channels' means scales each (Hu et al., 2018)."""

    def __init__(self, channels: int, reduction: int) -> None:
        """Make the two-layer gate with channels / reduction hidden units."""
        super().__init__()
        hidden = max(8, channels // reduction)
        self.reduce = nn.Conv2d(channels, hidden, 1)
        self.expand = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """N x C x h x w to the same."""
        gate = x.mean(dim=(2, 3), keepdim=True)
        gate = self.expand(F.relu(self.reduce(gate)))
        out: Tensor = x * gate.sigmoid()
        return out


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with batch normalisation and channel attention, around a shortcut."""

    def __init__(self, in_channels: int, channels: int, *, stride: int, reduction: int) -> None:
        """Make a block; the shortcut is averaged and projected where the shape changes (He et al., 2019)."""
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.attention = SqueezeExcite(channels, reduction)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != channels:
            pool = nn.AvgPool2d(stride, ceil_mode=True) if stride != 1 else nn.Identity()
            project = nn.Conv2d(in_channels, channels, 1, bias=False)
            self.shortcut = nn.Sequential(pool, project, nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        """N x in_channels x h x w to N x channels x h/stride x w/stride."""
        out = F.relu(self.norm1(self.conv1(x)))
        out = self.attention(self.norm2(self.conv2(out)))
        return F.relu(out + self.shortcut(x))


class FerResNet(FerModel):
    """A full-resolution stem, residual stages that each halve the resolution, average pooling, a classifier.

    Full resolution is left after one convolution: at 48x48 the wide layers then work on 24x24, 12x12 and 6x6
    grids, where a CPU computes several times more operations a second.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        stem_width: int = 32,
        widths: str = "64-128-192",
        depths: str = "2-2-2",
        dropout: float = 0.2,
        reduction: int = 8,
    ) -> None:
        """Make the network.

        Args:
            num_classes: number of logits.
            in_channels: 1 or 3.
            stem_width: channels of the full-resolution convolution.
            widths: channels of each stage, joined by dashes.
            depths: residual blocks of each stage, joined by dashes.
            dropout: chance of dropping an embedding value while training, 0 to less than 1.
            reduction: ratio of the channel attention's bottleneck.

        Raises:
            ConfigError: an argument is out of range, or widths and depths differ in length.
        """
        stages = list(zip(_parse_list("widths", widths), _parse_list("depths", depths), strict=False))
        if len(stages) != widths.count("-") + 1 or len(stages) != depths.count("-") + 1:
            raise ConfigError(f"model.arguments: {widths=} and {depths=} must name equally many stages")
        if stem_width < 1 or reduction < 1 or not 0 <= dropout < 1:
            raise ConfigError(f"model.arguments: {stem_width=}, {reduction=} or {dropout=} is out of range")
        super().__init__(embedding_dim=stages[-1][0], num_classes=num_classes, dropout=dropout)
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, stem_width, 3, padding=1, bias=False),
            nn.BatchNorm2d(stem_width),
            nn.ReLU(),
        )
        blocks: list[ResidualBlock] = []
        channels = stem_width
        for width, depth in stages:
            for index in range(depth):
                stride = 2 if index == 0 else 1
                blocks.append(ResidualBlock(channels, width, stride=stride, reduction=reduction))
                channels = width
        self.blocks = nn.Sequential(*blocks)
        init_kaiming(self)
        for block in blocks:
            zero_init_residual(block.norm2)

    def forward_features(self, x: Tensor) -> Tensor:
        """N x C x H x W to N x embedding_dim x h x w."""
        features: Tensor = self.blocks(self.stem(x))
        return features


def _parse_list(name: str, text: str) -> list[int]:
    """Read positive integers joined by dashes, such as '64-128-192'."""
    try:
        values = [int(item) for item in text.split("-")]
    except ValueError:
        values = []
    if not values or min(values) < 1:
        raise ConfigError(f"model.arguments.{name} is {text!r}; expected whole numbers like 64-128-192")
    return values


ARCHITECTURES.register("fer_resnet")(
    Architecture(
        build=FerResNet,
        summary="compact residual CNN with channel attention, made for 48x48 grey faces",
        reference="He et al., 2016 (residual blocks); Hu et al., 2018 (squeeze-and-excitation)",
    )
)
