"""A graph convolutional network: places of the face as nodes, joined by position and by similarity."""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fer_core.models.architecture import Architecture, require, require_choice, require_depth, require_width
from fer_core.models.base import FerModel, init_kaiming
from fer_core.models.fer_resnet import ConvBlock
from fer_core.models.registry import ARCHITECTURES

_EDGES: Final[tuple[str, ...]] = ("both", "grid", "knn", "none")
_CONVOLUTIONS: Final[tuple[str, ...]] = ("max_relative", "edge")


_FADE: Final[float] = 0.1
"""Cosine over which a neighbour comes in: wide beside rounding (1e-7), narrow beside its range (-1 to 1)."""


def find_neighbours(nodes: Tensor, num_neighbours: int) -> tuple[Tensor, Tensor]:
    """The most similar nodes of each node, including itself, and their weights.

    Similarity is the cosine between features. A neighbour's weight is how much more similar it is than the
    first one left out, so that it changes smoothly. With full weights, rounding alone (another runtime or
    batch size) would swap two equally similar nodes and the answer would jump.
    Neither choice nor share has a gradient.

    Args:
        nodes: N x D x P.
        num_neighbours: k, less than P.

    Returns:
        Indices and shares from 0 to 1, both N x P x k.
    """
    unit = F.normalize(nodes.detach(), dim=1)
    similarity = unit.transpose(1, 2) @ unit
    best = similarity.topk(num_neighbours + 1, dim=2)
    shares = ((best.values[..., :-1] - best.values[..., -1:]) / _FADE).clamp(0, 1)
    return best.indices[..., :-1], shares


def gather_maximum(nodes: Tensor, neighbours: Tensor, shares: Tensor) -> Tensor:
    """Largest value over the neighbours of each node, channel by channel.

    A neighbour j of share s stands for x_i + s (x_j - x_i).

    Args:
        nodes: N x D x P.
        neighbours: N x P x k, indices of nodes.
        shares: N x P x k, 0 to 1.

    Returns:
        N x D x P.
    """
    num_images, num_places, num_neighbours = neighbours.shape
    # Whole rows of one long table: several times faster on a CPU than gathering channel by channel.
    table = nodes.transpose(1, 2).reshape(num_images * num_places, 1, -1)
    offsets = torch.arange(num_images, device=nodes.device).view(-1, 1, 1) * num_places
    rows = table.squeeze(1).index_select(0, (neighbours + offsets).flatten())
    others = rows.view(num_images * num_places, num_neighbours, -1)
    mixed = torch.lerp(table, others, shares.to(table.dtype).view(num_images * num_places, num_neighbours, 1))
    maximum: Tensor = mixed.max(dim=1).values
    return maximum.view(num_images, num_places, -1).transpose(1, 2)


class GraphConvolution(nn.Module):
    """One graph convolution on nodes that lie on a grid.

    `max_relative` is `W [x_i, max_j (x_j - x_i)]` (Li et al., 2019); `edge` is `max_j (A x_i + B x_j)`, the
    edge convolution of Wang et al. (2019) with a linear edge function. The neighbours j are the eight around
    a node on the grid, the k most similar in feature space, or both; the node itself always counts.
    """

    def __init__(self, channels: int, *, edges: str, convolution: str, num_neighbours: int) -> None:
        """Make the layer; arguments as in `GraphNet`."""
        super().__init__()
        self.edges, self.convolution, self.num_neighbours = edges, convolution, num_neighbours
        self.own = nn.Conv2d(channels, channels, 1, bias=False)
        self.others = nn.Conv2d(channels, channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """N x D x h x w to the same."""
        if self.convolution == "edge":
            mixed = self.own(x) + self._maximum(self.others(x), x)
        else:
            mixed = self.own(x) + self.others(self._maximum(x, x) - x)
        out: Tensor = self.norm(mixed)
        return out

    def _maximum(self, values: Tensor, features: Tensor) -> Tensor:
        """Maximum of `values` over the neighbours that the grid and `features` give."""
        found = values
        if self.edges in ("both", "grid"):
            found = F.max_pool2d(values, 3, stride=1, padding=1)
        if self.edges in ("both", "knn"):
            neighbours, shares = find_neighbours(features.flatten(2), self.num_neighbours)
            alike = gather_maximum(values.flatten(2), neighbours, shares).reshape(values.shape)
            found = torch.maximum(found, alike)
        return found


class GraphBlock(nn.Module):
    """A graph convolution and a feed-forward network, each added to its input (Han et al., 2022)."""

    def __init__(self, channels: int, *, edges: str, convolution: str, num_neighbours: int) -> None:
        """Make the block; arguments as in `GraphNet`."""
        super().__init__()
        self.graph = nn.Sequential(
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
            GraphConvolution(channels, edges=edges, convolution=convolution, num_neighbours=num_neighbours),
            nn.GELU(),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.feed_forward = nn.Sequential(
            nn.Conv2d(channels, 3 * channels, 1, bias=False),
            nn.BatchNorm2d(3 * channels),
            nn.GELU(),
            nn.Conv2d(3 * channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """N x D x h x w to the same."""
        x = x + self.graph(x)
        out: Tensor = x + self.feed_forward(x)
        return out


class GraphNet(FerModel):
    """A convolutional stem makes a grid of nodes; graph blocks let them speak; attention pools them."""

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        input_size: tuple[int, int],
        width: int = 96,
        depth: int = 3,
        reduction: int = 4,
        num_neighbours: int = 9,
        edges: str = "both",
        convolution: str = "max_relative",
        dropout: float = 0.2,
    ) -> None:
        """Make the network for images of `input_size` (rows, columns).

        Args:
            num_classes: number of logits.
            in_channels: 1 or 3.
            input_size: rows and columns.
            width: features of a node.
            depth: number of graph blocks.
            reduction: pixels a node stands for, along each side: 4 or 8; 48 px make 12x12 or 6x6 nodes.
            num_neighbours: most similar nodes that a node is joined with, including itself.
            edges: "both", "grid" (eight neighbours), "knn" (similar in feature space), or "none": the
                same network without its graph.
            convolution: "max_relative" or "edge".
            dropout: chance of dropping a pooled feature, 0 to less than 1.

        Raises:
            ConfigError: an argument is out of range, or the images are too small.
        """
        require_width("width", width, smallest=8)
        require_depth("depth", depth)
        require(reduction in (4, 8), "reduction", reduction, "4 or 8")
        require_choice("edges", edges, _EDGES)
        require_choice("convolution", convolution, _CONVOLUTIONS)
        require(0 <= dropout < 1, "dropout", dropout, "0 to less than 1")
        rows, columns = (side // reduction for side in input_size)
        require(
            1 <= num_neighbours < rows * columns,
            "num_neighbours",
            num_neighbours,
            f"1 to {rows * columns - 1}, fewer than the nodes",
        )
        super().__init__(feature_dim=width, num_classes=num_classes, dropout=dropout)
        self.stem = _build_stem(in_channels, width, reduction)
        self.positions = nn.Parameter(torch.zeros(1, width, rows, columns))
        self.blocks = nn.Sequential(
            *(
                GraphBlock(width, edges=edges, convolution=convolution, num_neighbours=num_neighbours)
                for _ in range(depth)
            )
        )
        self.attention = nn.Conv2d(width, 1, 1)
        init_kaiming(self)
        nn.init.trunc_normal_(self.positions, std=0.02)

    def forward_features(self, x: Tensor) -> Tensor:
        """N x C x H x W to the nodes on their grid, N x width x h x w."""
        nodes: Tensor = self.blocks(self.stem(x) + self.positions)
        return nodes

    def pool(self, features: Tensor) -> Tensor:
        """Mean of the nodes, weighted by attention: N x width."""
        weights = self.attention(features).flatten(2).softmax(dim=2)
        pooled: Tensor = (features.flatten(2) * weights).sum(dim=2)
        return pooled


def _build_stem(in_channels: int, width: int, reduction: int) -> nn.Sequential:
    """Convolutions and max pooling from pixels to nodes."""
    num_poolings = reduction.bit_length() - 1
    channels = [max(16, width // 2 ** (num_poolings - index)) for index in range(num_poolings)] + [width]
    layers: list[nn.Module] = []
    for index, out_channels in enumerate(channels):
        if index:
            layers.append(nn.MaxPool2d(2))
        layers.append(ConvBlock(in_channels, out_channels))
        in_channels = out_channels
    return nn.Sequential(*layers)


ARCHITECTURES.register("gcn")(
    Architecture(
        build=GraphNet,
        summary="graph network over 12x12 places, joined on the grid and by similarity",
        reference="Han et al., 2022, Vision GNN; Li et al., 2019 (max-relative); Wang et al., 2019 (edge)",
        min_side_px=16,
    )
)
