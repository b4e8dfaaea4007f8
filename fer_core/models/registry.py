"""Names to architectures."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from fer_core.errors import ConfigError
from fer_core.models.architecture import MAX_WIDTH, TIMM_PREFIX, Architecture, require
from fer_core.models.base import FerModel
from fer_core.models.foreign import check_kind, try_network
from fer_core.registry import Registry

ARCHITECTURES: Final[Registry[Architecture]] = Registry(
    "architecture", "fer_workbench.models", entry_types=(Architecture,)
)

_COMMON: Final[frozenset[str]] = frozenset({"num_classes", "in_channels", "input_size"})
_HEAD: Final[dict[str, type]] = {"embedding_dim": int, "normalise_embedding": bool}
"""Arguments that every architecture takes."""
_KINDS: Final[tuple[type, ...]] = (bool, int, float, str)
"""Of arguments that files and forms can hold."""


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
    own = {key: item.default for key, item in _read_arguments(name, architecture).items()}
    return {**own, "embedding_dim": architecture.embedding_dim, "normalise_embedding": False}


@dataclass(frozen=True, slots=True)
class _Argument:
    kind: type
    default: Any


def _read_arguments(name: str, architecture: Architecture) -> dict[str, _Argument]:
    """The architecture's own arguments; of a package's those that files and forms can hold.

    Raises:
        ConfigError: a package's takes no arguments that could be read, or one that has no default.
    """
    with ARCHITECTURES.blame(name, ConfigError, "say which arguments it takes"):
        parameters = inspect.signature(architecture.build).parameters
    own = {
        key: item
        for key, item in parameters.items()
        if key not in _COMMON and item.kind not in (item.VAR_POSITIONAL, item.VAR_KEYWORD)
    }
    if not ARCHITECTURES.is_foreign(name):
        return {key: _Argument(item.annotation, item.default) for key, item in own.items()}
    needed = [key for key, item in own.items() if item.default is item.empty]
    if needed:
        raise ConfigError(
            f"{ARCHITECTURES.describe(name)} needs {', '.join(needed)}; expected a default for every "
            f"argument but {', '.join(sorted(_COMMON))}"
        )
    # Annotations of packages may be missing, or be text; the default says what is meant.
    kinds = {
        key: item.annotation if item.annotation in _KINDS else type(item.default) for key, item in own.items()
    }
    return {key: _Argument(kinds[key], own[key].default) for key in own if kinds[key] in _KINDS}


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
        ConfigError: the name or an argument is unknown, an argument's value does not work, the network
            can't take images of that size, or it is an installed package's and does not work.
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
        embedding_dim == 0 or 2 <= embedding_dim <= MAX_WIDTH,
        "embedding_dim",
        embedding_dim,
        f"0 or 2 to {MAX_WIDTH}",
    )
    require(not normalise or embedding_dim > 0, "normalise_embedding", normalise, "an embedding_dim with it")
    with ARCHITECTURES.blame(name, ConfigError, f"build a network for {input_size[0]}x{input_size[1]} px"):
        if "input_size" in inspect.signature(architecture.build).parameters:
            given["input_size"] = input_size
        model = architecture.build(num_classes=num_classes, in_channels=in_channels, **given)
        if ARCHITECTURES.is_foreign(name):
            check_kind(ARCHITECTURES.describe(name), model)
        if embedding_dim:
            model.attach_embedding(embedding_dim, normalise=normalise)
    if ARCHITECTURES.is_foreign(name):
        with ARCHITECTURES.blame(name, ConfigError, f"compute a batch of {input_size[0]}x{input_size[1]} px"):
            try_network(
                ARCHITECTURES.describe(name),
                model,
                num_classes=num_classes,
                in_channels=in_channels,
                input_size=input_size,
            )
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
    types = {key: item.kind for key, item in _read_arguments(name, architecture).items()} | _HEAD
    for key, value in given.items():
        if key not in types:
            near = get_close_matches(key, types, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ConfigError(f"{name} has no argument {key!r}.{hint} Known: {', '.join(types)}")
        expected = types[key]
        accepted = (int, float) if expected is float else expected
        if not isinstance(value, accepted) or (isinstance(value, bool) and expected is not bool):
            raise ConfigError(f"model.arguments.{key} is {value!r}; expected {expected.__name__}")
