"""Faces one at a time or as a grid, labelled by key; saved as each key is pressed, and told when it is."""

import base64
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import streamlit as st

from app.shared.components.sources import read_sources
from fer_core.palette import emotion_color

_FOLDER: Final[Path] = Path(__file__).parent
_component = st.components.v2.component(
    "fer-labeller",
    js=read_sources(_FOLDER, "elements.js", "labeller.js"),
    css=read_sources(_FOLDER, "labeller.css"),
)


def render_labeller(data: Mapping[str, Any], *, key: str, on_sent: Callable[[], None]) -> None:
    """Show the faces that come next.

    Args:
        data: what `fer_core.collecting.labelling.answer` says.
        key: of the component.
        on_sent: called when the browser sent something; `take_sent` gives it.
    """
    classes = [{"name": name, "color": emotion_color(name)} for name in data["classes"]]
    _component(key=key, data={**data, "classes": classes}, on_sent_change=on_sent)


def take_sent(key: str) -> Mapping[str, Any]:
    """What the browser sent just now: `votes`, `have`, `skip`, `frame`; empty if nothing that fits."""
    value = st.session_state.get(key)
    sent = value.get("sent") if value is not None else None
    return sent if isinstance(sent, Mapping) else {}


def embed_pictures(paths: Mapping[str, Path], kind: str) -> dict[str, str]:
    """Pictures as addresses that need no server: a file that is missing is left out.

    Args:
        paths: by id.
        kind: `png` or `jpeg`.
    """
    found = {}
    for name, path in paths.items():
        try:
            found[name] = f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
        except OSError:
            continue
    return found


def list_texts(value: object, most: int) -> Sequence[str]:
    """Texts of a list that came from a browser."""
    return [item for item in value[:most] if isinstance(item, str)] if isinstance(value, list) else []
