"""The collections: a list, from which one is opened, and the form of a new one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import streamlit as st

from app.label.state import Key
from app.shared.messages import describe_error, empty_state, error_boundary, require_text
from app.shared.open_list import render_open_list
from app.shared.visitor import get_visitor
from fer_core.collecting import Collection, create_collection, list_collections
from fer_core.collecting.labels import open_labels
from fer_core.escaping import escape_markdown
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

QUERY: Final[str] = "collection"
"""Query parameter that names the collection that is shown."""
_NAME_IT: Final[str] = "the collection has no name yet; type one above"


def render_collections(workspace: Workspace) -> None:
    """Show the collections of this visitor, newest first, and the form of a new one."""
    problems: dict[str, str] = {}
    found = [item for item in list_collections(workspace, problems) if item.is_of(get_visitor())]
    for name, problem in problems.items():
        st.warning(f"**{escape_markdown(name)}**: {describe_error(problem)}", icon=":material/warning:")
    if not found:
        empty_state(
            "No faces yet",
            "A collection holds faces of your own: from pictures, videos, a study or the camera. Name one, "
            "then collect faces and label them by key.",
            icon=":material/face:",
        )
        _render_form(workspace)
        return
    _render_list(found)
    with st.expander("New collection", icon=":material/add:"):
        _render_form(workspace)


def _render_list(collections: Sequence[Collection]) -> None:
    render_open_list(
        _tabulate(collections),
        [item.name for item in collections],
        key="collection_list",
        share="labelled",
        alt="The collections: name, number of faces, how many are labelled, date",
        on_open=open_collection,
    )


def _tabulate(collections: Sequence[Collection]) -> "pd.DataFrame":
    import pandas as pd

    rows = []
    for item in collections:
        total, votes = len(item.load_faces()), open_labels(item).read()
        labelled = len({face for face, _ in votes})
        facts = {"collection": item.name, "faces": total, "labelled": labelled / total if total else 0.0}
        rows.append({**facts, "made": item.record.created.astimezone()})
    return pd.DataFrame(rows)


def open_collection(name: str) -> None:
    """Show one collection, or the list; a callback."""
    st.query_params.clear()
    if name:
        st.query_params[QUERY] = name


def _render_form(workspace: Workspace) -> None:
    name = st.text_input("Name", key=Key.NAME, placeholder="our-lab", max_chars=100)
    if st.button("Make the collection", type="primary", icon=":material/add:"):
        with error_boundary():
            made = create_collection(workspace, require_text(name, _NAME_IT), owner=get_visitor())
            open_collection(made.name)
            st.rerun()
