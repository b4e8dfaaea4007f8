"""A small network for the log-mel pictures of voices: convolutions, then statistics over time."""

import torch
from torch import Tensor, nn

from fer_core.models.architecture import Architecture, parse_widths, require
from fer_core.models.base import FerModel, init_kaiming
from fer_core.models.registry import ARCHITECTURES

_LEAST_VARIANCE = 1e-4


class VoiceCnn(FerModel):
    """Strided 3x3 convolutions; each channel's mean and deviation over time tell level and liveliness."""

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        widths: str = "24-48-96-128",
        dropout: float = 0.3,
    ) -> None:
        """Make the network for pictures of any size from 16 px.

        Args:
            num_classes: number of logits.
            in_channels: 1, or 3 where pictures are RGB.
            widths: channels of each stage, joined by dashes; three halve both sides, later ones the bands.
            dropout: chance of dropping a statistic, 0 to less than 1.

        Raises:
            ConfigError: an argument is out of range.
        """
        stages = parse_widths("widths", widths)
        require(2 <= len(stages) <= 5, "widths", widths, "two to five stages")
        require(0 <= dropout < 1, "dropout", dropout, "0 to less than 1")
        super().__init__(feature_dim=2 * stages[-1], num_classes=num_classes, dropout=dropout)
        first, *others = stages
        blocks = [nn.Sequential(*_convolve(in_channels, first, size=5, stride=(2, 2)))]
        channels = first
        for place, width in enumerate(others):
            # Time is kept in the last stages: they watch how the voice moves.
            stride = (2, 2) if place < 2 else (2, 1)
            blocks.append(nn.Sequential(*_convolve(channels, width, size=3, stride=stride)))
            channels = width
        self.stages = nn.Sequential(*blocks)
        init_kaiming(self)

    def forward_features(self, x: Tensor) -> Tensor:
        """N x C x bands x columns to N x F x h x w."""
        features: Tensor = self.stages(x)
        return features

    def count_blocks(self, key: str, dim: int) -> tuple[int, int]:
        """The first layer of the head has a column for each channel's mean, then one for each deviation."""
        first = "classifier" if isinstance(self.projection, nn.Identity) else "projection"
        return (2, 1) if (key, dim) == (f"{first}.weight", 1) else (1, 1)

    def pool(self, features: Tensor) -> Tensor:
        """N x F x h x w to N x 2F: mean and deviation over time of each channel's mean over the bands."""
        course = features.mean(dim=2)
        mean = course.mean(dim=2)
        spread = (course - mean[:, :, None]).square().mean(dim=2)
        return torch.cat((mean, (spread + _LEAST_VARIANCE).sqrt()), dim=1)


def _convolve(channels: int, width: int, *, size: int, stride: tuple[int, int]) -> list[nn.Module]:
    convolution = nn.Conv2d(channels, width, size, stride=stride, padding=size // 2, bias=False)
    return [convolution, nn.BatchNorm2d(width), nn.ReLU()]


ARCHITECTURES.register("voice_cnn")(
    Architecture(
        build=VoiceCnn,
        summary="small CNN for log-mel pictures of voices, with statistics over time",
        reference="Snyder et al. 2018 for the statistics pooling; the stages are the plain ones",
        min_side_px=16,
    )
)
