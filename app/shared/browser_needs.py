"""What a browser needs from this machine to read faces itself, and the buttons that get it."""

from typing import Final

import streamlit as st

from app.shared.background import render_task
from app.shared.messages import error_boundary
from app.shared.model_picker import render_fetch_button
from fer_core.browser.runtime import NUM_BYTES, PACKAGE, VERSION, find_runtime
from fer_core.inference.downloads import YUNET, is_installed
from fer_core.jobs.tasks import start_task
from fer_core.workspace import Workspace

_FETCH: Final[str] = "fetch-browser"


def has_all(workspace: Workspace) -> bool:
    """Whether nothing is missing."""
    return find_runtime(workspace) is not None and is_installed(YUNET, workspace)


def explain_missing(workspace: Workspace, meanwhile: str, page: str) -> bool:
    """Say what the browser still needs, and offer to get it; says whether something is missing.

    Args:
        workspace: where to look.
        meanwhile: what the user can choose in its place.
        page: address of this page.
    """
    if find_runtime(workspace) is None:
        st.info(
            f"Reading faces in the browser needs {PACKAGE} {VERSION}: run `fer fetch browser` in a terminal, "
            f"or get it here. Meanwhile choose **{meanwhile}**.",
            icon=":material/download:",
        )
        _offer_runtime(workspace, page)
        return True
    if not is_installed(YUNET, workspace):
        st.info("Reading faces in the browser needs the face detector YuNet.", icon=":material/download:")
        render_fetch_button(workspace)
        return True
    return False


def _offer_runtime(workspace: Workspace, page: str) -> None:
    task = render_task(workspace, _FETCH)
    if st.button(
        f"Get {PACKAGE} ({NUM_BYTES / 1e6:.0f} MB)",
        icon=":material/download:",
        key="get-browser-runtime",
        disabled=task is not None and task.is_active,
        help="The npm client downloads it from its registry; its SHA-256 is checked.",
    ):
        with error_boundary():
            start_task(
                workspace,
                kind=_FETCH,
                title=f"Get {PACKAGE}",
                command=["fetch", "browser"],
                page=page,
            )
            st.rerun()
