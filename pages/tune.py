"""Tune: search for good settings by many short runs."""

import streamlit as st

from app.shared.messages import warn_missing
from app.shared.page_header import page_header
from app.tune.form import render_new_sweep
from app.tune.results import render_sweep
from fer_core.sweeps import list_sweeps
from fer_core.workspace import Workspace


def main() -> None:
    page_header("Tune", "Let the program try **many settings** and see which of them matter.")
    workspace = Workspace.default()
    sweeps = [sweep.name for sweep in list_sweeps(workspace)]
    asked = st.query_params.get("sweep", "")
    warn_missing("search", [asked], sweeps)
    if not sweeps:
        st.info(
            "There is no search yet. Choose below what may vary; every trial is an ordinary run, which you "
            "can open on the Train page.",
            icon=":material/tune:",
        )
        render_new_sweep(workspace)
        return
    with st.expander("New search", icon=":material/add:"):
        render_new_sweep(workspace)
    name = st.selectbox("Search", sweeps, index=sweeps.index(asked) if asked in sweeps else len(sweeps) - 1)
    render_sweep(name, workspace)


if __name__ == "__main__":
    main()
