"""Who sits in front of the browser, and where."""

from typing import Final

import streamlit as st

_LOCAL: Final = ("localhost", "127.0.0.1", "::1")


def get_visitor() -> str:
    """Address or number of who is logged in; empty without login: then there is one user."""
    return str(st.user.get("email") or st.user.get("sub") or "")


def may_name_paths() -> bool:
    """Whether the user sits at this machine: only then a path of it may be named.

    The server must listen on this machine alone, and the request must not have come through a proxy.
    """
    address = st.get_option("server.address")
    host = (st.context.url or "http://localhost").split("//", 1)[-1].split("/", 1)[0].rsplit(":", 1)[0]
    came_far = any(st.context.headers.get(name) for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP"))
    return address in _LOCAL and host.strip("[]") in _LOCAL and not came_far
