#!/usr/bin/env bash
# Surprise: writing to a widget's key in st.session_state sends the value to the browser even where it is the value that was there. The
#   browser takes it over when it arrives, which can undo a click that was made while the script ran: a switch that "shows what is", by a
#   harmless line at the top of the script, may lose clicks on a slow machine. Write only what differs.
# Guess before running: a value that does not change changes nothing.
# Versions: streamlit 1.51.0, 1.67.0. Source: SessionState.register_widget compares with nothing; a written key is a changed one.
# Seen: "told to the browser in the second run, where nothing changed: {'always': True, 'if other': False}"
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q streamlit==1.51.0
cat > "$folder/check.py" <<'PY'
from streamlit.testing.v1 import AppTest

ALWAYS = 'import streamlit as st\nst.session_state["on"] = False\nst.toggle("On", key="on")'
IF_OTHER = 'import streamlit as st\nif st.session_state.get("on", False):\n    st.session_state["on"] = False\nst.toggle("On", key="on")'
sent = {name: AppTest.from_string(script).run().run().toggle(key="on").proto.set_value
        for name, script in (("always", ALWAYS), ("if other", IF_OTHER))}
print("told to the browser in the second run, where nothing changed:", sent)
assert sent == {"always": True, "if other": False}
PY
"$folder/venv/bin/python" "$folder/check.py" 2>/dev/null
