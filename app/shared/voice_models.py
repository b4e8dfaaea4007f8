"""Choosing a model of voices, and how to get one: none is shipped, for recorded voices have owners."""

from typing import Final

import streamlit as st

from app.shared.messages import empty_state
from app.shared.run_data import name_model
from fer_core.checkpoint import CheckpointEntry, list_checkpoints
from fer_core.workspace import Workspace

HOW_TO_TRAIN: Final[str] = (
    "Train one in a terminal: `fer import my-recordings.zip --name voices`, then `fer train --preset voice "
    "--data.dataset voices`."
)


def list_voice_models(workspace: Workspace) -> dict[str, CheckpointEntry]:
    """The models that read voices, by key."""
    return {entry.key: entry for entry in list_checkpoints(workspace, "sound")}


def choose_voice(workspace: Workspace, *, key: str, off: str | None = None) -> str | None:
    """Let the user choose a voice model.

    Args:
        workspace: where to look.
        key: of the widget.
        off: what it is called to listen not at all, if that is a choice.

    Returns:
        Its key; None if there is none, or none is wanted.
    """
    models = list_voice_models(workspace)
    if not models:
        return None
    options = [*([""] if off else []), *models]
    if st.session_state.get(key) not in options:
        st.session_state.pop(key, None)
    chosen: str = st.selectbox(
        "Voice",
        options,
        format_func=lambda name: name_model(name, workspace) if name else str(off),
        key=key,
        persist_state="session",
        help="Reads the apparent expression of voices, where somebody speaks.",
    )
    return chosen or None


def explain_voice_models() -> None:
    """Say how to get a voice model."""
    empty_state(
        "No voice model on this machine yet",
        "None comes with the program: recordings of voices have licences of their own. Train one on yours in "
        "a terminal, then reload this page:\n\n"
        "```text\n"
        "fer import my-recordings.zip --name voices\n"
        "fer train --preset voice --data.dataset voices\n"
        "```",
        icon=":material/graphic_eq:",
    )
