"""Studies: many recordings analyzed alike, by person and condition."""

import streamlit as st

from app.shared.messages import RESPONSIBLE_USE, show_error
from app.shared.page_header import page_header
from app.studies.study_list import QUERY, render_studies
from app.studies.study_view import render_study
from fer_core.errors import FerError
from fer_core.workspace import Workspace


def main() -> None:
    workspace = Workspace.default()
    if name := st.query_params.get(QUERY):
        try:
            render_study(name, workspace)
            return
        except FerError as error:  # below it the list, from which another one can be opened
            show_error(error)
    page_header("Studies", "Analyze **many recordings alike**, and compare people and conditions.")
    render_studies(workspace)
    st.caption(RESPONSIBLE_USE)


if __name__ == "__main__":
    main()
