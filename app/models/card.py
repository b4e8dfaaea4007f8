"""A model's card: shown without anything foreign in it, and edited."""

from typing import Final

import streamlit as st

from app.models.state import Key
from app.shared.messages import empty_state, show_error
from fer_core.errors import FerError
from fer_core.exchange.card import MAX_CARD_BYTES, disarm_markdown, load_card, save_card
from fer_core.exchange.facts import ModelFacts, ModelKind
from fer_core.workspace import Workspace

_OUTLINE = """# {name}

What it recognises, in one sentence.

## Figures
Data set, split, rule and number of images beside every figure.

## Data
What it was trained on, and under which terms.

## Known failures
Where it errs, and on whom.

## Intended use
What it is for, and what it must not be used for.
"""
_SHOWN: Final[str] = "models-card-shown"
_STYLE: Final[str] = (
    f"<style>.st-key-{_SHOWN} table {{display: block; overflow-x: auto; max-width: 100%;}}</style>"
)
"""Wide tables scroll by themselves on a narrow screen."""


def render_card(facts: ModelFacts, _workspace: Workspace) -> None:
    """The card, or the text that is being written."""
    folder = str(facts.entry.folder)
    draft: dict[str, str] | None = st.session_state.get(Key.MODELS_CARD)
    if draft is not None and draft["folder"] == folder:
        _render_editor(facts, draft)
        return
    text = load_card(facts.entry.folder)
    st.button(
        "Edit" if text else "Write a card",
        icon=":material/edit:",
        key="models-card-edit",
        on_click=_begin,
        args=(folder, text, _OUTLINE.format(name=facts.title)),
    )
    if not text:
        empty_state(
            "No card yet",
            "A model card (Mitchell et al., 2019) says what a model is for, how well it works on whom, and "
            "where it fails. `fer publish` writes one from measured figures; **Write a card** begins with "
            "an outline.",
            icon=":material/description:",
        )
        return
    if facts.kind is ModelKind.IMPORTED:
        st.caption("Written by the author of the model. External images are not loaded.")
    st.html(_STYLE)
    with st.container(border=True, key=_SHOWN):
        st.markdown(disarm_markdown(text))


def _begin(folder: str, text: str, outline: str) -> None:
    st.session_state[Key.MODELS_CARD] = {"folder": folder, "text": text or outline, "based_on": text}


def _end() -> None:
    st.session_state.pop(Key.MODELS_CARD, None)


def _render_editor(facts: ModelFacts, draft: dict[str, str]) -> None:
    writing, preview = st.columns(2, gap="large")
    with writing:
        text = st.text_area(
            "Card (Markdown)",
            draft["text"],
            height=520,
            max_chars=MAX_CARD_BYTES,
            key="models-card-text",
            help="Raw HTML is shown as text.",
        )
        with st.container(horizontal=True):
            wanted = st.button("Save", type="primary", icon=":material/save:", key="models-card-save")
            st.button("Discard", icon=":material/close:", key="models-card-discard", on_click=_end)
    with preview:
        st.markdown("**Preview**")
        with st.container(border=True, height=520):
            st.markdown(disarm_markdown(text))
    if not wanted:
        return
    try:
        save_card(facts.entry.folder, text, based_on=draft["based_on"])
    except FerError as error:  # the text stays in the field
        show_error(error)
        return
    _end()
    st.session_state[Key.MODELS_MESSAGE] = "The card is saved."
    st.rerun()
