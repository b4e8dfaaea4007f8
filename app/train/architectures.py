"""Architectures and their arguments, for the form. The only part of the Train page that imports torch."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

_SPINNER = "Looking up the architectures…"


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of an architecture."""

    name: str
    default: Any
    help: str


@st.cache_resource(show_spinner=_SPINNER)
def list_architectures() -> Mapping[str, str]:
    """What each architecture is, by name."""
    from fer_core.models import ARCHITECTURES

    return {name: ARCHITECTURES[name].summary for name in ARCHITECTURES}


@st.cache_resource(show_spinner=_SPINNER)
def list_model_arguments(name: str) -> tuple[Argument, ...]:
    """The arguments that an architecture takes, with their defaults.

    Raises:
        ConfigError: there is none of that name.
    """
    from fer_core.models.registry import find_architecture, list_arguments

    docs = _read_argument_docs(find_architecture(name).build)
    return tuple(Argument(key, value, docs.get(key, "")) for key, value in list_arguments(name).items())


def _read_argument_docs(build: Any) -> dict[str, str]:
    import docstring_parser

    source = build.__init__ if inspect.isclass(build) else build
    parsed = docstring_parser.parse(inspect.getdoc(source) or "")
    return {item.arg_name: " ".join((item.description or "").split()) for item in parsed.params}


@st.cache_data(max_entries=64, show_spinner="Building the network…")
def count_model_parameters(
    name: str,
    arguments: Mapping[str, Any],
    *,
    num_classes: int,
    in_channels: int,
    input_size: tuple[int, int],
) -> int:
    """Build the network without memory for its weights, and count them.

    Args:
        name: of the architecture.
        arguments: its own arguments.
        num_classes: number of logits.
        in_channels: 1 or 3.
        input_size: rows and columns; (0, 0) for what the architecture was designed for.

    Raises:
        ConfigError: the architecture does not take these arguments.
    """
    import torch

    from fer_core.models import build_model, count_parameters
    from fer_core.models.registry import find_architecture

    size = input_size if all(input_size) else find_architecture(name).input_size or (48, 48)
    with torch.device("meta"):
        model = build_model(
            name, num_classes=num_classes, in_channels=in_channels, input_size=size, arguments=arguments
        )
    return count_parameters(model)
