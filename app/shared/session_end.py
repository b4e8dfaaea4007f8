"""Doing something once a browser session is over, also if nobody visits the dashboard afterwards."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

_GRACE_S: Final[float] = 150.0
"""Streamlit takes a browser that lost its connection back for two minutes."""
_MAX_ACTIONS: Final[int] = 4
"""Watched at once in a session; the oldest is given up, which was done already by then."""


@dataclass(frozen=True, slots=True)
class _Watch:
    session_id: str
    action: Callable[[], None]

    def act_if_gone(self) -> None:
        if not (runtime.exists() and runtime.get_instance().is_active_session(self.session_id)):
            self.action()


def at_session_end(key: str, action: Callable[[], None]) -> None:
    """Call `action` some minutes after this session's browser has gone for good.

    Call it in every run of the page: a browser that comes back is watched again. Sessions that end are
    forgotten by Streamlit only when the next one comes; whatever must not wait for that belongs here.

    Args:
        key: what it is about; the first action of a key counts.
        action: safe to call from any thread, and more than once.
    """
    context = get_script_run_ctx()
    if context is not None:
        _watch(key, context.session_id, action)


def _act_later(watch: _Watch) -> None:
    timer = threading.Timer(_GRACE_S, watch.act_if_gone)
    timer.daemon = True
    timer.start()


@st.cache_resource(scope="session", max_entries=_MAX_ACTIONS, on_release=_act_later, show_spinner=False)
def _watch(key: str, session_id: str, _action: Callable[[], None]) -> _Watch:
    return _Watch(session_id, _action)
