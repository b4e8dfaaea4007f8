"""The video part of the Analyze media page: from an upload to a job, its progress, and its result."""

from typing import Final

import streamlit as st

from app.analyze_media.state import Key
from app.analyze_media.video_job import MAX_MINUTES, MAX_VIDEO_MB, JobStatus, UploadedVideo, VideoJob
from app.analyze_media.video_results import render_result
from app.shared.messages import empty_state, error_boundary, escape_markdown, show_error
from app.shared.session_cache import load_shared_predictor
from app.shared.session_end import at_session_end
from fer_core.checkpoint import CheckpointEntry
from fer_core.errors import FerError, MediaError
from fer_core.inference.overlay import OverlayStyle
from fer_core.inference.stream import FaceStream
from fer_core.inference.video import FILE_TEMPORAL, Progress, VideoInfo
from fer_core.workspace import Workspace

VIDEO_TYPES: Final[tuple[str, ...]] = ("mp4", "mov", "m4v", "webm", "avi", "mkv")
PRIVACY: Final[str] = (
    ":material/lock: What you upload is analyzed on this machine. The video and its result are temporary "
    "files; they go when you upload another, remove it, or close the page."
)
_REFRESH_S: Final[float] = 0.5


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
        workspace: where downloaded weights are.
        is_open: whether the user sees this part; what costs time is left out if not.
    """
    video = _choose_video()
    job: VideoJob | None = st.session_state.get(Key.VIDEO_JOB)
    for item in (video, job):
        if item is not None:
            at_session_end(str(item.folder), item.close)
    if video is None or not is_open:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            "Analyze again" if job else "Analyze the video",
            type="secondary" if job else "primary",
            icon=":material/play_arrow:",
            disabled=job is not None and job.status.is_running,
            help="With the model, detector and drawing chosen above." if job else None,
        ):
            _start_job(video, entry, detector, prior, style, workspace)
            st.rerun()
        st.caption(describe_video(video.info), width="content")
    if job is not None:
        _render_job(job)


def _choose_video() -> UploadedVideo | None:
    """The uploaded video as a checked file; None, with a message, if there is none or it is not usable."""
    upload = st.file_uploader(
        f"Video: up to {MAX_VIDEO_MB} MB and {MAX_MINUTES} minutes",
        type=list(VIDEO_TYPES),
        max_upload_size=MAX_VIDEO_MB,
        key=Key.VIDEO_UPLOAD,
    )
    st.caption(PRIVACY)
    if upload is None:
        _forget_video()
        empty_state(
            "No video yet",
            "Upload one above. You get it back with the faces marked, a timeline of every apparent "
            "expression, and a table with one row per face and frame.",
            icon=":material/movie:",
        )
        return None
    known: tuple[str, UploadedVideo] | None = st.session_state.get(Key.VIDEO)
    if known is not None and known[0] == upload.file_id:
        return known[1]
    _forget_video()
    try:
        video = UploadedVideo(upload.name, upload.getvalue())
    except MediaError as error:
        show_error(error)
        return None
    st.session_state[Key.VIDEO] = (upload.file_id, video)
    return video


def _forget_video() -> None:
    """Delete the files of the last video and end its job."""
    _forget_job()
    known: tuple[str, UploadedVideo] | None = st.session_state.pop(Key.VIDEO, None)
    if known is not None:
        known[1].close()


def _forget_job() -> None:
    job: VideoJob | None = st.session_state.pop(Key.VIDEO_JOB, None)
    if job is not None:
        job.close()
    for key in (Key.VIDEO_FACE, Key.VIDEO_MOMENT, Key.VIDEO_SHARES):
        st.session_state.pop(key, None)


def _start_job(
    video: UploadedVideo,
    entry: CheckpointEntry,
    detector: str,
    prior: str,
    style: OverlayStyle,
    workspace: Workspace,
) -> None:
    """Replace the session's job by a new one.

    Raises:
        CheckpointError: the model is damaged.
    """
    from fer_core.inference import pipeline
    from fer_core.inference.threads import limit_threads

    _forget_job()
    limit_threads()  # before the job's thread starts, which takes the number over
    predictor = load_shared_predictor(entry, prior)  # here: the cache belongs to the page's thread

    def build() -> FaceStream:
        return pipeline.build_stream(detector, predictor, workspace, FILE_TEMPORAL)

    st.session_state[Key.VIDEO_JOB] = VideoJob(video, build, style=style)


def _render_job(job: VideoJob) -> None:
    status = job.status
    if status.is_running:
        _render_progress(job)
    elif status.summary is not None:
        render_result(job, status.summary)
    else:
        show_error(FerError(status.error), about=job.video.path.name)


@st.fragment(run_every=_REFRESH_S)
def _render_progress(job: VideoJob) -> None:
    """Progress and a way to stop; reruns by itself, and the page once the job has ended."""
    with error_boundary():
        status = job.status
        if not status.is_running:
            st.rerun()
        fraction = status.progress.fraction if status.progress else 0.0
        st.progress(0.0 if fraction is None else fraction, describe_progress(status, job.is_cancelled))
        st.button(
            "Cancel",
            icon=":material/stop_circle:",
            disabled=job.is_cancelled,
            on_click=job.cancel,
            help="Ends early; what is done up to there is kept.",
        )


def describe_progress(status: JobStatus, is_cancelled: bool) -> str:
    """How far the job is, how fast, and how long it will take."""
    if is_cancelled:
        return "Stopping: what is done so far is being finished…"
    progress: Progress | None = status.progress
    if progress is None:
        return "Reading the first frames…"
    total = f" of {progress.num_total:,}" if progress.num_total else ""
    left = "" if progress.remaining_s is None else f" · {_duration(progress.remaining_s)} left"
    return f"{progress.num_done:,}{total} frames · {progress.fps:.0f} fps{left}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def describe_video(info: VideoInfo) -> str:
    """What is in a video file, as one line of Markdown."""
    facts = [f"{info.width_px:,} × {info.height_px:,} px", f"{info.fps:.3g} fps", escape_markdown(info.codec)]
    if info.duration_s is not None:
        facts.insert(0, _duration(info.duration_s) if info.duration_s >= 1 else f"{info.duration_s:.1f} s")
    if not info.has_audio:
        facts.append("no sound")
    return " · ".join(facts)
