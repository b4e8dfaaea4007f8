"""What is expected of the classes, and how faces are drawn."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from app.shared.state import SharedKey
from fer_core.checkpoint import CheckpointEntry
from fer_core.inference.overlay import OverlayStyle
from fer_core.inference.prior import HALFWAY_PRIOR, TRAINING_PRIOR, UNIFORM_PRIOR

_PRIOR_TITLES: Final[dict[str, str]] = {
    TRAINING_PRIOR: "As in the training data",
    HALFWAY_PRIOR: "Halfway to equally often",
    UNIFORM_PRIOR: "All equally often",
}


def choose_prior(entries: Sequence[CheckpointEntry]) -> str:
    """Let the person choose how often each class is expected; only where all models say what they learnt."""
    knows = all(entry.info.class_prior is not None for entry in entries)
    chosen: str = st.selectbox(
        "Expect the classes",
        list(_PRIOR_TITLES),
        format_func=_PRIOR_TITLES.__getitem__,
        key=SharedKey.PRIOR,
        persist_state="session",
        disabled=not knows,
        help="Training data are mostly neutral and happy faces, and a model leans towards these where a face "
        "is unclear. *All equally often* takes that leaning out: rare expressions are found more often, at "
        "the price of more false ones. *Halfway* brings much of it for less."
        if knows
        else "This model does not say how often it saw each class; publish it again to record that.",
    )
    return chosen if knows else TRAINING_PRIOR


def choose_style() -> OverlayStyle:
    """Let the person choose how many bars are drawn, and from when on a face counts as uncertain."""
    top_k = st.slider("Bars drawn beside a face", 0, 8, 3, key=SharedKey.TOP_K, persist_state="session")
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
