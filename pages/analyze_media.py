"""Analyze media: find the faces on pictures and in videos, and read their apparent expressions."""

from typing import Final

import streamlit as st

from app.analyze_media.picture_results import render_results
from app.analyze_media.pictures import (
    MAX_PICTURE_MB,
    MAX_PICTURES,
    Picture,
    analyze_pictures,
    keep_pictures,
    load_sample,
)
from app.analyze_media.state import Key
from app.analyze_media.video_task import list_videos
from app.analyze_media.video_view import render_video_part
from app.shared.background import open_asked_part
from app.shared.messages import RESPONSIBLE_USE, empty_state
from app.shared.model_picker import choose_detector, choose_model
from app.shared.overlay_options import choose_prior, choose_style
from app.shared.page_header import page_header
from app.shared.uploads import ask_for_files, get_uploads
from fer_core.checkpoint import CheckpointEntry
from fer_core.images import IMAGE_SUFFIXES
from fer_core.inference.overlay import OverlayStyle
from fer_core.inference.sample import SAMPLE_CREDIT
from fer_core.workspace import Workspace

_TABS: Final = (":material/image: Pictures", ":material/movie: Video")
PRIVACY = (
    ":material/lock: What you upload is analyzed on this machine and sent nowhere. It is a file in the "
    "workspace (`uploads/`) until your session ends, some minutes after you close the tab."
)


def main() -> None:
    page_header(
        "Analyze media", "Find the faces in pictures and videos and read their **apparent expressions**."
    )
    workspace = Workspace.default()
    with st.container(border=True):
        model, detector, drawing = st.columns([5, 4, 4], gap="medium")
        with model:
            entry = choose_model(workspace)
        with detector:
            detector_name = choose_detector(workspace)
        with drawing:
            style = choose_style()
        with detector:
            prior = choose_prior([entry] if entry else [])
    if entry is not None:
        _open_last_tab(workspace)
        pictures, video = st.tabs(_TABS, key=Key.MEDIA_TAB, on_change="rerun")
        st.session_state[Key.LAST_TAB] = st.session_state[Key.MEDIA_TAB]
        with pictures:
            _render_pictures(entry, detector_name, prior, style, workspace, is_open=bool(pictures.open))
        with video:
            render_video_part(entry, detector_name, prior, style, workspace, is_open=bool(video.open))
    st.caption(RESPONSIBLE_USE)


def _open_last_tab(workspace: Workspace) -> None:
    """Open the tab that a link asks for, that was open last, or that of a video that waits from before."""
    open_asked_part(Key.MEDIA_TAB, _TABS)
    if Key.MEDIA_TAB not in st.session_state:
        first = _TABS[0] if not list_videos(workspace) else _TABS[1]
        st.session_state[Key.MEDIA_TAB] = st.session_state.get(Key.LAST_TAB) or first


def _render_pictures(
    entry: CheckpointEntry,
    detector: str,
    prior: str,
    style: OverlayStyle,
    workspace: Workspace,
    *,
    is_open: bool,
) -> None:
    pictures = _choose_pictures()  # always: a file dialog that is left out forgets its files
    if not pictures or not is_open:
        return
    results = analyze_pictures(pictures, entry, detector, prior, workspace)
    if results:
        render_results(results, style)


def _choose_pictures() -> list[Picture]:
    uploads = ask_for_files(
        f"Pictures: up to {MAX_PICTURES}, {MAX_PICTURE_MB} MB each",
        types=[suffix.lstrip(".") for suffix in IMAGE_SUFFIXES],
        multiple=True,
        max_mb=MAX_PICTURE_MB,
        key=Key.PICTURES,
        on_change=_keep_pictures,
    )
    uploaded: list[Picture] = st.session_state.setdefault(Key.KEPT_PICTURES, [])
    if uploaded and not uploads:  # the user was on another page
        count = "1 picture" if len(uploaded) == 1 else f"{len(uploaded)} pictures"
        st.button(f"Remove {count} uploaded before", icon=":material/close:", on_click=_forget_pictures)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.toggle("Show the sample picture", key=Key.SAMPLE, help=SAMPLE_CREDIT)
        st.caption(PRIVACY, width="content")
    pictures = list(uploaded)
    if len(uploads) > MAX_PICTURES:
        st.warning(f"{len(uploads)} pictures were uploaded; the first {MAX_PICTURES} are analyzed.")
    if st.session_state[Key.SAMPLE]:
        pictures.append(load_sample())
    if not pictures:
        empty_state("Nothing to analyze yet", "Upload pictures above, or switch the sample picture on.")
    return pictures


def _keep_pictures() -> None:
    kept: list[Picture] = st.session_state.get(Key.KEPT_PICTURES, [])
    st.session_state[Key.KEPT_PICTURES] = keep_pictures(get_uploads(Key.PICTURES), kept)


def _forget_pictures() -> None:
    st.session_state[Key.KEPT_PICTURES] = keep_pictures([], st.session_state[Key.KEPT_PICTURES])


if __name__ == "__main__":
    main()
