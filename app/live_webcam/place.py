"""Where faces are found and read: in the visitor's browser, or on the computer that runs the dashboard."""

from typing import Final

import streamlit as st

from app.live_webcam.camera import LiveKey
from app.live_webcam.collect import QUERY
from app.shared.background import render_task
from app.shared.messages import error_boundary
from app.shared.model_picker import render_fetch_button
from app.shared.navigation import LIVE_WEBCAM
from fer_core.browser.runtime import NUM_BYTES, PACKAGE, VERSION, find_runtime
from fer_core.inference.downloads import YUNET, is_installed
from fer_core.jobs.tasks import start_task
from fer_core.workspace import Workspace

IN_BROWSER: Final[str] = "In this browser (private)"
ON_SERVER: Final[str] = "On the server"
_FETCH: Final[str] = "fetch-browser"


def choose_place(workspace: Workspace) -> bool:
    """Let the user choose; says whether it is the browser, the default once what it needs is here."""
    is_ready = find_runtime(workspace) is not None and is_installed(YUNET, workspace)
    is_ready = is_ready and QUERY not in st.query_params  # the server collects
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


def explain_missing(workspace: Workspace) -> bool:
    """Say what the browser still needs, and offer to get it; says whether something is missing."""
    if find_runtime(workspace) is None:
        st.info(
            f"Reading faces in the browser needs {PACKAGE} {VERSION}: run `fer fetch browser` in a terminal, "
            f"or get it here. Meanwhile choose **{ON_SERVER}**.",
            icon=":material/download:",
        )
        _offer_runtime(workspace)
        return True
    if not is_installed(YUNET, workspace):
        st.info("Reading faces in the browser needs the face detector YuNet.", icon=":material/download:")
        render_fetch_button(workspace)
        return True
    return False


def _offer_runtime(workspace: Workspace) -> None:
    task = render_task(workspace, _FETCH)
    if st.button(
        f"Get {PACKAGE} ({NUM_BYTES / 1e6:.0f} MB)",
        icon=":material/download:",
        key="live-get-runtime",
        disabled=task is not None and task.is_active,
        help="The npm client downloads it from its registry; its SHA-256 is checked.",
    ):
        with error_boundary():
            start_task(
                workspace,
                kind=_FETCH,
                title=f"Get {PACKAGE}",
                command=["fetch", "browser"],
                page=LIVE_WEBCAM.address(),
            )
            st.rerun()
