"""Pictures and short videos that stay on the visitor's device: read in their own browser."""

from typing import Final

import streamlit as st

from app.analyze_media.settings import Settings
from app.analyze_media.state import Key
from app.shared.browser_needs import explain_missing
from app.shared.components.browser_page import render_browser_page
from app.shared.messages import error_boundary
from app.shared.model_picker import detector_title
from app.shared.navigation import ANALYZE_MEDIA
from fer_core.browser.page import PageSettings
from fer_core.workspace import Workspace

BROWSER_TAB: Final[str] = ":material/lock: In this browser"
_DETECTOR: Final[str] = "yunet"


def render_in_browser(settings: Settings, workspace: Workspace, *, is_open: bool) -> None:
    """The page for it. Once opened it stays, so that a look at another tab does not lose what was found.

    Args:
        settings: what the user chose.
        workspace: where runtime, detector and exported files are.
        is_open: whether the user sees this part.
    """
    if not is_open and not st.session_state.get(Key.IN_BROWSER):
        return
    st.session_state[Key.IN_BROWSER] = True
    st.caption(
        ":material/lock: Nothing is uploaded: pictures and videos are read in this browser and stay on this "
        "device. What was found is gone when you leave the page, unless you save it."
        + (f" Faces are found by {detector_title(_DETECTOR)} here." if settings.detector != _DETECTOR else "")
    )
    if explain_missing(workspace, "Pictures", ANALYZE_MEDIA.address(part="In this browser")):
        return
    wishes = PageSettings(
        models=(settings.entry.key,), prior=settings.prior, style=settings.style, mirror=False
    )
    with error_boundary():
        render_browser_page("files", wishes, (settings.entry,), workspace)
