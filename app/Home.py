# ruff: noqa: N999 - `Home` is the name that people type
"""Entry point of the dashboard: `streamlit run app/Home.py`. Sets the page up, routes, and shows errors."""

import streamlit as st

from app.home import landing
from app.home.login import require_login
from app.home.quiet import stay_quiet
from app.home.start import go_to_start
from app.home.warm_up import warm_up
from app.shared.background import render_at_work
from app.shared.memory import share_heaps
from app.shared.messages import error_boundary
from app.shared.navigation import build_pages
from app.shared.page_header import ICON_SVG, LOGO_SVG, apply_style
from app.shared.uploads import keep_uploads_on_disk
from fer_core.workspace import Workspace

st.set_page_config(
    page_title="FER workbench",
    page_icon=ICON_SVG,
    layout="wide",
    menu_items={"About": "FER workbench: apparent facial expressions, from data to a model to the webcam."},
)
share_heaps()
apply_style()
st.logo(LOGO_SVG, size="large")
stay_quiet()
keep_uploads_on_disk()
require_login()
page = st.navigation(build_pages(landing.render), position="top")
go_to_start(page)
at_work = st.container()
with error_boundary():
    page.run()
with at_work, error_boundary():  # last, for the page may have shown what came of a task
    render_at_work(Workspace.default(), page.url_path)
warm_up()
