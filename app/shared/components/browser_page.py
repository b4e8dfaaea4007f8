"""A page of `fer_core.browser` in a frame of this one: faces are found and read in the visitor's browser.

The frame has the policy of that page: it can contact this dashboard's own address only, and what it finds is
not sent there either.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import streamlit as st
from streamlit.runtime import get_instance

from app.shared.components.sources import read_sources
from fer_core.browser.modules import hash_name
from fer_core.browser.page import PageSettings, Purpose, build_page, describe_model, describe_voice
from fer_core.checkpoint import CheckpointEntry
from fer_core.workspace import Workspace

_FOLDER: Final[Path] = Path(__file__).parent
_component = st.components.v2.component(
    "fer-browser-page",
    js=read_sources(_FOLDER, "elements.js", "browser_page.js"),
    css=read_sources(_FOLDER, "browser_page.css"),
)
_KINDS: Final[dict[str, str]] = {"js": "text/javascript", "css": "text/css"}
_TITLES: Final[dict[Purpose, str]] = {
    "camera": "Camera and apparent expressions, read in this browser",
    "files": "Pictures and videos, read in this browser",
}


def render_browser_page(
    purpose: Purpose,
    settings: PageSettings,
    entries: Sequence[CheckpointEntry],
    workspace: Workspace,
    voice: CheckpointEntry | None = None,
) -> Any:
    """Show such a page and tell it what the user chose.

    Args:
        purpose: of the page.
        settings: what the user chose; its models are those of `entries`.
        entries: one model, or two to be compared.
        voice: what reads the voice; the microphone is not asked for without.
        workspace: where runtime, detector and exported files are.

    Returns:
        What the page's user asked to be kept; None in most runs, and always where it is for files.

    Raises:
        FerError: something is not installed, or a model has no ONNX file.
    """
    page, shelf = _build(workspace.root, purpose)
    shelf.serve_again()
    data = {
        "page": page,
        "title": _TITLES[purpose],
        "allow": "" if purpose == "files" else "camera" if voice is None else "camera; microphone",
        "canKeep": purpose == "camera",
        "settings": {**settings.to_json(), "voice": voice and _describe([voice], workspace)[0]},
        "models": _describe(entries, workspace),
    }
    return _component(key=f"browser-{purpose}", data=data, on_kept_change=lambda: None).kept


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


@st.cache_resource(max_entries=2, show_spinner=False)
def _build(root: Path, purpose: Purpose) -> tuple[str, _Shelf]:
    """The page without models, made once."""
    shelf = _Shelf()
    page = build_page((), PageSettings(), Workspace(root), shelf.publish, mode="embedded", purpose=purpose)
    return page, shelf


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
    describe = describe_voice if _entry.info.input.kind == "sound" else describe_model
    return describe(_entry, Workspace(root), shelf.publish), shelf
