"""The interface that every network of the registry has."""

import math
from abc import ABC, abstractmethod
from typing import Final, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_FIRST_SCALE: Final[float] = 16.0
"""Logits of a normalised embedding begin as cosines times this; cosines alone could never be certain."""


class ModelOutputs(NamedTuple):
    """Everything a network has to say about a batch."""

    logits: Tensor
    """N x K."""
    embedding: Tensor
    """N x E, what the classifier sees."""
    spatial_map: Tensor | None
    """N x F x h x w, the last features by place; None where a network has none."""


class FerModel(nn.Module, ABC):
    """A classifier of faces: features -> pooled -> embedding -> logits.

    Inputs are float tensors N x C x H x W, normalised as the checkpoint's `InputSpec` says. Subclasses
    compute features; the head is the same for all. Without an embedding layer the pooled features are the
    embedding.
    """

    def __init__(self, *, feature_dim: int, num_classes: int, dropout: float = 0.0) -> None:
        """Make the head; subclasses make what comes before it."""
        super().__init__()
        self.feature_dim = feature_dim
        self.embedding_dim = feature_dim
        self.num_classes = num_classes
        self.dropout: nn.Module = nn.Dropout(dropout)
        self.projection: nn.Module = nn.Identity()
        self.classifier: nn.Module = nn.Linear(feature_dim, num_classes)
        self.log_scale: nn.Parameter | None = None

    def attach_embedding(self, embedding_dim: int, *, normalise: bool) -> None:
        """Put an embedding layer before the classifier, both with fresh weights.

        Args:
            embedding_dim: values of the embedding, at least 2.
            normalise: give embeddings length 1, and logits a learned scale (NormFace, Wang et al., 2017).
        """
        self.projection = nn.Linear(self.feature_dim, embedding_dim)
        self.classifier = nn.Linear(embedding_dim, self.num_classes)
        self.embedding_dim = embedding_dim
        init_kaiming(self.projection)
        init_kaiming(self.classifier)
        if normalise:
            self.log_scale = nn.Parameter(torch.tensor(math.log(_FIRST_SCALE)))

    @abstractmethod
    def forward_features(self, x: Tensor) -> Tensor:
        """Return the last features in the network's own layout."""

    def to_spatial_map(self, features: Tensor) -> Tensor | None:
        """Bring `forward_features` into N x F x h x w; by default they are that already."""
        return features

    def pool(self, features: Tensor) -> Tensor:
        """Bring `forward_features` into N x feature_dim: by default the mean over the places."""
        return features.mean(dim=(2, 3))

    def embed(self, pooled: Tensor) -> Tensor:
        """Turn pooled features into the embedding."""
        embedding: Tensor = self.projection(pooled)
        return embedding if self.log_scale is None else F.normalize(embedding, dim=1)

    def classify(self, embedding: Tensor) -> Tensor:
        """Turn embeddings into logits."""
        if self.log_scale is not None:
            embedding = embedding * self.log_scale.exp()
        logits: Tensor = self.classifier(self.dropout(embedding))
        return logits

    def forward_outputs(self, x: Tensor) -> ModelOutputs:
        """Return logits, embedding and spatial map in one pass."""
        features = self.forward_features(x)
        embedding = self.embed(self.pool(features))
        return ModelOutputs(self.classify(embedding), embedding, self.to_spatial_map(features))

    def forward_embedding(self, x: Tensor) -> Tensor:
        """Return the embedding, N x embedding_dim."""
        return self.embed(self.pool(self.forward_features(x)))

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, N x num_classes."""
        return self.classify(self.forward_embedding(x))

    def count_blocks(self, key: str, dim: int) -> tuple[int, int]:
        """How rows (`dim` 0) or columns (1) of a weight come from channels: outer x channels x inner.

        Returns:
            outer and inner; by default 1, 1, for each is a channel. Behind a flattened picture columns are
            channels x places, so 1 and the number of places.
        """
        return 1, 1

    def layer_groups(self) -> list[list[nn.Parameter]]:
        """All parameters, each once, in groups from the input to the head: for freezing and layer decay.

        By default one group a child, or a child of a sequential child, in the order they were made; the head
        is the last. What the network owns itself, such as position codes, belongs to the first.
        """
        head: list[nn.Module] = [self.projection, self.classifier]
        blocks: list[nn.Module] = []
        for child in self.children():
            if child not in head:
                blocks += list(child.children()) if isinstance(child, nn.Sequential) else [child]
        scale = [] if self.log_scale is None else [self.log_scale]
        own = [item for item in self.parameters(recurse=False) if item is not self.log_scale]
        groups = [list(block.parameters()) for block in blocks]
        groups = [group for group in groups if group]
        groups[0] = own + groups[0]
        return [*groups, [item for module in head for item in module.parameters()] + scale]


def count_parameters(model: nn.Module) -> int:
    """Number of parameters."""
    return sum(item.numel() for item in model.parameters())


def init_kaiming(model: nn.Module) -> None:
    """He initialisation of convolutions (He et al., 2015), LeCun normal for linear layers."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


def init_transformer(model: nn.Module) -> None:
    """Truncated normal weights of standard deviation 0.02 and zero biases, as in ViT and BERT."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
