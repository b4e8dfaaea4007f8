"""Where faces are found and read: in the visitor's browser, or on the computer that runs the dashboard."""

from typing import Final

import streamlit as st

from app.live_webcam.camera import LiveKey
from app.live_webcam.collect import QUERY
from app.shared.browser_needs import has_all
from fer_core.workspace import Workspace

IN_BROWSER: Final[str] = "In this browser (private)"
ON_SERVER: Final[str] = "On the server"


def choose_place(workspace: Workspace) -> bool:
    """Let the user choose; says whether it is the browser, the default once what it needs is here."""
    is_ready = has_all(workspace) and QUERY not in st.query_params  # the server collects
    chosen = st.segmented_control(
        "Where faces are read",
        [IN_BROWSER, ON_SERVER],
        default=IN_BROWSER if is_ready else ON_SERVER,
        required=True,
        key=LiveKey.PLACE,
        persist_state="session",
        help="In the browser no picture leaves the visitor's device, and the server has nothing to do. On "
        "the server every model and detector can be used.",
    )
    return chosen == IN_BROWSER
