"""A video and the faces found in it: the picture, the timeline below it, the faces beside it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import streamlit as st
from streamlit import runtime

from app.shared.components.sources import read_sources
from fer_core.inference.timeline import (
    class_columns,
    compute_frames,
    compute_presence,
    compute_shares,
    rows_with_faces,
    voice_columns,
)
from fer_core.inference.video_types import VideoInfo
from fer_core.palette import emotion_color
from fer_core.results import OF_VOICE

if TYPE_CHECKING:
    import pandas as pd

PROBABILITY_STEPS: Final[int] = 10_000
"""Probabilities travel as whole numbers of hundredths of a per cent."""


_FOLDER: Final[Path] = Path(__file__).parent
_mount = st.components.v2.component(
    "fer-video-player",
    html=read_sources(_FOLDER, "video_player.html"),
    css=read_sources(_FOLDER, "video_player.css"),
    js=read_sources(
        _FOLDER,
        "video_player_results.js",
        "video_player_timeline.js",
        "video_player_faces.js",
        "video_player_codes.js",
        "video_player.js",
    ),
)


def render_video_player(
    video: Path,
    table: "pd.DataFrame",
    info: VideoInfo,
    *,
    name: str,
    key: str = "video_player",
    codes: Sequence[str] = (),
    events: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any] | None:
    """Show a video with the faces of its table.

    Args:
        video: MP4 that browsers play.
        table: its faces, frames without one included, as `fer annotate` writes it.
        info: of the source, to which the boxes belong.
        name: of the video.
        key: one a player.
        codes: what can be marked by the keys 1 to 9, or by buttons.
        events: that are shown below the timeline: `code`, `start_s`, `end_s` (None for a point), `coder`.

    Returns:
        What was marked just now: `code`, `start_s`, `end_s` (None for a point), `id`; None if nothing was.
    """
    source = runtime.get_instance().media_file_mgr.add(str(video), "video/mp4", f"{key}: {video}")
    version = f"{source} {video.stat().st_mtime_ns} {list(codes)}"
    facts = {
        "version": version,
        "name": name,
        "size": (info.width_px, info.height_px),
        "has_sound": info.has_audio,
        "codes": list(codes),
        "events": [dict(event) for event in events],
    }
    data = {"source": source, **facts, **build_player_data(table)}
    found = _mount(key=key, data=data, on_marked_change=lambda: None)
    marked: dict[str, Any] | None = found.marked
    return marked


def build_player_data(table: "pd.DataFrame") -> dict[str, Any]:
    """What the browser needs of a table: columns of small numbers, which travel as Arrow.

    Args:
        table: with a row per face and frame, and one per frame without a face.

    Returns:
        `classes` (name and colour), `tracks` (the longest seen first: id, label, mean shares), `frames`
        (`time_s`, `is_cut`) and `faces` (`frame` and `track` by place in these, box in pixels, `p0` ... in
        `PROBABILITY_STEPS`), ordered by frame. If somebody listened, `voices` (name and colour of each vocal
        class), in `frames` `speech` and `v0` ... and in `faces` `speaks`; else `voices` is None.
    """
    import pandas as pd

    rows, frames, classes = rows_with_faces(table), compute_frames(table), class_columns(table)
    presence = compute_presence(rows).sort_values("num_frames", ascending=False, kind="stable")
    shares = compute_shares(rows).loc[presence.index].to_numpy(float)
    places = np.searchsorted(frames["frame"], rows["frame"])
    faces: dict[str, npt.NDArray[np.integer[Any]]] = {
        "frame": places.astype(np.uint32),
        "track": presence.index.get_indexer(pd.Index(rows["track_id"])).astype(np.uint32),
    }
    for side in ("x", "y", "width", "height"):
        faces[side] = rows[side].to_numpy(float).round().astype(np.int16)
    for number, column in enumerate(classes):
        faces[f"p{number}"] = (rows[column].to_numpy(float) * PROBABILITY_STEPS).round().astype(np.uint16)
    voices, heard = _build_voices(table)
    if voices is not None:
        faces["speaks"] = rows["speaks"].fillna(False).to_numpy(np.uint8)
    return {
        "voices": voices,
        "classes": [{"name": column, "color": emotion_color(column)} for column in classes],
        "tracks": [
            {"id": int(track), "label": label, "mean": mean.tolist()}
            for track, label, mean in zip(presence.index, presence["label"], shares, strict=True)
        ],
        "frames": frames.astype({"time_s": float, "is_cut": np.uint8})[["time_s", "is_cut"]].assign(**heard),
        "faces": pd.DataFrame(faces).sort_values("frame", kind="stable", ignore_index=True),
    }


def _build_voices(
    table: "pd.DataFrame",
) -> "tuple[list[dict[str, str]] | None, dict[str, npt.NDArray[np.uint16]]]":
    """Name and colour of each vocal class, and the columns of what is heard in each frame."""
    if "speech" not in table:
        return None, {}
    frames = table.drop_duplicates("frame").sort_values("frame")
    columns = voice_columns(table)
    shares = frames[columns].fillna(0).to_numpy(float) * PROBABILITY_STEPS
    heard = {f"v{number}": values for number, values in enumerate(shares.round().astype(np.uint16).T)}
    names = [column.removeprefix(OF_VOICE[0]) for column in columns]
    voices = [{"name": name, "color": emotion_color(name)} for name in names]
    return voices, {"speech": frames["speech"].fillna(False).to_numpy(np.uint16), **heard}
