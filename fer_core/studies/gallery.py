"""The faces of a recording as a person can tell who they are: a picture of each, and how long it is seen."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fer_core.errors import MediaError, StudyError
from fer_core.studies.faces import load_faces
from fer_core.studies.persons import list_persons
from fer_core.studies.state import read_summary
from fer_core.studies.study import Study

if TYPE_CHECKING:
    import pandas as pd

    from fer_core.inference.video_types import FrameReader

MAX_TRACKS: Final[int] = 40
"""Faces that are shown, the longest seen ones: what is seen for a moment is rarely worth a name."""
_THUMBNAIL_PX: Final[int] = 96


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenFace:
    """A face of a recording, as a person can tell who it is."""

    track_id: int
    seconds: float
    """How long it is in the picture."""
    label: str
    """The class of the highest mean probability."""
    person: str
    """Its name; empty if it has none."""
    thumbnail_jpeg: bytes
    """Where it is read best; empty if the recording can't be opened any more."""


def list_faces(study: Study, recording: str, path: str) -> list[SeenFace]:
    """The faces of a recording with a picture of each, the longest seen first, at most `MAX_TRACKS`.

    Args:
        study: of which.
        recording: of which.
        path: of the recording, as in the table of recordings.

    Raises:
        StudyError: there is no result, or it can't be read.
    """
    summary = read_summary(study, recording)
    if summary is None:
        raise StudyError(f"{recording} has no result; run the study first")
    classes = list(summary.classes)
    columns = ["time_s", "track_id", "x", "y", "width", "height", "roll", "expected_correctness"]
    rows = load_faces(study, recording, [*columns, *classes]).dropna(subset=["track_id"])
    names = list_persons(study, recording)
    tracks = rows["track_id"].astype(int)
    counts: dict[int, int] = tracks.value_counts().to_dict()  # type: ignore[assignment]
    longest = sorted(counts, key=lambda track: (-counts[track], track))[:MAX_TRACKS]
    groups = {track: rows[tracks == track] for track in longest}
    best = {
        track: groups[track].sort_values(["expected_correctness", "height"]).iloc[-1] for track in longest
    }
    pictures = _take_pictures(study, path, best)
    return [
        SeenFace(
            track_id=track,
            seconds=counts[track] / summary.fps if summary.fps else 0.0,
            label=str(groups[track][classes].mean().idxmax()),
            person=names.get(track, ""),
            thumbnail_jpeg=pictures.get(track, b""),
        )
        for track in longest
    ]


def _take_pictures(study: Study, path: str, faces: "Mapping[int, pd.Series[Any]]") -> dict[int, bytes]:
    """A small picture of each face, from the recording, which is opened once; none if it is gone."""
    from fer_core.inference.video_reader import open_video

    found = {}
    try:
        with open_video(study.locate(path)) as reader:
            for track, face in sorted(faces.items(), key=lambda item: item[1]["time_s"]):
                found[track] = _take_picture(reader, face)
    except MediaError:
        return found
    return found


def _take_picture(reader: "FrameReader", face: "pd.Series[Any]") -> bytes:
    from PIL import Image

    from fer_core.framing import Square, extract_square

    image_rgb = reader.seek(float(face["time_s"])).image_rgb
    center = float(face["x"] + face["width"] / 2), float(face["y"] + face["height"] / 2)
    side = 1.4 * float(max(face["width"], face["height"]))
    square = Square.around(*center, side, float(face["roll"] or 0.0))
    crop = extract_square(image_rgb, square, width=_THUMBNAIL_PX, height=_THUMBNAIL_PX)
    buffer = io.BytesIO()
    Image.fromarray(crop).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
