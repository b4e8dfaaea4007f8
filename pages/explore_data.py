"""Explore data: what a data set is made of, its flaws, and the way in for one's own."""

from collections.abc import Callable
from typing import Final

import streamlit as st

from app.explore_data import cleanup as audit_view
from app.explore_data import import_dataset as import_view
from app.explore_data.augmentation import render_augmentation
from app.explore_data.dataset_picker import choose_dataset, offer_first_set
from app.explore_data.embedding_map import render_map
from app.explore_data.images import render_images
from app.explore_data.overview import render_facts, render_overview
from app.explore_data.state import ADD, TAB, Key
from app.shared.callbacks import uninterrupted
from app.shared.page_header import page_header
from fer_core.data.store import load_dataset_info
from fer_core.workspace import Workspace

_OF_FACES: Final[frozenset[str]] = frozenset({"Augmentation"})
# Parts that say nothing of sound.
_PARTS: Final[dict[str, Callable[[str, Workspace], None]]] = {
    "Overview": render_overview,
    "Images": render_images,
    "Embedding map": render_map,
    "Augmentation": render_augmentation,
    "Clean up": lambda name, _workspace: audit_view.render(name),
}
_TITLES: Final[dict[str, str]] = {part: part for part in _PARTS}
_SOUND_TITLES: Final[dict[str, str]] = {**_TITLES, "Images": "Clips"}
# What the parts are called, and where a data set holds sound.
_FIRST: Final[str] = "Overview"


def main() -> None:
    page_header(
        "Explore data", "See what a data set contains and where it is flawed, and import **your own**."
    )
    workspace = Workspace.default()
    name = choose_dataset(workspace)
    if name is None:
        offer_first_set(workspace)
    if name in (None, ADD):
        import_view.render()
        return
    import_view.render_last_report(name, workspace)
    render_facts(name, workspace)
    _PARTS[_choose_part(holds_sound=load_dataset_info(workspace.dataset(name)).kind == "sound")](
        name, workspace
    )


def _choose_part(*, holds_sound: bool) -> str:
    """The open part, which the address holds."""
    parts = [part for part in _PARTS if not (holds_sound and part in _OF_FACES)]
    asked = st.query_params.get(TAB, "")
    if asked in parts:
        st.session_state[Key.EXPLORE_PART] = asked
    if st.session_state.setdefault(Key.EXPLORE_PART, _FIRST) not in parts:
        st.session_state[Key.EXPLORE_PART] = _FIRST
    part: str | None = st.segmented_control(
        "Part",
        parts,
        format_func=(_SOUND_TITLES if holds_sound else _TITLES).__getitem__,
        required=True,
        key=Key.EXPLORE_PART,
        label_visibility="collapsed",
        persist_state="session",
        on_change=_on_choice,
    )
    _keep_in_address(part or _FIRST)
    return part or _FIRST


@uninterrupted
def _on_choice() -> None:
    _keep_in_address(st.session_state[Key.EXPLORE_PART])


def _keep_in_address(part: str) -> None:
    if part == _FIRST:
        st.query_params.pop(TAB, None)
    elif st.query_params.get(TAB) != part:
        st.query_params[TAB] = part


if __name__ == "__main__":
    main()
