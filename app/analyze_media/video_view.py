"""The video part of the Analyze media page: from uploads to background tasks and their results."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import streamlit as st

from app.analyze_media.dialog_style import CHIP_LENGTH, style_dialog
from app.analyze_media.keep_button import offer_keeping_video
from app.analyze_media.state import Key
from app.analyze_media.video_results import render_result
from app.analyze_media.video_task import (
    MAX_MINUTES,
    MAX_VIDEO_MB,
    UploadedVideo,
    VideoTask,
    check_room,
    check_upload,
    forget_videos,
    list_videos,
    start_video,
)
from app.shared.background import watch_tasks
from app.shared.messages import empty_state, error_boundary, show_error
from app.shared.run_format import describe_duration, shorten_middle
from app.shared.uploads import Upload, ask_for_files, forget_uploads
from fer_core.checkpoint import CheckpointEntry
from fer_core.errors import FerError, MediaError
from fer_core.escaping import escape_markdown
from fer_core.images import IMAGE_SUFFIXES
from fer_core.inference.overlay import OverlayStyle
from fer_core.inference.video_reader import VIDEO_SUFFIXES
from fer_core.inference.video_types import VideoInfo
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

_FILES: Final[str] = "video_files"
_FOLDER: Final[str] = "video_folder"
"""Containers with the dialogs for files and for a folder."""
VIDEO_TYPES: Final[tuple[str, ...]] = tuple(suffix.removeprefix(".") for suffix in VIDEO_SUFFIXES)
_FOLDER_TYPES: Final[tuple[str, ...]] = tuple(
    suffix.removeprefix(".") for suffix in VIDEO_SUFFIXES if suffix not in IMAGE_SUFFIXES
)
"""The pictures in a folder are no videos; an animated one is chosen by itself."""
PRIVACY: Final[str] = (
    ":material/lock: What you upload is analyzed on this machine. Once you press *Analyze*, a video and its "
    "result are files in the workspace (`tasks/`), so that you find them again. They are deleted when you "
    "press *Delete*, and a day after the work has ended."
)


def render_video_part(
    entry: CheckpointEntry,
    detector: str,
    prior: str,
    style: OverlayStyle,
    workspace: Workspace,
    *,
    voice: str | None,
    is_open: bool,
) -> None:
    """Show the upload, what waits and works, and the results.

    Args:
        entry: the chosen model.
        detector: name of the chosen face detector.
        prior: how often each class is expected.
        style: what is drawn.
        workspace: where videos are kept and downloaded weights are.
        voice: key of the model that listens; None if none does.
        is_open: whether the user sees this part; what costs time is left out if not.
    """
    videos, is_first = list_videos(workspace), not has_videos(workspace)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=_FILES):
        chips = st.container(key="video_chips")
        found = _ask_for_videos(is_first=is_first)
        buttons = st.container(width="content", horizontal=True, vertical_alignment="center")
    if is_first:
        found += _ask_for_folder()
    _take_uploads(found)
    uploads: list[UploadedVideo] = st.session_state.get(Key.VIDEOS, [])
    if not uploads and not videos:
        empty_state(
            "No video yet",
            "Upload one or several above. You get each back with the faces marked, a timeline of every "
            "apparent expression, and a table with a row per face and frame, also of frames without a face.",
            icon=":material/movie:",
        )
    elif is_open:
        options = [f"--model={entry.key}", f"--detector={detector}", f"--prior={prior}"]
        options += [f"--top-k={style.top_k}", f"--sure-from={style.sure_from}"]
        options += [] if voice is None else [f"--voice={voice}"]
        if uploads:
            _render_waiting(uploads, options, workspace)
        _render_videos(videos, options, workspace, chips, buttons)


def has_videos(workspace: Workspace) -> bool:
    """Whether there is a video to show, or one that waits."""
    return bool(st.session_state.get(Key.VIDEOS) or list_videos(workspace))


def _ask_for_videos(*, is_first: bool) -> list[Upload]:
    style_dialog(_FILES, is_small=not is_first)
    return ask_for_files(
        f"Choose videos or drop them here: up to {MAX_VIDEO_MB} MB and {MAX_MINUTES} minutes each",
        types=VIDEO_TYPES,
        max_mb=MAX_VIDEO_MB,
        multiple=True,
        key=f"{Key.VIDEO_UPLOAD}_{st.session_state.setdefault(Key.VIDEO_UPLOAD, 0)}",
    )


def _ask_for_folder() -> list[Upload]:
    with st.container(horizontal=True, vertical_alignment="center", key=_FOLDER):
        style_dialog(_FOLDER, is_small=True, is_folder=True)
        found = ask_for_files(
            "A whole folder of videos",
            types=_FOLDER_TYPES,
            max_mb=MAX_VIDEO_MB,
            multiple="directory",
            key=f"{Key.VIDEO_UPLOAD}_folder_{st.session_state[Key.VIDEO_UPLOAD]}",
        )
        st.caption(PRIVACY, width="stretch")
    return found


def _take_uploads(found: Sequence[Upload]) -> None:
    """Take videos out of the file dialogs, which are empty again then."""
    if found:
        st.session_state[Key.VIDEO_UPLOAD] += 1
        errors = {}
        for upload in found:
            try:
                st.session_state.setdefault(Key.VIDEOS, []).append(check_upload(upload))
            except MediaError as error:
                forget_uploads([upload])
                errors[upload.name] = str(error)
        st.session_state[Key.VIDEO_ERRORS] = errors
        st.rerun()
    for name, problem in st.session_state.get(Key.VIDEO_ERRORS, {}).items():
        show_error(MediaError(problem), about=name)


def _render_waiting(uploads: list[UploadedVideo], options: list[str], workspace: Workspace) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        what = "the video" if len(uploads) == 1 else f"{len(uploads)} videos"
        if st.button(f"Analyze {what}", type="primary", icon=":material/play_arrow:"):
            with error_boundary():
                check_room(workspace, len(uploads))
                while uploads:
                    name = start_video(workspace, uploads[0].name, uploads[0].upload.path, options)
                    forget_uploads([uploads.pop(0).upload])
                    st.session_state[Key.VIDEO] = name
                st.rerun()
        st.button("Remove", icon=":material/close:", key="uploads_delete", on_click=_forget_uploads)
        for item in uploads:
            st.caption(f"{escape_markdown(item.name)} · {describe_video(item.info)}", width="content")
    st.caption(PRIVACY)


def _forget_uploads() -> None:
    uploads: list[UploadedVideo] = st.session_state.pop(Key.VIDEOS, [])
    forget_uploads([item.upload for item in uploads])


def _render_videos(
    videos: Sequence[VideoTask],
    options: list[str],
    workspace: Workspace,
    chips: "DeltaGenerator",
    buttons: "DeltaGenerator",
) -> None:
    """What is at work, why which failed, and the result of one of the others."""
    active = [video for video in videos if video.task.is_active]
    if active:
        is_one = len(videos) == 1
        watch_tasks(workspace, {video.task.name: "" if is_one else video.name for video in active})
    failed = [video for video in videos if not video.task.is_active and video.summary is None]
    for video in failed:
        # The folder of the upload would mean nothing to the user.
        reason = video.task.error.replace(f"{video.task.inputs}/", "") or "it was cancelled"
        show_error(FerError(reason), about=video.name)
    done = {video.task.name: video for video in videos if video not in active and video not in failed}
    if not done:
        with buttons:
            _render_buttons([*active, *failed], options, workspace)
        return
    with chips:
        shown = _choose(done)
    with buttons:
        _render_buttons([shown], options, workspace, failed)
    if (summary := shown.summary) is not None:
        render_result(shown, summary)


def _choose(done: Mapping[str, VideoTask]) -> VideoTask:
    if st.session_state.get(Key.VIDEO) not in done:
        st.session_state[Key.VIDEO] = list(done)[-1]
    st.pills(
        "Video",
        list(done),
        format_func=lambda name: escape_markdown(shorten_middle(done[name].name, CHIP_LENGTH)),
        key=Key.VIDEO,
        required=True,
        label_visibility="collapsed",
    )
    return done[st.session_state[Key.VIDEO]]


def _render_buttons(
    chosen: Sequence[VideoTask],
    options: list[str],
    workspace: Workspace,
    failed: Sequence[VideoTask] = (),
) -> None:
    """What can be done with the shown video; where none has a result, with all."""
    if not chosen:
        return
    if st.button(
        "Analyze again",
        icon=":material/refresh:",
        disabled=any(video.task.is_active for video in chosen),
        help="With the model, detector and drawing chosen above, in place of this result.",
    ):
        for video in chosen:
            start_video(workspace, video.name, video.source, options)
            forget_videos(workspace, [video])
        st.rerun()
    _render_delete("Delete", "video_delete", chosen, workspace)
    if failed:
        _render_delete("Delete those without a result", "video_delete_failed", failed, workspace)
    if len(chosen) == 1 and chosen[0].summary is not None:
        offer_keeping_video(chosen[0], workspace)


def _render_delete(label: str, key: str, videos: Sequence[VideoTask], workspace: Workspace) -> None:
    st.button(
        label,
        icon=":material/delete:",
        key=key,
        help="Deletes the video and its result from this machine.",
        on_click=_delete,
        args=(videos, workspace),
    )


def _delete(videos: Sequence[VideoTask], workspace: Workspace) -> None:
    with error_boundary():
        forget_videos(workspace, videos)


def describe_video(info: VideoInfo) -> str:
    """What is in a video file, as one line of Markdown."""
    fps = f"{info.fps:,.0f}" if info.fps >= 100 else f"{info.fps:.3g}"
    facts = [f"{info.width_px:,} × {info.height_px:,} px", f"{fps} fps", escape_markdown(info.codec)]
    if info.duration_s is not None:
        facts.insert(0, describe_duration(info.duration_s))
    if not info.has_audio:
        facts.append("no sound")
    return " · ".join(facts)
