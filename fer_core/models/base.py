"""The interface that every network of the registry has."""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class FerModel(nn.Module, ABC):
    """A classifier of faces: spatial map -> embedding -> logits.

    Inputs are float tensors N x C x H x W, normalised as the checkpoint's `InputSpec` says.
    """

    def __init__(self, *, embedding_dim: int, num_classes: int, dropout: float = 0.0) -> None:
        """Make the head; subclasses make what comes before it."""
        super().__init__()
        self.embedding_dim = embedding_dim
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(embedding_dim, num_classes)

    @abstractmethod
    def forward_features(self, x: Tensor) -> Tensor:
        """Return the last spatial map, N x F x h x w."""

    def forward_embedding(self, x: Tensor) -> Tensor:
        """Return the embedding, N x embedding_dim: by default the spatial map averaged over its places."""
        return self.forward_features(x).mean(dim=(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, N x num_classes."""
        logits: Tensor = self.classifier(self.dropout(self.forward_embedding(x)))
        return logits

    def layer_groups(self) -> list[list[nn.Parameter]]:
        """All parameters, each once, in groups from the input to the head: for freezing and layer decay.

        By default one group a child, or a child of a sequential child, in the order they were made; what
        makes the head (dropout, classifier) is the last.
        """
        blocks: list[nn.Module] = []
        for child in self.children():
            if child is not self.classifier:
                blocks += list(child.children()) if isinstance(child, nn.Sequential) else [child]
        groups = [list(block.parameters()) for block in [*blocks, self.classifier]]
        return [group for group in groups if group]


def count_parameters(model: nn.Module) -> int:
    """Number of trained parameters."""
    return sum(item.numel() for item in model.parameters() if item.requires_grad)


def init_kaiming(model: nn.Module) -> None:
    """He initialisation of convolutions (He et al., 2015), LeCun normal for linear layers."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
