"""Tabs whose open one is in the address."""

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.shared.callbacks import uninterrupted

TAB = "tab"
"""Query parameter that names the open tab; the first one has none."""


def render_tabs(names: Sequence[str], *, key: str) -> list[tuple[str, DeltaGenerator]]:
    """Draw tabs and return the open one, for the page to fill.

    The address is changed in one step, so that Back leads to the tab before. Streamlit's own binding of tabs
    removes its parameter after a page's own are changed, and leaves an address between them in the history.

    Args:
        names: of the tabs; plain words, since the address holds them.
        key: of the widget.

    Returns:
        Name and place of the open tab; empty before the browser says which one that is.
    """
    asked = st.query_params.get(TAB, names[0])
    wanted = asked if asked in names else names[0]
    if st.session_state.get(key) != wanted:
        st.session_state[key] = wanted

    @uninterrupted
    def keep_in_address() -> None:
        open_tab(st.session_state[key], names[0])

    tabs = st.tabs(names, key=key, on_change=keep_in_address)
    return [(name, tab) for name, tab in zip(names, tabs, strict=True) if tab.open]


def open_tab(name: str, first: str = "") -> None:
    """Put a tab into the address; for callbacks."""
    if name == first:
        st.query_params.pop(TAB, None)
    else:
        st.query_params[TAB] = name
