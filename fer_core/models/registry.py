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


ARCHITECTURES: Final[Registry[Architecture]] = Registry("architecture", "fer_workbench.models")

TIMM_PREFIX: Final[str] = "timm/"
"""What follows it is the name of a timm backbone."""

_COMMON: Final[frozenset[str]] = frozenset({"num_classes", "in_channels", "input_size"})
_HEAD: Final[dict[str, type]] = {"embedding_dim": int, "normalise_embedding": bool}
"""Arguments that every architecture takes."""
_MAX_WIDTH: Final[int] = 8192
MAX_DEPTH: Final[int] = 128
"""Layers of one kind in a row; more is a slip of the finger, and would fill the memory."""


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
    if num_classes < 2:
        raise ConfigError(f"num_classes is {num_classes}; expected at least 2 to tell apart")
    if in_channels not in (1, 3):
        raise ConfigError(f"in_channels is {in_channels}; expected 1 for grey or 3 for RGB")
    check_input_size(name, input_size, in_channels=in_channels)
    given = dict(arguments or {})
    _check_arguments(name, architecture, given)
    embedding_dim = given.pop("embedding_dim", architecture.embedding_dim)
    normalise = given.pop("normalise_embedding", False)
    require(
        embedding_dim == 0 or 2 <= embedding_dim <= _MAX_WIDTH,
        "embedding_dim",
        embedding_dim,
        f"0 or 2 to {_MAX_WIDTH}",
    )
    require(not normalise or embedding_dim > 0, "normalise_embedding", normalise, "an embedding_dim with it")
    if "input_size" in inspect.signature(architecture.build).parameters:
        given["input_size"] = input_size
    model = architecture.build(num_classes=num_classes, in_channels=in_channels, **given)
    if embedding_dim:
        model.attach_embedding(embedding_dim, normalise=normalise)
    return model


def check_input_size(name: str, input_size: tuple[int, int], *, in_channels: int = 1) -> None:
    """Check that an architecture with its default arguments can take images of a size; nothing is built.

    Args:
        name: key of `ARCHITECTURES`, or `timm/<backbone>`.
        input_size: rows and columns.
        in_channels: 1 or 3.

    Raises:
        ConfigError: there is no such architecture, or it can't; the message names a size that works.
    """
    architecture = find_architecture(name)
    if min(input_size) < architecture.min_side_px:
        raise ConfigError(
            f"{name} can't take {input_size[0]}x{input_size[1]} px; expected sides of "
            f"{architecture.min_side_px} px or more (model.height, model.width)"
        )
    if name.startswith(TIMM_PREFIX):
        from fer_core.models.timm_backbone import find_size_options

        find_size_options(name.removeprefix(TIMM_PREFIX), in_channels, input_size)


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


def require_width(argument: str, value: int, *, smallest: int = 1) -> None:
    """Check a number of channels, features or units.

    Raises:
        ConfigError: it is out of range.
    """
    require(smallest <= value <= _MAX_WIDTH, argument, value, f"{smallest} to {_MAX_WIDTH}")


def require_depth(argument: str, value: int) -> None:
    """Check a number of blocks.

    Raises:
        ConfigError: it is out of range.
    """
    require(1 <= value <= MAX_DEPTH, argument, value, f"1 to {MAX_DEPTH}")


def require_halvings(argument: str, text: str, num_halvings: int, input_size: tuple[int, int]) -> None:
    """Check that images of `input_size` can be halved so often, as `argument` asks for.

    Raises:
        ConfigError: nothing would be left of them.
    """
    most = min(input_size).bit_length() - 1
    require(
        num_halvings <= most,
        argument,
        text,
        f"stages that halve {input_size[0]}x{input_size[1]} px at most {most} times, not {num_halvings}",
    )


def parse_widths(argument: str, text: str, *, largest: int = _MAX_WIDTH) -> list[int]:
    """Read positive integers joined by dashes, such as '64-128-192'.

    Raises:
        ConfigError: it is something else.
    """
    parts = text.split("-")
    good = all(part.isascii() and part.isdigit() and 0 < int(part[:9]) <= largest for part in parts)
    require(good, argument, text, f"whole numbers like 64-128-192, each at most {largest}")
    return [int(part) for part in parts]
