"""The live page in the visitor's browser, and what is kept of it when its user asks."""

from typing import Any

import streamlit as st

from app.live_webcam.camera import LiveChoice
from app.shared.components.browser_page import render_browser_page
from app.shared.navigation import ANALYZE_MEDIA
from app.shared.visitor import get_visitor
from fer_core.browser.keeping import keep_results
from fer_core.browser.page import PageSettings
from fer_core.errors import AnalysisError
from fer_core.workspace import Workspace


def render_in_browser(choice: LiveChoice, workspace: Workspace) -> None:
    """Show the camera's page, and tell it what the user chose.

    Raises:
        FerError: something is not installed, or a model has no ONNX file.
    """
    settings = PageSettings(
        models=tuple(entry.key for entry in choice.models),
        prior=choice.prior,
        temporal=choice.settings.temporal,
        style=choice.settings.style,
        mirror=choice.settings.mirror,
    )
    if results := render_browser_page("camera", settings, choice.models, workspace, choice.voice):
        _keep(results, choice, workspace)


def _keep(results: Any, choice: LiveChoice, workspace: Workspace) -> None:
    """Keep what the browser sent, because its user clicked there; say where it is."""
    if not isinstance(results, dict):
        raise AnalysisError("the results are damaged; nothing was kept")
    used = [entry.info for entry in choice.models if entry.key == results.get("model")]
    if not used:
        raise AnalysisError("the results are of a model that is not chosen any more; start the camera again")
    temporal = choice.settings.temporal
    settings: dict[str, str | float] = {
        "prior": choice.prior,
        "detect_every": temporal.detect_every,
        "smoothing": temporal.smoothing_s,
    }
    size = results.get("size")
    size_px = (size[0], size[1]) if isinstance(size, list) and len(size) == 2 else (0, 0)
    kept = keep_results(workspace, str(results.get("csv")), used[0], size_px, settings, get_visitor())
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(":green[:material/bookmark_added: Kept.]", width="content")
        st.page_link(
            ANALYZE_MEDIA.build(), label="Open it", query_params={"analysis": kept}, icon=ANALYZE_MEDIA.icon
        )
