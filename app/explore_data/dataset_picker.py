"""Choosing a data set, and getting a first one."""

from typing import Final

import streamlit as st

from app.explore_data.state import ADD, Key, link_to
from app.shared.background import open_asked_part, render_task
from app.shared.messages import empty_state
from fer_core.data.store import SCHEMATIC_FACES, list_datasets
from fer_core.jobs.tasks import start_task
from fer_core.workspace import Workspace

_PARAMETER: Final[str] = "dataset"
_DRAWING: Final[str] = "draw"


def choose_dataset(workspace: Workspace) -> str | None:
    """Let the user choose a data set, or `ADD`; None if there is none yet. The choice is in the URL."""
    infos = {info.name: info for info in list_datasets(workspace)}
    if not infos:
        st.query_params.pop("part", None)  # there is nothing but the import
        return None
    options = [*infos, ADD]
    open_asked_part(Key.EXPLORE_DATASET, [ADD])
    if st.session_state.get(Key.EXPLORE_DATASET) not in options:
        asked = st.query_params.get(_PARAMETER, "")
        st.session_state[Key.EXPLORE_DATASET] = asked if asked in options else options[0]

    def title(name: str) -> str:
        if name == ADD:
            return "Add a data set…"
        return f"{name} · {infos[name].num_images:,} images"

    chosen: str = st.selectbox(
        "Data set", options, format_func=title, key=Key.EXPLORE_DATASET, on_change=_forget_choices
    )
    st.query_params[_PARAMETER] = chosen
    return chosen


def _forget_choices() -> None:
    """Rows and pages of one data set mean nothing in another."""
    for key in (Key.EXPLORE_ROW, Key.EXPLORE_PAGE):
        st.session_state.pop(key, None)


def offer_first_set(workspace: Workspace) -> None:
    """Say that there is no data set yet, and offer to draw the built-in one."""
    task = render_task(workspace, _DRAWING)
    if task is not None and task.is_active:
        return
    empty_state(
        "No data set yet",
        "Draw the built-in set of schematic faces to look around and to train a first model, "
        "or import your own below: FER2013 with FER+ votes, folders of pictures, tables, archives.",
        icon=":material/dataset:",
    )
    if st.button("Draw the built-in data set", type="primary", icon=":material/draw:"):
        start_task(
            workspace,
            kind=_DRAWING,
            title="Drawing the built-in data set",
            command=["import", SCHEMATIC_FACES],
            page=link_to(SCHEMATIC_FACES),
        )
        st.rerun()
