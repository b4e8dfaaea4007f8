"""Keeping what is shown on the Analyze media page: a name, and what of it is stored."""

from collections.abc import Callable
from typing import NamedTuple

import streamlit as st

from app.analyze_media.kept_list import open_analyses
from app.analyze_media.pictures import Results
from app.analyze_media.settings import Settings
from app.analyze_media.state import Key
from app.analyze_media.video_task import VideoTask
from app.shared.messages import error_boundary
from app.shared.visitor import get_visitor
from fer_core.analyses import MAX_NAME
from fer_core.inference.keeping import keep_pictures, keep_video, prepare_picture
from fer_core.workspace import Workspace


class _Choice(NamedTuple):
    name: str
    with_media: bool
    with_faces: bool


def offer_keeping_pictures(results: Results, settings: Settings, workspace: Workspace) -> None:
    """A button that keeps what was found on one or more pictures with these settings."""
    model = settings.entry.info

    def keep(choice: _Choice) -> str:
        pictures = (
            prepare_picture(
                picture.path,
                found.analysis,
                name=picture.name,
                style=settings.style if choice.with_media else None,
                framing=model.input.framing if choice.with_faces else None,
            )
            for picture, found in results
        )
        used = {"prior": settings.prior}
        return keep_pictures(workspace, choice.name, pictures, model, used, get_visitor())

    first = results[0][0].name
    name = first if len(results) == 1 else f"{first} and {len(results) - 1} more"
    _offer(name, "the pictures with their faces marked", keep, has_faces=True)


def offer_keeping_video(video: VideoTask, workspace: Workspace) -> None:
    """A button that keeps what was found in a video."""

    def keep(choice: _Choice) -> str:
        media = video.annotated if choice.with_media else None
        return keep_video(workspace, choice.name, video.record, video.table, media, get_visitor())

    _offer(video.name, "the video with its faces marked", keep, has_faces=False)


def _offer(name: str, media: str, keep: Callable[[_Choice], str], *, has_faces: bool) -> None:
    number = st.session_state.setdefault(Key.NUM_KEPT, 0)  # after each a new one: closed, nothing ticked
    key = f"keep-{'pictures' if has_faces else 'video'}-{number}"
    with st.popover("Keep", icon=":material/bookmark_add:", key=key), st.form(f"{key}-form", border=False):
        title = st.text_input("Name", name[:MAX_NAME], max_chars=MAX_NAME)
        with_media = st.checkbox(f"Also keep {media}", key=f"{key}-media")
        with_faces = has_faces and st.checkbox("Also keep a small picture of each face", key=f"{key}-faces")
        st.caption(
            "Keeps the table of faces, the settings and the names of the files in the workspace "
            "(`analyses/`) until you delete it. No picture of anybody, unless ticked."
        )
        if st.form_submit_button("Keep it", type="primary"):
            with error_boundary():
                st.session_state[Key.JUST_KEPT] = keep(_Choice(title, with_media, with_faces))
                st.session_state[Key.NUM_KEPT] = number + 1
                st.rerun()


def confirm_keeping() -> None:
    """Say once that something was kept, and where it is."""
    if kept := st.session_state.pop(Key.JUST_KEPT, None):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(":green[:material/bookmark_added: Kept.]", width="content")
            # A link within a page would leave the browser's address as it is.
            st.button("Open it", icon=":material/open_in_full:", on_click=open_analyses, args=([kept],))
