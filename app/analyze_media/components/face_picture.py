"""A picture with its faces marked and a list of them; what one side points at, the other marks."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import streamlit as st
from streamlit.runtime import get_instance

from app.shared.components.sources import read_sources

_FOLDER: Final[Path] = Path(__file__).parent
_component = st.components.v2.component(
    "fer_face_picture",
    js=read_sources(
        _FOLDER, "elements.js", "face_picture_parts.js", "face_picture_view.js", "face_picture.js"
    ),
    css=read_sources(_FOLDER, "face_picture.css"),
)


@dataclass(frozen=True, slots=True)
class ShownFace:
    """A face as it is drawn. Words are shown as they are, whatever is in them."""

    number: int
    label: str
    color: str
    """`#rrggbb`."""
    bars: tuple[tuple[str, float, str], ...]
    """Class, probability and colour; the most probable first."""
    box: tuple[float, float, float, float]
    """Left, top, width and height in pixels of the picture."""
    thumbnail_jpeg: bytes
    facts: tuple[str, ...] = ()
    """More about it, a line each; shown on demand."""


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A picture as it is drawn."""

    key: str
    """A picture with another key begins anew: not enlarged, nothing chosen."""
    name: str
    """For people who do not see it."""
    size_px: tuple[int, int]
    """Width and height."""
    preview_jpeg: bytes
    """Scaled for the screen."""
    preview_width_px: int
    sharp_jpeg: bytes | None
    """With all its pixels, once they were wanted."""
    faces: tuple[ShownFace, ...]


def render_face_picture(
    picture: ShownPicture, *, top_k: int, key: str, on_enlarged: Callable[[], None]
) -> None:
    """Show a picture with its faces.

    Args:
        picture: what to show.
        top_k: bars beside a face that is pointed at.
        key: of the component.
        on_enlarged: called when the preview has too few pixels for how large it is shown.
    """
    data = {
        "id": picture.key,
        "name": picture.name,
        "size": picture.size_px,
        "preview": _serve(picture.preview_jpeg, f"{key}-preview"),
        "previewWidth": picture.preview_width_px,
        "sharp": _serve(picture.sharp_jpeg, f"{key}-sharp") if picture.sharp_jpeg else None,
        "topK": top_k,
        "faces": [
            {
                "number": face.number,
                "label": face.label,
                "color": face.color,
                "bars": face.bars,
                "box": face.box,
                "thumbnail": _serve(face.thumbnail_jpeg, f"{key}-{face.number}"),
                "facts": face.facts,
            }
            for face in picture.faces
        ],
    }
    _component(key=key, data=data, on_wanted_change=on_enlarged)


def _serve(jpeg: bytes, place: str) -> str:
    """Address of a picture, relative to the page: as `st.image` serves one, until the page is drawn again."""
    return get_instance().media_file_mgr.add(jpeg, "image/jpeg", place).lstrip("/")
