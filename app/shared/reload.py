"""What survives a reload of the page, which begins another session in the same browser."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Final

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from app.shared.uploads import has_uploads, take_over_uploads
from app.shared.visitor import get_visitor

_COOKIE: Final[str] = "_streamlit_xsrf"
"""Streamlit's token against forged requests: random, one per browser, gone with it. Its mask is not."""


@dataclass(frozen=True, slots=True)
class _Session:
    browser: bytes
    visitor: str
    values: dict[str, Any]


def survive_reload(keys: Sequence[str]) -> None:
    """Bring back what the session had that this one takes the place of; call it first in every run of a page.

    It is of the same browser and visitor, its tab is gone, and its uploads are still there: a few minutes.

    Args:
        keys: of the session state, whose values need nothing else of the session but its uploads.
    """
    context = get_script_run_ctx()
    browser = _read_token(st.context.cookies.get(_COOKIE, ""))
    if context is None or not browser:
        return
    sessions, own = _get_sessions(), context.session_id
    if own not in sessions:
        for name in [name for name in sessions if not has_uploads(name)]:
            sessions.pop(name, None)
        _take_over(sessions, own, browser)
    values = {key: st.session_state[key] for key in keys if key in st.session_state}
    sessions[own] = _Session(browser, get_visitor(), values)


def _read_token(cookie: str) -> bytes:
    """The token in `2|mask|masked token|time` (hex); the mask is new in every answer of the server."""
    try:
        _, mask, masked, _ = cookie.split("|")
        return bytes(one ^ other for one, other in zip(bytes.fromhex(masked), cycle(bytes.fromhex(mask))))
    except ValueError:
        return b""


def _take_over(sessions: dict[str, _Session], own: str, browser: bytes) -> None:
    for name, session in reversed(list(sessions.items())):  # the newest first
        if runtime.get_instance().is_active_session(name):
            continue
        is_same = (session.browser, session.visitor) == (browser, get_visitor())
        if is_same and take_over_uploads(name, own):
            for key, value in session.values.items():
                st.session_state[key] = value
            del sessions[name]
            return


@st.cache_resource(show_spinner=False)
def _get_sessions() -> dict[str, _Session]:
    """Of all visitors of this server, oldest first; none outlives its uploads."""
    return {}
