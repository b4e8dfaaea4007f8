"""Networks of installed packages: each is tried once as it is built, so that a fault of theirs names them."""

import copy

import torch
from torch import Tensor, nn

from fer_core.errors import ConfigError
from fer_core.models.base import FerModel, ModelOutputs

_BATCH: int = 3
"""Faces of the trial: neither a batch of one nor a number of channels, so that no axis passes for another."""


def check_kind(whose: str, built: object) -> None:
    """Check that a package built a network that can learn.

    Args:
        whose: the architecture and its package, for messages.
        built: what it built.

    Raises:
        ConfigError: it is something else.
    """
    if not isinstance(built, FerModel):
        raise ConfigError(
            f"{whose} builds something of type {type(built).__name__}; expected a network of a subclass of "
            "FerModel"
        )
    parameters = list(built.parameters())
    if any(isinstance(item, nn.parameter.UninitializedParameter) for item in parameters):
        raise ConfigError(f"{whose} has layers of unknown size (Lazy...); expected weights of known shapes")
    if not any(item.requires_grad for item in parameters):
        raise ConfigError(f"{whose} has no parameters that learn; expected some that require gradients")


def try_network(
    whose: str, model: FerModel, *, num_classes: int, in_channels: int, input_size: tuple[int, int]
) -> None:
    """Compute once what training, prediction and export ask for; neither weights nor random numbers change.

    Weights without memory (torch's device `meta`, where parameters are only counted) can't be tried.

    Raises:
        ConfigError: an output is none of the shape and kind that `ModelOutputs` names, or the loss teaches
            nothing. Whatever the network itself raises passes.
    """
    if any(item.is_meta for item in model.parameters()):
        return
    shape = (_BATCH, in_channels, *input_size)
    images = torch.linspace(-1, 1, _BATCH * in_channels * input_size[0] * input_size[1]).view(shape)
    with torch.random.fork_rng(devices=[]):
        trial = copy.deepcopy(model)  # statistics of layers that normalise change with every batch
        with torch.no_grad():
            trial.eval()
            _check_outputs(whose, trial.forward_outputs(images), trial.embedding_dim, num_classes)
            _check_tensor(whose, "forward", trial(images), (_BATCH, num_classes))
            _check_tensor(
                whose, "forward_embedding", trial.forward_embedding(images), (_BATCH, trial.embedding_dim)
            )
        _check_learning(whose, trial, images, num_classes)


def _check_outputs(whose: str, outputs: object, embedding_dim: int, num_classes: int) -> None:
    if not isinstance(outputs, ModelOutputs):
        raise ConfigError(f"{whose} gives {outputs!r:.80} by forward_outputs; expected ModelOutputs")
    _check_tensor(whose, "logits", outputs.logits, (_BATCH, num_classes))
    _check_tensor(whose, "embedding", outputs.embedding, (_BATCH, embedding_dim))
    places = outputs.spatial_map
    if places is not None and not (isinstance(places, Tensor) and places.ndim == 4 and len(places) == _BATCH):
        raise ConfigError(
            f"{whose} gives {_describe(places)} as spatial map; expected {_BATCH} x F x h x w for "
            f"{_BATCH} faces, or None"
        )


def _check_tensor(whose: str, what: str, found: object, shape: tuple[int, int]) -> None:
    words = f"floating point numbers of shape {shape[0]} x {shape[1]} for {_BATCH} faces"
    if not (isinstance(found, Tensor) and found.is_floating_point() and tuple(found.shape) == shape):
        raise ConfigError(f"{whose} gives {_describe(found)} as {what}; expected {words}")
    if not found.isfinite().all():
        raise ConfigError(f"{whose} gives NaN or infinite numbers as {what}; expected finite ones")


def _describe(found: object) -> str:
    if not isinstance(found, Tensor):
        return f"{found!r:.80}"
    return f"a tensor of shape {' x '.join(map(str, found.shape)) or '()'} ({found.dtype})"


def _check_learning(whose: str, model: FerModel, images: Tensor, num_classes: int) -> None:
    logits = model.train()(images)
    _check_tensor(whose, "logits of training", logits, (_BATCH, num_classes))
    if not logits.requires_grad:
        raise ConfigError(f"{whose} gives logits without gradients; expected ones that it can learn from")
    nn.functional.cross_entropy(logits, torch.arange(_BATCH) % num_classes).backward()  # type: ignore[no-untyped-call]
