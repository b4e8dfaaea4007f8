"""Options for the class prior and for drawing faces."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from app.shared.state import SharedKey
from fer_core.checkpoint import CheckpointEntry
from fer_core.inference.class_prior import GENERAL_PRIOR, HALFWAY_PRIOR, TRAINING_PRIOR, UNIFORM_PRIOR
from fer_core.inference.overlay import OverlayStyle

_PRIOR_TITLES: Final[dict[str, str]] = {
    GENERAL_PRIOR: "Faces from anywhere",
    TRAINING_PRIOR: "As common as in the training data",
    HALFWAY_PRIOR: "Halfway between",
    UNIFORM_PRIOR: "Equally common",
}


def choose_prior(entries: Sequence[CheckpointEntry]) -> str:
    """Let the user choose the class prior; disabled unless all models record their training frequencies."""
    knows = all(entry.info.class_prior is not None for entry in entries)
    chosen: str = st.selectbox(
        "Assume expressions are",
        list(_PRIOR_TITLES),
        format_func=_PRIOR_TITLES.__getitem__,
        key=SharedKey.PRIOR,
        persist_state="session",
        disabled=not knows,
        help="Most training faces are neutral or happy, so a model leans towards these when a face is "
        "unclear. *Faces from anywhere* takes a part of that back, and is only as sure as pictures of "
        "unknown origin allow. *Equally common* removes the bias: rare expressions are found more often, "
        "at the price of more false alarms. *Halfway between* gives most of the gain at a lower price."
        if knows
        else "This model does not say how often it saw each class; publish it again to record that.",
    )
    return chosen if knows else GENERAL_PRIOR


def choose_style() -> OverlayStyle:
    """Let the user choose the number of bars and the threshold of an uncertain face."""
    top_k = st.slider("Bars beside a face", 0, 8, 3, key=SharedKey.TOP_K, persist_state="session")
    below_pct = st.slider(
        "Uncertain below",
        0,
        100,
        40,
        step=5,
        format="%d %%",
        key=SharedKey.UNCERTAIN_BELOW,
        persist_state="session",
        help="A face whose most probable class is less probable than this is greyed out.",
    )
    return OverlayStyle(top_k=top_k, uncertain_below=below_pct / 100)
