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


ARCHITECTURES: Final[Registry[Architecture]] = Registry("architecture")

_COMMON: Final[frozenset[str]] = frozenset({"num_classes", "in_channels", "input_size"})


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
        name: key of `ARCHITECTURES`.
        num_classes: number of logits, at least 2.
        in_channels: 1 for grey, 3 for RGB.
        input_size: rows and columns of the input.
        arguments: the architecture's own arguments.

    Raises:
        ConfigError: the name or an argument is unknown, or an argument's value does not work.
    """
    architecture = ARCHITECTURES[name]
    given = dict(arguments or {})
    parameters = inspect.signature(architecture.build).parameters
    known = [item for item in parameters if item not in _COMMON]
    for key, value in given.items():
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ConfigError(f"{name} has no argument {key!r}.{hint} Known: {', '.join(known) or 'none'}")
        expected = parameters[key].annotation
        accepted = (int, float) if expected is float else expected
        if not isinstance(value, accepted) or (isinstance(value, bool) and expected is not bool):
            raise ConfigError(f"model.arguments.{key} is {value!r}; expected {expected.__name__}")
    if "input_size" in parameters:
        given["input_size"] = input_size
    return architecture.build(num_classes=num_classes, in_channels=in_channels, **given)
