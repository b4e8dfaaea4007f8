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
from app.explore_data.state import ADD, Key
from app.shared.background import open_asked_part
from app.shared.page_header import page_header
from fer_core.workspace import Workspace

_PARTS: Final[dict[str, Callable[[str, Workspace], None]]] = {
    "Overview": render_overview,
    "Images": render_images,
    "Embedding map": render_map,
    "Augmentation": render_augmentation,
    "Clean up": lambda name, _workspace: audit_view.render(name),
}


def main() -> None:
    page_header(
        "Explore data", "See what a data set contains and where it is flawed, and import **your own**."
    )
    workspace = Workspace.default()
    name = choose_dataset(workspace)
    if name is None:
        offer_first_set(workspace)
        import_view.render()
        return
    if name == ADD:
        import_view.render()
        return
    render_facts(name, workspace)
    open_asked_part(Key.EXPLORE_PART, _PARTS)
    part: str = st.segmented_control(
        "Part",
        list(_PARTS),
        default="Overview",
        required=True,
        key=Key.EXPLORE_PART,
        label_visibility="collapsed",
        persist_state="session",
    )
    _PARTS[part](name, workspace)


if __name__ == "__main__":
    main()
