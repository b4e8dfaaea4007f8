"""Architectures and their arguments, for the form. What needs torch, another process answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import streamlit as st

from fer_core.jobs import torch_helper

_SPINNER = "Looking up the architectures…"
_REFRESH_S: Final[float] = 0.5


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of an architecture."""

    name: str
    default: Any
    help: str


@st.cache_resource(show_spinner=_SPINNER)
def list_architectures() -> Mapping[str, str]:
    """What each architecture is, by name."""
    return {item["name"]: item["summary"] for item in torch_helper.list_architectures()}


@st.cache_resource(show_spinner=_SPINNER)
def list_model_arguments(name: str) -> tuple[Argument, ...]:
    """The arguments that an architecture takes, with their defaults.

    Raises:
        ConfigError: there is none of that name.
    """
    return tuple(Argument(**item) for item in torch_helper.describe_arguments(name))


@st.fragment(run_every=_REFRESH_S)
def follow_count(network: Mapping[str, Any]) -> None:
    """Say that a network is being built, and draw the page again once its parameters are counted."""
    st.caption(":material/hourglass_top: The network is being built to count its parameters.")
    if torch_helper.is_answered("count_parameters", **network):
        st.rerun()
