"""The video part of the Analyze media page: from an upload to a background task and its result."""

from typing import Final

import streamlit as st

from app.analyze_media.state import Key
from app.analyze_media.video_results import render_result
from app.analyze_media.video_task import (
    KIND,
    MAX_MINUTES,
    MAX_VIDEO_MB,
    UploadedVideo,
    VideoTask,
    check_upload,
    find_video,
    forget_video,
    start_video,
)
from app.shared.background import render_task
from app.shared.messages import empty_state, error_boundary, show_error
from app.shared.run_format import describe_duration
from app.shared.uploads import ask_for_files, forget_uploads
from fer_core.checkpoint import CheckpointEntry
from fer_core.errors import FerError, MediaError
from fer_core.escaping import escape_markdown
from fer_core.inference.overlay import OverlayStyle
from fer_core.inference.video import VideoInfo
from fer_core.inference.video_reader import VIDEO_SUFFIXES
from fer_core.workspace import Workspace

VIDEO_TYPES: Final[tuple[str, ...]] = tuple(suffix.removeprefix(".") for suffix in VIDEO_SUFFIXES)
PRIVACY: Final[str] = (
    ":material/lock: What you upload is analyzed on this machine. Once you press *Analyze*, the video and "
    "its result are files in the workspace (`tasks/`), so that you find them again. They are deleted when "
    "you press *Delete* or upload another video, and a day after the work has ended."
)


def render_video_part(
    entry: CheckpointEntry,
    detector: str,
    prior: str,
    style: OverlayStyle,
    workspace: Workspace,
    *,
    is_open: bool,
) -> None:
    """Show the upload, and where it stands.

    Args:
        entry: the chosen model.
        detector: name of the chosen face detector.
        prior: how often each class is expected.
        style: what is drawn.
        workspace: where the video is kept and downloaded weights are.
        is_open: whether the user sees this part; what costs time is left out if not.
    """
    _take_upload(workspace)
    upload: UploadedVideo | None = st.session_state.get(Key.VIDEO)
    video = None if upload is not None else find_video(workspace)
    if upload is None and video is None:
        empty_state(
            "No video yet",
            "Upload one above. You get it back with the faces marked, a timeline of every apparent "
            "expression, and a table with one row per face and frame, also of frames without a face.",
            icon=":material/movie:",
        )
    elif is_open:
        options = [f"--model={entry.key}", f"--detector={detector}", f"--prior={prior}"]
        options += [f"--top-k={style.top_k}", f"--uncertain-below={style.uncertain_below}"]
        _render_buttons(upload, video, options, workspace)
        if video is not None:
            _render_video(video, workspace)


def _take_upload(workspace: Workspace) -> None:
    """Take a video out of the file dialog, which is empty again then; what it replaces is deleted."""
    number = st.session_state.setdefault(Key.VIDEO_UPLOAD, 0)
    found = ask_for_files(
        f"Video: up to {MAX_VIDEO_MB} MB and {MAX_MINUTES} minutes",
        types=VIDEO_TYPES,
        max_mb=MAX_VIDEO_MB,
        key=f"{Key.VIDEO_UPLOAD}_{number}",
    )
    st.caption(PRIVACY)
    if found:
        st.session_state[Key.VIDEO_UPLOAD] = number + 1
        st.session_state[Key.VIDEO_ERROR] = None
        try:
            checked = check_upload(found[0])
            forget_video(workspace)
            _forget_upload()
            st.session_state[Key.VIDEO] = checked
        except MediaError as error:
            forget_uploads(found)
            st.session_state[Key.VIDEO_ERROR] = str(error)
        st.rerun()
    if problem := st.session_state.get(Key.VIDEO_ERROR):
        show_error(MediaError(problem))


def _render_buttons(
    upload: UploadedVideo | None, video: VideoTask | None, options: list[str], workspace: Workspace
) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            "Analyze again" if video else "Analyze the video",
            type="secondary" if video else "primary",
            icon=":material/play_arrow:",
            disabled=video is not None and video.task.is_active,
            help="With the model, detector and drawing chosen above." if video else None,
        ):
            if upload is not None:
                start_video(workspace, upload.name, upload.upload.path, options)
                _forget_upload()
            elif video is not None:
                start_video(workspace, video.name, video.source, options)
            for key in (Key.VIDEO_FACE, Key.VIDEO_MOMENT, Key.VIDEO_SHARES):
                st.session_state.pop(key, None)
            st.rerun()
        st.button(
            "Delete",
            icon=":material/delete:",
            key="video_delete",
            help="Deletes the video and its result from this machine.",
            on_click=_delete,
            args=(workspace,),
        )
        name = upload.name if upload is not None else video.name if video is not None else ""
        facts = f" · {describe_video(upload.info)}" if upload is not None else ""
        st.caption(escape_markdown(name) + facts, width="content")


def _delete(workspace: Workspace) -> None:
    with error_boundary():
        _forget_upload()
        forget_video(workspace)


def _forget_upload() -> None:
    upload: UploadedVideo | None = st.session_state.pop(Key.VIDEO, None)
    if upload is not None:
        forget_uploads([upload.upload])


def _render_video(video: VideoTask, workspace: Workspace) -> None:
    summary = video.summary
    if summary is not None:
        render_result(video, summary)
        return
    task = render_task(workspace, KIND, {"visitor": video.task.facts["visitor"]}, shows_failure=False)
    if task is not None and task.error:  # the folder of the upload would mean nothing to the user
        show_error(FerError(task.error.replace(f"{task.inputs}/", "")), about=video.name)


def describe_video(info: VideoInfo) -> str:
    """What is in a video file, as one line of Markdown."""
    facts = [f"{info.width_px:,} × {info.height_px:,} px", f"{info.fps:.3g} fps", escape_markdown(info.codec)]
    if info.duration_s is not None:
        facts.insert(0, describe_duration(info.duration_s))
    if not info.has_audio:
        facts.append("no sound")
    return " · ".join(facts)
