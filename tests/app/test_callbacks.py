"""Callbacks of changed values: done whole, though Streamlit leaves a run wherever the session is asked."""

import pytest
from streamlit.testing.v1 import AppTest


def _page(*, guarded: bool) -> None:
    import streamlit as st
    from streamlit.runtime.scriptrunner import RerunData, get_script_run_ctx

    from app.shared.callbacks import uninterrupted

    calls = st.session_state.setdefault("calls", [])

    def change() -> None:
        calls.append("begun")
        if len(calls) == 1:  # as if the browser had sent its next message by now
            context = get_script_run_ctx()
            assert context is not None and context.script_requests is not None
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
