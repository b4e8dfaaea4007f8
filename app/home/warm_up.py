"""Loads what most pages need while the first visitor still reads."""

import importlib
import threading

import streamlit as st

_LIBRARIES = ("pandas", "plotly.graph_objects", "fer_core.data.statistics")
"""What costs a page's first visit the most; never torch, which a server without training does without."""


@st.cache_resource(show_spinner=False)
def warm_up() -> threading.Thread:
    """Import the libraries of most pages in the background, once a server; call it when the page is done."""
    thread = threading.Thread(target=_import_all, name="warm-up", daemon=True)
    thread.start()
    return thread


def _import_all() -> None:
    for name in _LIBRARIES:
        importlib.import_module(name)
