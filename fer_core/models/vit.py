"""A plain vision transformer for small faces, from scratch."""

import torch
from torch import Tensor, nn

from fer_core.models.architecture import Architecture, require, require_choice, require_depth, require_width
from fer_core.models.base import FerModel, init_transformer
from fer_core.models.registry import ARCHITECTURES


class SmallViT(FerModel):
    """Patches as tokens with learned positions, pre-norm transformer blocks, mean over the tokens."""

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        input_size: tuple[int, int],
        patch: int = 6,
        width: int = 160,
        depth: int = 6,
        num_heads: int = 4,
        stem: str = "patch",
        dropout: float = 0.0,
        drop_path: float = 0.0,
    ) -> None:
        """Make the network for images of `input_size` (rows, columns), multiples of `patch`.

        Args:
            num_classes: number of logits.
            in_channels: 1 or 3.
            input_size: rows and columns.
            patch: side of a patch in pixels.
            width: features of a token, a multiple of `num_heads`.
            depth: number of blocks.
            num_heads: attention heads.
            stem: "patch" cuts patches as in the paper; "conv" puts two 3x3 convolutions before the cut, which
                learns faster from little data (Xiao et al., 2021).
            dropout: chance of dropping a value within blocks and before the classifier, 0 to less than 1.
            drop_path: chance of skipping the last block (stochastic depth), less for earlier ones.

        Raises:
            ConfigError: an argument is out of range, or the size is no multiple of the patch.
        """
        from timm.models.vision_transformer import Block

        require(patch >= 2, "patch", patch, "at least 2")
        divisors = [side for side in range(2, min(input_size) + 1) if not any(s % side for s in input_size)]
        nearest = min(divisors, key=lambda side: abs(side - patch), default=None)
        require(
            not any(side % patch for side in input_size),
            "patch",
            patch,
            f"a divisor of {input_size[0]} and {input_size[1]}, such as {nearest}",
        )
        require(num_heads >= 1 and width % num_heads == 0, "width", width, f"a multiple of {num_heads} heads")
        require_width("width", width)
        require_depth("depth", depth)
        require_choice("stem", stem, ("patch", "conv"))
        require(0 <= dropout < 1, "dropout", dropout, "0 to less than 1")
        require(0 <= drop_path < 1, "drop_path", drop_path, "0 to less than 1")
        super().__init__(feature_dim=width, num_classes=num_classes, dropout=dropout)
        rows, columns = (side // patch for side in input_size)
        self.stem = _build_stem(in_channels, width, patch, stem)
        self.positions = nn.Parameter(torch.zeros(1, width, rows, columns))
        rates = [drop_path * index / max(1, depth - 1) for index in range(depth)]
        self.blocks = nn.Sequential(
            *(Block(width, num_heads, qkv_bias=True, proj_drop=dropout, drop_path=rate) for rate in rates)
        )
        self.norm = nn.LayerNorm(width)
        init_transformer(self)
        nn.init.trunc_normal_(self.positions, std=0.02)

    def forward_features(self, x: Tensor) -> Tensor:
        """N x C x H x W to tokens on their grid, N x width x h x w."""
        grid = self.stem(x) + self.positions
        tokens = self.norm(self.blocks(grid.flatten(2).transpose(1, 2)))
        features: Tensor = tokens.transpose(1, 2).unflatten(2, grid.shape[2:])
        return features

    def count_blocks(self, key: str, dim: int) -> tuple[int, int]:
        """Queries, keys and values are rows of one layer."""
        return (3, 1) if ".qkv." in key and dim == 0 else (1, 1)


def _build_stem(in_channels: int, width: int, patch: int, kind: str) -> nn.Sequential:
    if kind == "patch":
        return nn.Sequential(nn.Conv2d(in_channels, width, patch, stride=patch))
    hidden = max(16, width // 4)
    layers: list[nn.Module] = []
    for channels in (in_channels, hidden):
        layers += [
            nn.Conv2d(channels, hidden, 3, padding=1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers, nn.Conv2d(hidden, width, patch, stride=patch))


ARCHITECTURES.register("vit")(
    Architecture(
        build=SmallViT,
        summary="plain vision transformer with 6x6 patches, for small faces",
        reference="Dosovitskiy et al., 2021; Xiao et al., 2021 (convolutional stem)",
        input_size=(48, 48),
    )
)
