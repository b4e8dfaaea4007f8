"""Explore data: what a data set is made of, its flaws, and the way in for one's own."""

from collections.abc import Callable
from typing import Final

import streamlit as st

from app.ui import audit_view, import_view
from app.ui.explore_augment import render_augmentation
from app.ui.explore_images import render_images
from app.ui.explore_map import render_map
from app.ui.explore_overview import render_facts, render_overview
from app.ui.explore_sets import ADD, choose_dataset, offer_first_set
from app.ui.layout import page_header
from app.ui.state import Key
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
        "Explore data", "What a data set is made of, where it is flawed, and the way in for **your own**."
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
