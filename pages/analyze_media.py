"""Analyze media: find the faces on pictures and in videos, and read their apparent expressions."""

from typing import Final

import streamlit as st

from app.analyze_media.in_browser import BROWSER_TAB, render_in_browser
from app.analyze_media.keep_button import confirm_keeping, offer_keeping_pictures
from app.analyze_media.kept_list import KEPT_TAB, QUERY, render_kept_list
from app.analyze_media.kept_view import render_kept
from app.analyze_media.picture_choice import (
    ask_for_pictures,
    choose_picture,
    has_pictures,
    offer_removal,
    offer_sample,
)
from app.analyze_media.picture_results import render_results
from app.analyze_media.pictures import analyze_pictures
from app.analyze_media.settings import Settings, choose_settings
from app.analyze_media.sound_view import render_sound_part
from app.analyze_media.state import Key
from app.analyze_media.video_task import list_videos
from app.analyze_media.video_view import has_videos, render_video_part
from app.shared.background import open_asked_part
from app.shared.messages import RESPONSIBLE_USE, error_boundary
from app.shared.page_header import page_header
from app.shared.reload import survive_reload
from fer_core.workspace import Workspace

_TABS: Final = (
    ":material/image: Pictures",
    ":material/movie: Video",
    ":material/graphic_eq: Sound",
    BROWSER_TAB,
    KEPT_TAB,
)

LEAD: Final = "Finds faces and reads their **apparent expressions**."


def main() -> None:
    workspace = Workspace.default()
    survive_reload((Key.KEPT_PICTURES, Key.SAMPLE, Key.VIDEOS))
    if asked := st.query_params.get_all(QUERY):
        with error_boundary():
            render_kept(asked, workspace)
        st.caption(RESPONSIBLE_USE)
        return
    title, strip = st.columns([3, 2], vertical_alignment="bottom")
    with title:
        page_header("Analyze media", "" if has_pictures() or has_videos(workspace) else LEAD)
    with strip:
        settings = choose_settings(workspace)
    if settings is not None:
        _open_last_tab(workspace)
        confirm_keeping()
        pictures, video, sound, private, kept = st.tabs(_TABS, key=Key.MEDIA_TAB, on_change="rerun")
        st.session_state[Key.LAST_TAB] = st.session_state[Key.MEDIA_TAB]
        with pictures:
            _render_pictures(settings, workspace, is_open=bool(pictures.open))
        with video:
            render_video_part(
                settings.entry,
                settings.detector,
                settings.prior,
                settings.style,
                workspace,
                voice=settings.voice,
                is_open=bool(video.open),
            )
        with sound:
            render_sound_part(workspace, is_open=bool(sound.open))
        with private:
            render_in_browser(settings, workspace, is_open=bool(private.open))
        with kept:
            if kept.open:
                render_kept_list(workspace)
    st.caption(RESPONSIBLE_USE)


def _open_last_tab(workspace: Workspace) -> None:
    """Open the tab that a link asks for, that was open last, or that of a video that waits from before."""
    open_asked_part(Key.MEDIA_TAB, _TABS)
    if asked := st.session_state.pop(Key.ASKED_TAB, None):
        st.session_state[Key.MEDIA_TAB] = asked
    if Key.MEDIA_TAB not in st.session_state:
        first = _TABS[0] if not list_videos(workspace) else _TABS[1]
        st.session_state[Key.MEDIA_TAB] = st.session_state.get(Key.LAST_TAB) or first


def _render_pictures(settings: Settings, workspace: Workspace, *, is_open: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="media_files"):
        chips = st.container(key="media_chips")
        pictures = ask_for_pictures()  # always: a file dialog that is left out forgets its files
        removal = st.container(width="content", horizontal=True)
    if not pictures:
        offer_sample()
    if not pictures or not is_open:
        return
    results = analyze_pictures(pictures, settings.entry, settings.detector, settings.prior, workspace)
    with chips:
        shown = choose_picture(pictures, results)
    with removal:
        if results:
            offer_keeping_pictures(results, settings, workspace)
        offer_removal(pictures, shown)
    if results:
        render_results(results, shown, settings.style, settings.options)


if __name__ == "__main__":
    main()
