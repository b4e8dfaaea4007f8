"""Doing something once a browser session is over, also if nobody visits the dashboard afterwards."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from app.shared.memory import return_memory

GRACE_S: Final[float] = 150.0
"""Streamlit takes a browser that lost its connection back for two minutes."""
_MAX_ACTIONS: Final[int] = 4
"""Watched at once in a session; the oldest is given up, which was done already by then."""


@dataclass(frozen=True, slots=True)
class _Watch:
    session_id: str
    action: Callable[[], None]
    after_s: float = GRACE_S

    def act_if_gone(self) -> None:
        if not (runtime.exists() and runtime.get_instance().is_active_session(self.session_id)):
            self.action()
            return_memory()


def at_session_end(key: str, action: Callable[[], None], *, after_s: float = GRACE_S) -> None:
    """Call `action` once this session's browser has gone for good, if nobody else visits the dashboard, too.

    Call it in every run of the page: a browser that comes back is watched again. Sessions that end are
    forgotten by Streamlit only when the next one comes; whatever must not wait for that belongs here.

    Args:
        key: what it is about; the first action of a key counts.
        action: safe to call from any thread, and more than once.
        after_s: seconds without the browser; below `GRACE_S` it may come back, and finds it done.
    """
    context = get_script_run_ctx()
    if context is not None:
        _watch(key, context.session_id, action, after_s)


def _act_later(watch: _Watch) -> None:
    timer = threading.Timer(watch.after_s, watch.act_if_gone)
    timer.daemon = True
    timer.start()


@st.cache_resource(scope="session", max_entries=_MAX_ACTIONS, on_release=_act_later, show_spinner=False)
def _watch(key: str, session_id: str, _action: Callable[[], None], after_s: float) -> _Watch:
    return _Watch(session_id, _action, after_s)
