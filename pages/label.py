"""Label: faces of one's own, collected and labelled by key."""

import streamlit as st

from app.label.collection_list import QUERY, render_collections
from app.label.collection_view import render_collection
from app.shared.messages import RESPONSIBLE_USE, show_error
from app.shared.page_header import page_header
from fer_core.errors import FerError
from fer_core.workspace import Workspace


def main() -> None:
    workspace = Workspace.default()
    if name := st.query_params.get(QUERY):
        try:
            render_collection(name, workspace)
            return
        except FerError as error:  # below it the list, from which another one can be opened
            show_error(error)
    page_header("Label", "Collect **your own faces**, say what they look like, and adapt a model to them.")
    render_collections(workspace)
    st.caption(RESPONSIBLE_USE)


if __name__ == "__main__":
    main()
