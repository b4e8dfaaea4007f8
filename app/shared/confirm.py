"""Asking before something is removed for good."""

from collections.abc import Callable

import streamlit as st

from app.shared.messages import error_boundary


def confirm_deletion(what: str, text: str, delete: Callable[[], None]) -> None:
    """Open a dialog; it deletes, then draws the page anew.

    Args:
        what: kind of thing, for the title: `model`.
        text: what goes with it, as Markdown.
        delete: removes it, and leaves its page; a `FerError` of it is shown in the dialog.
    """

    @st.dialog(f"Delete this {what}?", icon=":material/delete:")
    def ask() -> None:
        with error_boundary():
            st.markdown(text)
            with st.container(horizontal=True):
                if st.button("Delete it", type="primary", icon=":material/delete:"):
                    delete()
                    st.rerun()
                if st.button("Keep it"):
                    st.rerun()

    ask()
