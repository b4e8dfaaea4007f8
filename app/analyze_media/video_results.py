"""How the Analyze media page shows what was found in a video."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit as st

from app.analyze_media.state import Key
from app.analyze_media.table_downloads import render_table_downloads
from app.analyze_media.video_charts import TIMELINE_CONFIG, build_timeline_chart, chosen_moment
from app.analyze_media.video_task import VideoTask
from app.shared.charts import STATIC_CONFIG, build_probability_bars, describe_prediction
from app.shared.messages import empty_state, error_boundary
from fer_core.escaping import escape_markdown
from fer_core.inference.overlay import describe_turn
from fer_core.inference.timeline import class_columns, compute_presence, compute_shares, compute_timeline
from fer_core.inference.video import VideoSummary, read_frame
from fer_core.types import Prediction

if TYPE_CHECKING:
    import pandas as pd

_MAX_SHOWN_HEIGHT_PX: Final[int] = 560


def render_result(video: VideoTask, summary: VideoSummary) -> None:
    """Show the annotated video, its mean shares and timeline, and the downloads."""
    for note in summary.notes:
        st.warning(escape_markdown(note), icon=":material/info:")
    shown, facts = st.columns([3, 2], gap="large")
    with shown:
        _render_video(video, summary)
    rows = video.load_rows()
    with facts:
        _render_facts(summary, rows)
    if len(rows):
        _render_timeline(video, rows)


def _render_video(video: VideoTask, summary: VideoSummary) -> None:
    source = summary.source
    is_tall = source.height_px > source.width_px
    st.video(
        str(video.annotated),
        width=round(_MAX_SHOWN_HEIGHT_PX * source.width_px / source.height_px) if is_tall else "stretch",
        alt=f"{video.name} with its faces marked",
    )
    st.caption(describe_work(summary))
    stem = Path(video.name).stem
    with st.container(horizontal=True):
        _download("Annotated video (MP4)", video.annotated, f"{stem}-annotated.mp4", "video/mp4")
        render_table_downloads(
            video.load_table,
            f"{stem}-faces",
            what="One row per face and frame: time, box, label, and the probability of each class. Frames "
            "without a face have a row, too: num_faces is 0 there.",
        )


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
        f"{_count(summary.num_faces, 'face')} · {_count(summary.num_label_changes, 'label change')} · "
        f"analyzed in {summary.seconds:.1f} s ({pace:.0f} frames a second)"
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _render_facts(summary: VideoSummary, rows: "pd.DataFrame") -> None:
    if not summary.num_rows:
        empty_state(
            "No face was found in this video",
            "Try a video in which faces are larger and better lit, or another face detector.",
            icon=":material/face_retouching_off:",
        )
        return
    st.subheader("Mean shares", anchor=False)
    st.caption("Mean probability of each apparent expression over all frames with a face.")
    shares = compute_shares(rows)
    shown = shares.loc[["all"]] if len(shares) == 2 else shares  # with one face, both lines are the same
    names = {"all": "All faces" if len(shares) > 2 else "Face 1"}
    kinds = ["all", *[face for face in shown.index if face != "all"]]
    choice = (
        st.selectbox(
            "Of", kinds, format_func=lambda face: names.get(face, f"Face {face}"), key=Key.VIDEO_SHARES
        )
        if len(kinds) > 1
        else "all"
    )
    mean = Prediction.from_array(list(shares.columns), shares.loc[choice])
    st.plotly_chart(
        build_probability_bars(mean), config=STATIC_CONFIG, key="video-shares", alt=describe_prediction(mean)
    )


@st.fragment
def _render_timeline(video: VideoTask, rows: "pd.DataFrame") -> None:
    """The chosen face over time, and the frame at the moment that was picked. Reruns by itself."""
    with error_boundary():
        st.subheader("Over time", anchor=False)
        presence = compute_presence(rows).sort_values("num_frames", ascending=False)

        def describe(face: int) -> str:
            facts = presence.loc[face]
            return f"#{face} · mostly {facts['label']} · {facts['first_s']:.1f} to {facts['last_s']:.1f} s"

        face = st.selectbox("Face", list(presence.index), format_func=describe, key=Key.VIDEO_FACE)
        of_face = rows[rows["track_id"] == face].sort_values("frame", ignore_index=True)
        moment_s = _choose_moment(of_face)
        nearest = of_face.iloc[(of_face["time_s"] - moment_s).abs().argmin()]
        _render_moment(video, nearest, class_columns(rows))


def _choose_moment(of_face: "pd.DataFrame") -> float:
    """A moment in seconds: picked in the chart, or with the slider below it."""
    first_s, last_s = float(of_face["time_s"].min()), float(of_face["time_s"].max())
    moment_s = st.session_state.get(Key.VIDEO_MOMENT)
    if moment_s is None or not first_s <= moment_s <= last_s:  # or it was chosen on another face
        moment_s = _most_telling_moment(of_face)

    def pick() -> None:
        picked_s = chosen_moment(st.session_state.get(Key.VIDEO_TIMELINE))
        if picked_s is not None:
            st.session_state[Key.VIDEO_MOMENT] = picked_s

    classes = class_columns(of_face)
    st.plotly_chart(
        build_timeline_chart(compute_timeline(of_face), classes, moment_s=moment_s),
        config=TIMELINE_CONFIG,
        key=Key.VIDEO_TIMELINE,
        on_select=pick,
        selection_mode="points",
        alt=f"Probability of {', '.join(classes)} over time",
    )
    if last_s <= first_s:
        return first_s
    st.session_state[Key.VIDEO_MOMENT] = moment_s
    chosen: float = st.slider(
        "Moment: click a point in the chart, or move this",
        first_s,
        last_s,
        step=0.01,
        format="%.2f s",
        key=Key.VIDEO_MOMENT,
    )
    return chosen


def _most_telling_moment(of_face: "pd.DataFrame") -> float:
    """Where the model is surest, which is a better first picture than the first frame."""
    return float(of_face["time_s"].iloc[int(of_face["confidence"].argmax())])


def _render_moment(video: VideoTask, row: "pd.Series", classes: list[str]) -> None:
    prediction = Prediction.from_array(classes, [row[name] for name in classes])
    time_s, turn = float(row["time_s"]), describe_turn(float(row["roll"]))
    shown, bars = st.columns([3, 2], gap="large", vertical_alignment="center")
    with shown:
        st.image(
            _frame_jpeg(video.annotated, time_s),
            width="stretch",
            caption=f"{time_s:.2f} s, frame {int(row['frame']) + 1}",
            alt=f"The frame at {time_s:.2f} seconds with its faces marked",
        )
    with bars:
        title = f"#{int(row['track_id'])} {escape_markdown(prediction.label)}"
        st.markdown(f"**{title}** · {100 * prediction.confidence:.0f} %{turn and f' · {turn}'}")
        st.plotly_chart(
            build_probability_bars(prediction),
            config=STATIC_CONFIG,
            key="video-moment-bars",
            alt=describe_prediction(prediction),
        )


def _frame_jpeg(path: Path, time_s: float) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(read_frame(path, time_s)).save(buffer, format="JPEG", quality=90)
    return buffer.getvalue()
