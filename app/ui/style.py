"""The settings that only change what is drawn."""

import streamlit as st

from app.ui.state import Key
from fer_core.inference.overlay import OverlayStyle


def choose_style() -> OverlayStyle:
    """Let the person choose how many bars are drawn, and from when on a face counts as uncertain."""
    top_k = st.slider("Bars drawn beside a face", 0, 8, 3, key=Key.TOP_K, persist_state="session")
    below_pct = st.slider(
        "Uncertain below",
        0,
        100,
        40,
        step=5,
        format="%d %%",
        key=Key.UNCERTAIN_BELOW,
        persist_state="session",
        help="A face whose most probable class is less probable than this is greyed out.",
    )
    return OverlayStyle(top_k=top_k, uncertain_below=below_pct / 100)
