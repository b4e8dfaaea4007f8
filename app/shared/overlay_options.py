"""Options for the class prior and for drawing faces."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from app.shared.state import SharedKey
from fer_core.checkpoint import CheckpointEntry
from fer_core.inference.class_prior import GENERAL_PRIOR, HALFWAY_PRIOR, TRAINING_PRIOR, UNIFORM_PRIOR
from fer_core.inference.overlay import SURE_FROM, OverlayStyle

_PRIOR_TITLES: Final[dict[str, str]] = {
    GENERAL_PRIOR: "Faces from anywhere",
    TRAINING_PRIOR: "As common as in the training data",
    HALFWAY_PRIOR: "Halfway between",
    UNIFORM_PRIOR: "Equally common",
}
EXPECTED_HELP: Final[str] = (
    "How often labels of such faces are right: it follows from the probabilities and from how large, sharp, "
    "bright and frontal the face is."
)


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
    """Let the user choose the number of bars, and when a face is called uncertain."""
    top_k = st.slider("Bars beside a face", 0, 8, 3, key=SharedKey.TOP_K, persist_state="session")
    sure_pct = st.slider(
        "Uncertain below",
        0,
        100,
        round(100 * SURE_FROM),
        step=5,
        format="%d %%",
        key=SharedKey.SURE_FROM,
        persist_state="session",
        help=f"A face whose label is expected to be right less often is greyed out. {EXPECTED_HELP}",
    )
    return OverlayStyle(top_k=top_k, sure_from=sure_pct / 100)
