"""The live page in the visitor's browser: the page of `fer_core.browser`, in a frame of this one.

The frame has the policy of that page: it can contact this dashboard's own address only, and what it finds is
not sent there either.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import streamlit as st
from streamlit.runtime import get_instance

from app.live_webcam.camera import LiveChoice
from app.shared.navigation import ANALYZE_MEDIA
from app.shared.visitor import get_visitor
from fer_core.browser.keeping import keep_results
from fer_core.browser.modules import hash_name
from fer_core.browser.page import PageSettings, build_page, describe_model
from fer_core.checkpoint import CheckpointEntry
from fer_core.errors import AnalysisError
from fer_core.workspace import Workspace

_SOURCE: Final[Path] = Path(__file__)
_component = st.components.v2.component(
    "fer-live-in-browser",
    js=_SOURCE.with_suffix(".js").read_text(encoding="utf-8"),
    css=_SOURCE.with_suffix(".css").read_text(encoding="utf-8"),
)
_KINDS: Final[dict[str, str]] = {"js": "text/javascript", "css": "text/css"}


@dataclass(slots=True)
class _Shelf:
    """Files that the server hands out as long as a session shows them."""

    files: dict[str, bytes] = field(default_factory=dict)

    def publish(self, name: str, content: bytes) -> str:
        """Hand a file out from now on; returns its address, relative to the dashboard."""
        self.files[hash_name(name, content)] = content
        return self._serve(hash_name(name, content))

    def serve_again(self) -> None:
        """Streamlit forgets at every run what the run before handed out."""
        for name in self.files:
            self._serve(name)

    def _serve(self, name: str) -> str:
        kind = _KINDS.get(name.rpartition(".")[2], "application/octet-stream")
        return get_instance().media_file_mgr.add(self.files[name], kind, f"fer-browser-{name}").lstrip("/")


def render_in_browser(choice: LiveChoice, workspace: Workspace) -> None:
    """Show the camera's page, and tell it what the user chose.

    Raises:
        FerError: something is not installed, or a model has no ONNX file.
    """
    page, shelf = _build(workspace.root)
    shelf.serve_again()
    settings = PageSettings(
        models=tuple(entry.key for entry in choice.models),
        prior=choice.prior,
        temporal=choice.settings.temporal,
        style=choice.settings.style,
        mirror=choice.settings.mirror,
    )
    data = {"page": page, "settings": settings.to_json(), "models": _describe(choice.models, workspace)}
    result = _component(key="live-in-browser", data=data, on_kept_change=lambda: None)
    if result.kept:
        _keep(result.kept, choice, workspace)


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


@st.cache_resource(max_entries=2, show_spinner=False)
def _build(root: Path) -> tuple[str, _Shelf]:
    """The page without models, made once."""
    shelf = _Shelf()
    return build_page((), PageSettings(), Workspace(root), shelf.publish, mode="embedded"), shelf


def _describe(entries: Sequence[CheckpointEntry], workspace: Workspace) -> list[dict[str, Any]]:
    found = []
    for entry in entries:
        facts, shelf = _describe_one(workspace.root, entry, entry.info.to_dict())
        shelf.serve_again()
        found.append(facts)
    return found


@st.cache_resource(max_entries=8, show_spinner=False)
def _describe_one(
    root: Path, _entry: CheckpointEntry, facts: dict[str, Any]
) -> tuple[dict[str, Any], _Shelf]:
    """A model as the page knows it; anew when `facts`, all that is known of it, change."""
    shelf = _Shelf()
    return describe_model(_entry, Workspace(root), shelf.publish), shelf
