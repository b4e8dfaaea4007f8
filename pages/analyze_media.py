"""Analyze media: find the faces on pictures and in videos, and read their apparent expressions."""

import streamlit as st

from app.analyze_media.picture_results import render_results
from app.analyze_media.pictures import MAX_PICTURE_MB, MAX_PICTURES, Picture, analyze_pictures
from app.analyze_media.state import Key
from app.analyze_media.video_view import render_video_part
from app.shared.messages import RESPONSIBLE_USE, empty_state
from app.shared.model_picker import choose_detector, choose_model
from app.shared.overlay_options import choose_prior, choose_style
from app.shared.page_header import page_header
from fer_core.checkpoint import CheckpointEntry
from fer_core.images import IMAGE_SUFFIXES
from fer_core.inference.overlay import OverlayStyle
from fer_core.inference.sample import SAMPLE_CREDIT, sample_path
from fer_core.workspace import Workspace

PRIVACY = (
    ":material/lock: What you upload is analyzed on this machine, in memory. Nothing is stored or sent on."
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
        pictures, video = st.tabs(
            [":material/image: Pictures", ":material/movie: Video"], key=Key.MEDIA_TAB, on_change="rerun"
        )
        with pictures:
            _render_pictures(entry, detector_name, prior, style, workspace, is_open=bool(pictures.open))
        with video:
            render_video_part(entry, detector_name, prior, style, workspace, is_open=bool(video.open))
    st.caption(RESPONSIBLE_USE)


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
    uploads = st.file_uploader(
        f"Pictures: up to {MAX_PICTURES}, {MAX_PICTURE_MB} MB each",
        type=[suffix.lstrip(".") for suffix in IMAGE_SUFFIXES],
        accept_multiple_files=True,
        max_upload_size=MAX_PICTURE_MB,
        key=Key.PICTURES,
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.toggle("Show the sample picture", key=Key.SAMPLE, help=SAMPLE_CREDIT)
        st.caption(PRIVACY, width="content")
    pictures = [Picture(item.name, item.getvalue()) for item in uploads[:MAX_PICTURES]]
    if len(uploads) > MAX_PICTURES:
        st.warning(f"{len(uploads)} pictures were uploaded; the first {MAX_PICTURES} are analyzed.")
    if st.session_state[Key.SAMPLE]:
        pictures.append(Picture("sample.png", sample_path().read_bytes()))
    if not pictures:
        empty_state("Nothing to analyze yet", "Upload pictures above, or switch the sample picture on.")
    return pictures


if __name__ == "__main__":
    main()
