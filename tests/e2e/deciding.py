"""The deciding half of the data page alone: `?part=import`, or `?dataset=NAME` for the audit."""

import streamlit as st

from app.explore_data import cleanup as audit_view
from app.explore_data import import_dataset as import_view
from app.shared.page_header import apply_style

st.set_page_config(layout="wide")
apply_style()
if st.query_params.get("part") == "import":
    import_view.render()
else:
    audit_view.render(st.query_params["dataset"])
