"""Who sits in front of the browser, where there is a login."""

import streamlit as st


def get_visitor() -> str:
    """Address or number of who is logged in; empty without login: then there is one user."""
    return str(st.user.get("email") or st.user.get("sub") or "")
