"""Choosing a data set, and getting a first one."""

from typing import Final

import streamlit as st

from app.explore_data.state import ADD, DATASET, Key, link_to
from app.shared.background import render_task
from app.shared.callbacks import uninterrupted
from app.shared.messages import empty_state, warn_missing
from fer_core.data.store import SCHEMATIC_FACES, list_datasets
from fer_core.jobs.tasks import start_task
from fer_core.words import count
from fer_core.workspace import Workspace

_DRAWING: Final[str] = "draw"


def choose_dataset(workspace: Workspace) -> str | None:
    """Let the user choose a data set, or `ADD`; None if there is none yet. The address holds the choice."""
    infos = {info.name: info for info in list_datasets(workspace)}
    if not infos:
        return None
    asked = st.query_params.get(DATASET, "")
    if asked == ADD:
        st.button("Back", icon=":material/arrow_back:", type="tertiary", on_click=open_dataset)
        st.subheader("Add a data set", anchor=False)
        return ADD
    warn_missing("data set", [asked], infos)
    if asked in infos:
        st.session_state[Key.EXPLORE_DATASET] = asked
    elif st.session_state.get(Key.EXPLORE_DATASET) not in infos:
        st.session_state[Key.EXPLORE_DATASET] = next(iter(infos))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        chosen: str = st.selectbox(
            "Data set",
            list(infos),
            format_func=lambda name: f"{name} · {count(infos[name].num_images, 'image')}",
            key=Key.EXPLORE_DATASET,
            persist_state="session",
            on_change=_on_choice,
            width=420,
        )
        st.button("Add a data set", icon=":material/add:", on_click=open_dataset, args=(ADD,))
    st.query_params[DATASET] = chosen
    return chosen


def open_dataset(name: str = "") -> None:
    """Show a data set from the next rerun on, or the way to add one (`ADD`); without a name the last one."""
    if name:
        st.query_params[DATASET] = name
    else:
        st.query_params.pop(DATASET, None)
    forget_choices()


@uninterrupted
def _on_choice() -> None:
    open_dataset(st.session_state[Key.EXPLORE_DATASET])


def forget_choices() -> None:
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
