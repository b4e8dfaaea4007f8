"""Callbacks of changed values: done whole, though Streamlit leaves a run wherever the session is asked."""

import contextlib
from collections import UserDict

import pytest
import streamlit as st
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.runtime.scriptrunner import RerunData, RerunException
from streamlit.testing.v1 import AppTest

from app.compare_runs.confusion_matrices import ANY, _take_cell
from app.compare_runs.state import Key
from app.shared.callbacks import uninterrupted


def _page(*, guarded: bool, stops: bool = False) -> None:
    import streamlit as st
    from streamlit.runtime.scriptrunner import RerunData, get_script_run_ctx

    from app.shared.callbacks import uninterrupted

    calls = st.session_state.setdefault("calls", [])

    def change() -> None:
        calls.append("begun")
        if len(calls) == 1:  # as if the browser had sent its next message by now
            context = get_script_run_ctx()
            assert context is not None and context.script_requests is not None
            if stops:
                context.script_requests.request_stop()
            else:
                context.script_requests.request_rerun(RerunData())
        calls.append(st.session_state["switch"])

    st.toggle("Switch", key="switch", on_change=uninterrupted(change) if guarded else change)
    st.text("drawn")


@pytest.mark.parametrize(
    ("guarded", "expected"), [(False, ["begun"]), (True, ["begun", "begun", True])], ids=["bare", "guarded"]
)
def test_a_callback_that_is_interrupted_is_called_to_its_end(guarded, expected):
    page = AppTest.from_function(_page, kwargs={"guarded": guarded}).run()
    page.toggle[0].set_value(True).run()
    assert page.session_state["calls"] == expected
    assert page.text[0].value == "drawn" and page.toggle[0].value is True
    assert not page.exception


@pytest.mark.parametrize(
    ("guarded", "expected"), [(False, ["begun"]), (True, ["begun", "begun", True])], ids=["bare", "guarded"]
)
def test_a_callback_whose_run_is_stopped_for_the_next_is_called_to_its_end(guarded, expected):
    page = AppTest.from_function(_page, kwargs={"guarded": guarded, "stops": True}).run()
    calls = page.session_state["calls"]
    page.toggle[0].set_value(True).run()
    assert calls == expected
    assert not page.exception


def test_a_button_that_is_pressed_between_two_interruptions_is_not_lost():
    pressed, later = WidgetStates(), WidgetStates()
    pressed.widgets.add(id="button", trigger_value=True)
    later.widgets.add(id="switch", bool_value=True)
    requests = [RerunData(widget_states=pressed), RerunData(widget_states=later)]
    calls = []

    def change() -> None:
        calls.append("begun")
        if requests:
            raise RerunException(requests.pop(0))

    with pytest.raises(RerunException) as raised:
        uninterrupted(change)()
    assert len(calls) == 3
    states = raised.value.rerun_data.widget_states
    assert states is not None and {state.id for state in states.widgets} == {"button", "switch"}


def test_a_callback_that_nobody_interrupts_asks_for_nothing():
    calls = []
    uninterrupted(lambda: calls.append("done"))()
    assert calls == ["done"]


class _InterruptedSession(UserDict):
    """Leaves a run once, at one of the accesses, as Streamlit does: before anything is read or written."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.left = -1
        self["cells"] = {"selection": {"points": [{"x": "fear", "y": "anger"}]}}
        self.left = at

    def _yield(self) -> None:
        self.left -= 1
        if self.left == -1:
            raise RerunException(RerunData())

    def __getitem__(self, key: str) -> object:
        self._yield()
        return super().__getitem__(key)

    def __setitem__(self, key: str, value: object) -> None:
        self._yield()
        super().__setitem__(key, value)


@pytest.mark.parametrize("at", range(8))
def test_a_click_in_a_matrix_is_taken_once_wherever_it_is_interrupted(at, monkeypatch):
    session = _InterruptedSession(at)
    monkeypatch.setattr(st, "session_state", session)
    with contextlib.suppress(RerunException):
        _take_cell("cells", "fer-small")
    assert session.left < 0, "it was not interrupted"
    assert (session.data[Key.COMPARE_TRUTH], session.data[Key.COMPARE_PREDICTION]) == ("anger", "fear")
    session.left = at
    with contextlib.suppress(RerunException):
        _take_cell("cells", "fer-small")
    assert (session.data[Key.COMPARE_TRUTH], session.data[Key.COMPARE_PREDICTION]) == (ANY, ANY)
