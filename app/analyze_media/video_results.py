"""How the Analyze media page shows what was found in a video."""

from pathlib import Path
from typing import Final

import streamlit as st

from app.analyze_media.table_downloads import render_table_downloads
from app.analyze_media.video_task import VideoTask
from app.shared.components.video_player import render_video_player
from app.shared.messages import empty_state
from fer_core.escaping import escape_markdown
from fer_core.inference.video_summary import VideoSummary
from fer_core.types import VoiceSummary
from fer_core.words import count

_NUM_NAMED: Final[int] = 3
"""Expressions in the headline."""


def render_result(video: VideoTask, summary: VideoSummary) -> None:
    """Show the answer, the player with its timeline, and the downloads."""
    for note in summary.notes:
        st.warning(escape_markdown(note), icon=":material/info:")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if summary.num_rows:
            answer = f"#### {describe_answer(summary)}"
            st.markdown(answer, help="Mean probability over all frames with a face.", width="stretch")
        if summary.voice is not None:
            st.markdown(describe_voice(summary.voice), width="stretch")
        _render_downloads(video)
    if not summary.num_rows:
        empty_state(
            "No face was found in this video",
            "Try a video in which faces are larger and better lit, or another face detector.",
            icon=":material/face_retouching_off:",
        )
    render_video_player(video.annotated, video.load_table(), summary.source, name=video.name)
    st.caption(describe_work(summary))


def describe_answer(summary: VideoSummary) -> str:
    """How many faces, and what they express most, as one line of Markdown."""
    shares = sorted(summary.mean_shares.items(), key=lambda item: -item[1])
    parts = [f"{escape_markdown(name)} {100 * share:.0f} %" for name, share in shares[:_NUM_NAMED]]
    return f"{count(summary.num_faces, 'face')}: mostly {', '.join(parts)}"


def describe_voice(voice: VoiceSummary) -> str:
    """How much speech, and what it appears to express most, as one line of Markdown."""
    if not voice.speech_s:
        return ":material/graphic_eq: nobody speaks"
    shares = sorted(voice.mean_shares.items(), key=lambda item: -item[1])[:_NUM_NAMED]
    parts = [f"{escape_markdown(name)} {100 * share:.0f} %" for name, share in shares]
    what = f"mostly {', '.join(parts)}" if parts else "too short to say more"
    known = f"the face that speaks is known in {count(voice.num_fused_frames, 'frame')}"
    return f":material/graphic_eq: {voice.speech_s:.0f} s of speech: {what}; {known}"


def _render_downloads(video: VideoTask) -> None:
    stem = Path(video.name).stem
    render_table_downloads(
        video.load_table,
        f"{stem}-faces",
        what="One row per face and frame: time, box, label, and the probability of each class. Frames "
        "without a face have a row, too: num_faces is 0 there.",
    )
    _download("Video (MP4)", video.annotated, f"{stem}-annotated.mp4", "video/mp4")


def _download(label: str, path: Path, file_name: str, mime: str) -> None:
    st.download_button(
        label,
        path.read_bytes,
        file_name=file_name,
        mime=mime,
        on_click="ignore",
        icon=":material/download:",
    )


def describe_work(summary: VideoSummary) -> str:
    """What was done and how fast, as one line."""
    size = f"{summary.source.width_px:,} × {summary.source.height_px:,} px"
    pace = summary.num_frames / max(summary.seconds, 1e-9)
    return (
        f"{summary.num_frames:,} frames of {size}, {summary.num_empty_frames:,} of them without a face · "
        f"{count(summary.num_faces, 'face')} · {count(summary.num_label_changes, 'label change')} · "
        f"analyzed in {summary.seconds:.1f} s ({pace:.0f} frames a second)"
    )
