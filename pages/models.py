"""Models: what each is and how well it reads; take one away, or bring one in."""

import streamlit as st

from app.models.import_model import render_import
from app.models.model_list import render_list
from app.models.model_view import render_view
from app.shared.page_header import page_header
from fer_core.workspace import Workspace


def main() -> None:
    workspace = Workspace.default()
    key = st.query_params.get("model")
    if key is not None:
        render_view(key, workspace)
        return
    page_header(
        "Models",
        "Every model on this machine that reads **apparent expressions**: what it is, how well it does, and "
        "how to export it.",
    )
    render_import(workspace)
    render_list(workspace)


if __name__ == "__main__":
    main()
