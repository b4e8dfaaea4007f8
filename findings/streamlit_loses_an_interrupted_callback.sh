#!/usr/bin/env bash
# Surprise: an `on_change` callback can be lost. Each access to `st.session_state` is a place where Streamlit may leave a run for
#   a newer request, also inside a callback. The changed value counts as known by then, so the next run does not call the
#   callback again, and nothing is raised or logged. A page with `st.fragment(run_every=...)` meets this in earnest: its timer
#   sends the changed value a few milliseconds before the change itself arrives, so the callback runs for the timer and is
#   interrupted by the change. Here a request made inside the callback stands for the browser's.
# Guess before running: a callback that was interrupted is called again by the run that interrupted it.
# Versions: streamlit 1.67.0 (runtime/state/safe_session_state.py, session_state.py).
# Seen: "calls of the callback: ['begun']", "the switch is True"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet streamlit==1.67.0
cat > page.py <<'PYTHON'
import streamlit as st
from streamlit.runtime.scriptrunner import RerunData, get_script_run_ctx

calls = st.session_state.setdefault("calls", [])


def change():
    calls.append("begun")
    if len(calls) == 1:
        get_script_run_ctx().script_requests.request_rerun(RerunData())
    calls.append(st.session_state["switch"])


st.toggle("Switch", key="switch", on_change=change)
PYTHON
env/bin/python - <<'PYTHON'
import logging

logging.disable(logging.WARNING)
from streamlit.testing.v1 import AppTest

test = AppTest.from_file("page.py").run()
test.toggle[0].set_value(True).run()
print("calls of the callback:", test.session_state["calls"])
print("the switch is", test.toggle[0].value)
raise SystemExit(not (test.session_state["calls"] == ["begun"] and test.toggle[0].value is True))
PYTHON
