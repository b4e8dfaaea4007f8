"""The page where a visitor begins, if the command that serves the dashboard named one."""

import os
from urllib.parse import parse_qsl

import streamlit as st
from streamlit.navigation.page import Page

from app.shared.navigation import PAGES
from app.shared.state import SharedKey
from fer_core.workspace import START_VARIABLE


def go_to_start(page: Page) -> None:
    """Leave the landing page for the one that `fer label` asks for, once a session."""
    name, _, query = os.environ.get(START_VARIABLE, "").partition("?")
    is_first = not st.session_state.get(SharedKey.HAS_BEGUN)
    st.session_state[SharedKey.HAS_BEGUN] = True
    if is_first and page.url_path in ("", "home") and name in PAGES:
        st.switch_page(PAGES[name].build(), query_params=dict(parse_qsl(query)))
