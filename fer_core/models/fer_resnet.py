"""The compact residual CNN: the default model for small grey faces."""

import torch.nn.functional as F
from torch import Tensor, nn

from fer_core.models.architecture import (
    MAX_DEPTH,
    Architecture,
    parse_widths,
    require,
    require_choice,
    require_halvings,
    require_width,
)
from fer_core.models.base import FerModel, init_kaiming
from fer_core.models.registry import ARCHITECTURES

_OPEN_GATE_BIAS = 2.0
"""Gates begin at sigmoid(2) = 0.88: half-shut ones slow the first epochs down."""


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


class ConvBlock(nn.Sequential):
    """3x3 convolution, batch normalisation, ReLU."""

    def __init__(self, in_channels: int, channels: int) -> None:
        """Make a block that keeps the resolution."""
        super().__init__(
            nn.Conv2d(in_channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()
        )


def _build_convolution(kind: str, in_channels: int, channels: int) -> nn.Module:
    if kind == "plain":
        return ConvBlock(in_channels, channels)
    from timm.models.byobnet import RepVggBlock

    return RepVggBlock(in_channels, channels)


def _build_attention(kind: str, channels: int, reduction: int) -> nn.Module:
    if kind == "none":
        return nn.Identity()
    if kind == "se":
        return SqueezeExcite(channels, reduction)
    from timm.layers.create_attn import create_attn

    bottleneck = {"rd_ratio": 1 / reduction, "rd_divisor": 1} if kind == "cbam" else {}
    attention: nn.Module = create_attn(kind, channels, **bottleneck)  # type: ignore[no-untyped-call]
    return attention


class ResidualBlock(nn.Module):
    """Two convolution blocks and attention, added to the input."""

    def __init__(self, channels: int, *, convolutions: str, attention: str, reduction: int) -> None:
        """Make a block that keeps resolution and channels."""
        super().__init__()
        self.convolutions = nn.Sequential(
            *(_build_convolution(convolutions, channels, channels) for _ in range(2))
        )
        self.attention = _build_attention(attention, channels, reduction)

    def forward(self, x: Tensor) -> Tensor:
        """N x channels x h x w to the same."""
        out: Tensor = x + self.attention(self.convolutions(x))
        return out


class FerResNet(FerModel):
    """A stem, stages of max pooling, a convolution and residual blocks, average pooling, a classifier.

    Widening by a plain convolution after max pooling, with shortcuts that are always the identity, learns
    small faces several times faster than strided residual blocks with projected shortcuts; docs/models.md
    has the comparison.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        input_size: tuple[int, int],
        stem_width: int = 32,
        widths: str = "64-128-192",
        depths: str = "1-1-1",
        dropout: float = 0.2,
        reduction: int = 8,
        attention: str = "se",
        convolutions: str = "plain",
    ) -> None:
        """Make the network.

        Args:
            num_classes: number of logits.
            in_channels: 1 or 3.
            input_size: rows and columns; each stage halves them.
            stem_width: channels of the full-resolution convolution.
            widths: channels of each stage, joined by dashes.
            depths: residual blocks of each stage, joined by dashes.
            dropout: chance of dropping an embedding value while training, 0 to less than 1.
            reduction: ratio of the channel attention's bottleneck.
            attention: at the end of each residual block: `se` (squeeze-and-excitation), `eca` (Wang et al.,
                2020), `cbam` (Woo et al., 2018) or `none`.
            convolutions: `plain`, or `repvgg`: with a parallel 1x1 convolution and a shortcut while training,
                folded into one when the network is loaded (Ding et al., 2021).

        Raises:
            ConfigError: an argument is out of range, widths and depths differ in length, or the images are
                too small for so many stages.
        """
        stage_widths = parse_widths("widths", widths)
        stage_depths = parse_widths("depths", depths, largest=MAX_DEPTH)
        require(
            len(stage_widths) == len(stage_depths), "depths", depths, f"as many stages as widths {widths}"
        )
        require_halvings("widths", widths, len(stage_widths), input_size)
        require_width("stem_width", stem_width)
        require(reduction >= 1, "reduction", reduction, "at least 1")
        require_choice("attention", attention, ("se", "eca", "cbam", "none"))
        require_choice("convolutions", convolutions, ("plain", "repvgg"))
        require(0 <= dropout < 1, "dropout", dropout, "0 to less than 1")
        super().__init__(feature_dim=stage_widths[-1], num_classes=num_classes, dropout=dropout)
        layers = [_build_convolution(convolutions, in_channels, stem_width)]
        channels = stem_width
        for width, depth in zip(stage_widths, stage_depths, strict=True):
            layers += [nn.MaxPool2d(2), _build_convolution(convolutions, channels, width)]
            layers += [
                ResidualBlock(width, convolutions=convolutions, attention=attention, reduction=reduction)
                for _ in range(depth)
            ]
            channels = width
        self.layers = nn.Sequential(*layers)
        init_kaiming(self)
        for module in self.modules():
            if isinstance(module, SqueezeExcite) and module.expand.bias is not None:
                nn.init.constant_(module.expand.bias, _OPEN_GATE_BIAS)

    def forward_features(self, x: Tensor) -> Tensor:
        """N x C x H x W to N x feature_dim x h x w."""
        features: Tensor = self.layers(x)
        return features


ARCHITECTURES.register("fer_resnet")(
    Architecture(
        build=FerResNet,
        summary="compact residual CNN with channel attention, made for 48x48 grey faces",
        reference="He et al., 2016 (residual blocks); Hu et al., 2018 (squeeze-and-excitation); the layout "
        "follows David Page's ResNet-9, 2018",
    )
)
