"""The faces of a recording as a person can tell who they are: a picture of each, and how long it is seen."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fer_core.errors import MediaError, StudyError
from fer_core.studies.faces import load_faces
from fer_core.studies.persons import Face, divide, list_parts
from fer_core.studies.state import read_summary
from fer_core.studies.study import Study
from fer_core.studies.tables import list_rows

if TYPE_CHECKING:
    import pandas as pd

    from fer_core.inference.video_types import FrameReader

MAX_TRACKS: Final[int] = 40
"""Faces that are shown, the longest seen ones: what is seen for a moment is rarely worth a name."""
_THUMBNAIL_PX: Final[int] = 96
_COLUMNS: Final[tuple[str, ...]] = (
    *("time_s", "track_id", "x", "y", "width", "height", "roll", "expected_correctness"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenFace:
    """A face of a recording, as a person can tell who it is."""

    track_id: int
    from_s: float
    """0, but for the later part of a face that is two persons."""
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
    rows = load_faces(study, recording, [*_COLUMNS, *classes]).dropna(subset=["track_id"])
    parts = list_parts(study, recording)
    sizes = rows["track_id"].astype(int).value_counts()
    longest = sorted(sizes.index, key=lambda track: (-sizes[track], track))[:MAX_TRACKS]
    pieces = [
        (Face(recording, track, start_s), person, piece)
        for track in longest
        for start_s, person, piece in divide(rows[rows["track_id"] == track], parts.get(track, ()))
    ]
    pictures = _take_pictures(study, path, {face: _choose_best(piece) for face, _, piece in pieces})
    return [
        SeenFace(
            track_id=face.track_id,
            from_s=face.from_s,
            seconds=len(piece) / summary.fps if summary.fps else 0.0,
            label=str(piece[classes].mean().idxmax()),
            person=person,
            thumbnail_jpeg=pictures.get(face, b""),
        )
        for face, person, piece in pieces
    ]


def list_pictures(study: Study, faces: Sequence[Face]) -> dict[Face, bytes]:
    """A picture of each of some faces, as JPEG; those whose recording can be opened.

    Args:
        study: of which.
        faces: of one that is named twice, the first picture is from before the second part.

    Raises:
        StudyError: a result can't be read.
    """
    paths = {row["recording"]: row["path"] for row in list_rows(study.load_recordings())}
    found: dict[Face, bytes] = {}
    for recording in dict.fromkeys(face.recording for face in faces):
        rows = load_faces(study, recording, _COLUMNS).dropna(subset=["track_id"])
        parts = list_parts(study, recording)
        best = {}
        for track in {face.track_id for face in faces if face.recording == recording}:
            asked = {face.from_s for face in faces if face[:2] == (recording, track)}
            starts = sorted(asked | {start_s for start_s, _ in parts.get(track, ())})
            seen = rows[rows["track_id"] == track]
            for start_s, _, piece in divide(seen, [(item, "") for item in starts]):
                best[Face(recording, track, start_s)] = _choose_best(piece)
        found |= _take_pictures(study, paths[recording], best)
    return found


def _choose_best(rows: "pd.DataFrame") -> "pd.Series[Any]":
    """Where a face is read best."""
    return rows.sort_values(["expected_correctness", "height"]).iloc[-1]


def _take_pictures(study: Study, path: str, faces: "Mapping[Face, pd.Series[Any]]") -> dict[Face, bytes]:
    """A small picture of each face, from the recording, which is opened once; none if it is gone."""
    from fer_core.inference.video_reader import open_video

    found = {}
    try:
        with open_video(study.locate(path)) as reader:
            for key, face in sorted(faces.items(), key=lambda item: item[1]["time_s"]):
                found[key] = _take_picture(reader, face)
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
