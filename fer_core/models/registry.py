"""Names to architectures."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from fer_core.errors import ConfigError
from fer_core.models.base import FerModel
from fer_core.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A network that can be built by name."""

    build: Callable[..., FerModel]
    """Takes num_classes, in_channels, where it needs it input_size (rows, columns), and its own arguments."""
    summary: str
    """One line on what it is."""
    reference: str
    """Paper or origin."""
    input_size: tuple[int, int] | None = None
    """Rows and columns it was designed for; None takes the data set's own."""
    min_side_px: int = 8
    """Smallest side that it can take."""
    embedding_dim: int = 0
    """Size of the embedding layer when none is asked for; 0 has none."""


ARCHITECTURES: Final[Registry[Architecture]] = Registry("architecture")

TIMM_PREFIX: Final[str] = "timm/"
"""What follows it is the name of a timm backbone."""

_COMMON: Final[frozenset[str]] = frozenset({"num_classes", "in_channels", "input_size"})
_HEAD: Final[dict[str, type]] = {"embedding_dim": int, "normalise_embedding": bool}
"""Arguments that every architecture takes."""


def find_architecture(name: str) -> Architecture:
    """The architecture called `name`; `timm/<backbone>` is any backbone that timm has.

    Raises:
        ConfigError: there is none of that name.
    """
    if name.startswith(TIMM_PREFIX):
        from fer_core.models.timm_backbone import describe_backbone

        return describe_backbone(name.removeprefix(TIMM_PREFIX))
    return ARCHITECTURES[name]


def list_arguments(name: str) -> dict[str, Any]:
    """Arguments that the architecture called `name` takes, with their defaults.

    Raises:
        ConfigError: there is none of that name.
    """
    architecture = find_architecture(name)
    parameters = inspect.signature(architecture.build).parameters
    own = {key: item.default for key, item in parameters.items() if key not in _COMMON}
    return {**own, "embedding_dim": architecture.embedding_dim, "normalise_embedding": False}


def build_model(
    name: str,
    *,
    num_classes: int,
    in_channels: int = 1,
    input_size: tuple[int, int] = (48, 48),
    arguments: Mapping[str, Any] | None = None,
) -> FerModel:
    """Build a network with fresh weights.

    Args:
        name: key of `ARCHITECTURES`, or `timm/<backbone>`.
        num_classes: number of logits, at least 2.
        in_channels: 1 for grey, 3 for RGB.
        input_size: rows and columns of the input.
        arguments: the architecture's own arguments, and for every one `embedding_dim` (size of an embedding
            layer before the classifier, 0 for none) and `normalise_embedding` (embeddings of length 1).

    Raises:
        ConfigError: the name or an argument is unknown, an argument's value does not work, or the network
            can't take images of that size.
    """
    architecture = find_architecture(name)
    if min(input_size) < architecture.min_side_px:
        raise ConfigError(
            f"{name} can't take {input_size[0]}x{input_size[1]} px; expected sides of "
            f"{architecture.min_side_px} px or more (model.height, model.width)"
        )
    given = dict(arguments or {})
    _check_arguments(name, architecture, given)
    embedding_dim = given.pop("embedding_dim", architecture.embedding_dim)
    normalise = given.pop("normalise_embedding", False)
    require(
        embedding_dim == 0 or 2 <= embedding_dim <= 8192, "embedding_dim", embedding_dim, "0 or 2 to 8192"
    )
    require(not normalise or embedding_dim > 0, "normalise_embedding", normalise, "an embedding_dim with it")
    if "input_size" in inspect.signature(architecture.build).parameters:
        given["input_size"] = input_size
    model = architecture.build(num_classes=num_classes, in_channels=in_channels, **given)
    if embedding_dim:
        model.attach_embedding(embedding_dim, normalise=normalise)
    return model


def _check_arguments(name: str, architecture: Architecture, given: Mapping[str, Any]) -> None:
    parameters = inspect.signature(architecture.build).parameters
    types = {key: item.annotation for key, item in parameters.items() if key not in _COMMON} | _HEAD
    for key, value in given.items():
        if key not in types:
            near = get_close_matches(key, types, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ConfigError(f"{name} has no argument {key!r}.{hint} Known: {', '.join(types)}")
        expected = types[key]
        accepted = (int, float) if expected is float else expected
        if not isinstance(value, accepted) or (isinstance(value, bool) and expected is not bool):
            raise ConfigError(f"model.arguments.{key} is {value!r}; expected {expected.__name__}")


def require(condition: bool, argument: str, value: object, expected: str) -> None:
    """Check an architecture's argument.

    Raises:
        ConfigError: `condition` does not hold; the message names argument, value and what was expected.
    """
    if not condition:
        raise ConfigError(f"model.arguments.{argument} is {value!r}; expected {expected}")


def require_choice(argument: str, value: str, choices: tuple[str, ...]) -> None:
    """Check an argument that names one of a few things.

    Raises:
        ConfigError: it names none of them.
    """
    near = get_close_matches(value, choices, n=1)
    hint = f". Did you mean {near[0]!r}?" if near else ""
    require(value in choices, argument, value, f"one of {', '.join(choices)}{hint}")


def parse_widths(argument: str, text: str) -> list[int]:
    """Read positive integers joined by dashes, such as '64-128-192'.

    Raises:
        ConfigError: it is something else.
    """
    parts = text.split("-")
    good = all(part.isascii() and part.isdigit() and int(part) > 0 for part in parts)
    require(good, argument, text, "whole numbers like 64-128-192")
    return [int(part) for part in parts]
