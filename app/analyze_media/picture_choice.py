"""Which pictures are analyzed and which of them is shown: the upload, and a chip for each picture."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from app.analyze_media.dialog_style import CHIP_LENGTH, style_dialog
from app.analyze_media.pictures import (
    MAX_PICTURE_MB,
    MAX_PICTURES,
    Picture,
    Results,
    count_faces,
    load_sample,
)
from app.analyze_media.state import Key
from app.shared.callbacks import uninterrupted
from app.shared.run_format import shorten_middle
from app.shared.uploads import ask_for_files, forget_uploads, get_uploads
from fer_core.escaping import escape_markdown
from fer_core.images import IMAGE_SUFFIXES
from fer_core.io import sha256_file

PRIVACY: Final[str] = (
    ":material/lock: Analyzed on this machine and sent nowhere; deleted some minutes after you close the tab."
)
_TYPES: Final[tuple[str, ...]] = tuple(suffix.lstrip(".") for suffix in IMAGE_SUFFIXES)
_FOLDER: Final[str] = "media_folder"
"""Container with the dialog for a folder."""


def has_pictures() -> bool:
    """Whether there is a picture to show."""
    return bool(st.session_state.get(Key.KEPT_PICTURES) or st.session_state.get(Key.SAMPLE))


def ask_for_pictures() -> list[Picture]:
    """Let the user upload pictures; returns those that there are, the sample picture last.

    Call it in every run: a file dialog that is left out forgets its files.
    """
    ask_for_files(
        f"Choose pictures or drop them here: up to {MAX_PICTURES}, {MAX_PICTURE_MB} MB each",
        types=_TYPES,
        multiple=True,
        max_mb=MAX_PICTURE_MB,
        key=Key.PICTURES,
        on_change=_keep,
        args=(Key.PICTURES,),
    )
    if left_out := st.session_state.get(Key.LEFT_OUT, []):
        st.warning(
            f"Only {MAX_PICTURES} pictures are analyzed; {len(left_out)} were left out. Remove some first."
        )
    pictures = list(_kept())
    if st.session_state.setdefault(Key.SAMPLE, False):
        pictures.append(load_sample())
    style_dialog("media_files", is_small=bool(pictures))
    return pictures


def offer_sample() -> None:
    """What a page without pictures says."""
    with st.container(horizontal=True, vertical_alignment="center", key=_FOLDER):
        st.button(
            "Show the sample picture",
            icon=":material/image:",
            on_click=_show_sample,
        )
        ask_for_files(
            "A whole folder of pictures",
            types=_TYPES,
            multiple="directory",
            max_mb=MAX_PICTURE_MB,
            key=Key.FOLDER,
            on_change=_keep,
            args=(Key.FOLDER,),
        )
        style_dialog(_FOLDER, is_small=True, is_folder=True)
        st.caption(PRIVACY, width="content")


def choose_picture(pictures: Sequence[Picture], results: Results) -> Picture:
    """A chip for each picture, with its number of faces once it is analyzed; returns the chosen one."""
    found = {picture.key: result for picture, result in results}
    if st.session_state.setdefault(Key.PICTURE, 0) >= len(pictures):
        st.session_state[Key.PICTURE] = 0

    def describe(index: int) -> str:
        picture = pictures[index]
        name = escape_markdown(shorten_middle(picture.name, CHIP_LENGTH))
        result = found.get(picture.key)
        return f":material/error: {name}" if result is None else f"{name} · {count_faces(result)}"

    chosen = st.pills(
        "Picture",
        range(len(pictures)),
        format_func=describe,
        key=Key.PICTURE,
        required=True,
        label_visibility="collapsed",
    )
    assert chosen is not None
    return pictures[chosen]


def offer_removal(pictures: Sequence[Picture], shown: Picture) -> None:
    """Buttons that remove the shown picture, or all of them."""
    st.button(
        "Remove",
        icon=":material/close:",
        key="remove_picture",
        help=f"Removes {escape_markdown(shown.name)} from this page.",
        on_click=_remove,
        args=([shown],),
    )
    if len(pictures) > 1:
        st.button("Remove all", key="remove_pictures", on_click=_remove, args=(list(pictures),))


def _kept() -> list[Picture]:
    kept: list[Picture] = st.session_state.setdefault(Key.KEPT_PICTURES, [])
    return kept


@uninterrupted
def _keep(key: str) -> None:
    """Take the new files of the dialog called `key` to those there are, and show the first of them."""
    kept = _kept()
    known = {picture.key for picture in kept}
    new = [upload for upload in get_uploads(key) if upload.file_id not in known]
    room = MAX_PICTURES - len(kept)
    st.session_state[Key.LEFT_OUT] = new[room:]
    pictures = [Picture(item.name, item.path, sha256_file(item.path), item) for item in new[:room]]
    if pictures:
        st.session_state[Key.PICTURE] = len(kept)
    st.session_state[Key.KEPT_PICTURES] = [*kept, *pictures]  # last: what is kept is not new any more
    forget_uploads(new[room:])


def _show_sample() -> None:
    st.session_state[Key.SAMPLE] = True


def _remove(pictures: Sequence[Picture]) -> None:
    gone = {picture.key for picture in pictures}
    forget_uploads([picture.upload for picture in pictures if picture.upload is not None])
    if load_sample().key in gone:
        st.session_state[Key.SAMPLE] = False
    st.session_state[Key.KEPT_PICTURES] = [item for item in _kept() if item.key not in gone]
    st.session_state[Key.LEFT_OUT] = []
