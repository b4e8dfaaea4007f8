"""Callbacks of widgets that are not left half way."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec

from streamlit.runtime.scriptrunner import RerunException, StopException, get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequests, ScriptRequestType

Arguments = ParamSpec("Arguments")


def uninterrupted(callback: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """Let a callback for a changed value reach its end, though the browser asks for the next run already.

    Each access to the session state is a place where Streamlit may leave a run for the next one. A page's
    timer sends a changed value a moment before the change itself does: the callback is then called for the
    timer, left at its first access, and not called again, for the value is no longer new (Streamlit 1.67).
    The same happens where another value is changed right after: Streamlit begins the next run on a thread of
    its own, and tells this one to stop.

    Args:
        callback: it may be called again from its beginning, so it reads all that it needs from the session
            before it changes anything, and doesn't ask for a rerun itself.
    """

    @functools.wraps(callback)
    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        interruptions = ScriptRequests()  # joins them as Streamlit does: a button pressed in between is kept
        while True:
            try:
                callback(*args, **kwargs)
            except RerunException as request:  # raised once: the next access passes
                interruptions.request_rerun(request.rerun_data)
            except StopException:  # raised at each access from now on
                with _staying():
                    callback(*args, **kwargs)
                raise
            else:
                break
        joined = interruptions.on_scriptrunner_ready()
        if joined.type is ScriptRequestType.RERUN:
            raise RerunException(joined.rerun_data)

    return call


@contextmanager
def _staying() -> Iterator[None]:
    """Let the session be asked by a run that was told to stop."""
    context = get_script_run_ctx()
    if context is None:
        yield
        return
    state = context.session_state
    leave = state._yield_callback
    # Not by assignment, which would set a value of the session.
    object.__setattr__(state, "_yield_callback", lambda: None)
    try:
        yield
    finally:
        object.__setattr__(state, "_yield_callback", leave)
