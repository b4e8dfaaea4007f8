"""Tables of faces with the column names of OpenFace 2 and of Py-Feat, so that scripts for those read them.

They hold what was measured and nothing else: no landmarks, gaze or action units. Classes are probabilities of
apparent expressions. Sources: OpenFace's wiki, "Output Format"; Py-Feat 2.1, `feat.utils` (column names) and
`read_feat`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from fer_core.errors import DataError
from fer_core.results import FACE_COLUMNS, OF_VOICE
from fer_core.studies.formats.tables import require_numbers

if TYPE_CHECKING:
    import pandas as pd

_RADIANS: Final[float] = math.pi / 180


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceLayout:
    """How another program names what the tables of faces hold."""

    title: str
    columns: Mapping[str, str]
    """Column of ours to column of theirs, in their order."""
    scales: Mapping[str, float] = field(default_factory=dict)
    """Theirs is ours times that, by column of ours."""
    first_frame: int = 0
    """Number of the first frame."""
    class_prefix: str = ""
    """Before the name of a class."""
    classes: tuple[str, ...] = ()
    """Columns that its readers want, whether or not the model knows the class."""
    empty: tuple[str, ...] = ()
    """Columns that its readers want, of what is not measured here."""


LAYOUTS: Final[dict[str, FaceLayout]] = {
    "openface": FaceLayout(
        title="OpenFace 2",
        columns={
            **{"frame": "frame", "track_id": "face_id", "time_s": "timestamp", "score": "confidence"},
            **{"success": "success", "pitch": "pose_Rx", "yaw": "pose_Ry", "roll": "pose_Rz"},
            **{"x": "face_x", "y": "face_y", "width": "face_width", "height": "face_height"},
        },
        scales=dict.fromkeys(("pitch", "yaw", "roll"), _RADIANS),
        first_frame=1,
        class_prefix="expression_",
    ),
    "fex": FaceLayout(
        title="Py-Feat",
        columns={
            **{"x": "FaceRectX", "y": "FaceRectY", "width": "FaceRectWidth", "height": "FaceRectHeight"},
            **{"score": "FaceScore", "pitch": "Pitch", "roll": "Roll", "yaw": "Yaw"},
            **{"recording": "input", "frame": "frame", "time_s": "time_s", "track_id": "face"},
        },
        classes=("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"),
        empty=("X", "Y", "Z"),
    ),
}


def list_classes(faces: "pd.DataFrame") -> list[str]:
    """The classes of a table of faces: its columns of numbers that are not of a face, in their order."""
    import pandas as pd

    known = {*FACE_COLUMNS, "recording", "person", "participant", "condition"}
    return [
        str(name)
        for name in faces.columns
        if name not in known
        and not str(name).startswith(OF_VOICE)
        and pd.api.types.is_numeric_dtype(faces[name])
        and faces[name].dtype != bool
    ]


def to_layout(faces: "pd.DataFrame", name: str) -> "pd.DataFrame":
    """A table of faces of videos with the columns of a layout: a row per face and frame.

    A frame without a face has a row: with confidence and success 0 for OpenFace, empty for Py-Feat.

    Raises:
        DataError: it is no table of faces of a video.
    """
    import pandas as pd

    layout = LAYOUTS[name]
    if missing := [column for column in ("frame", "time_s", "num_faces", "track_id") if column not in faces]:
        raise DataError(
            f"the table has no column {missing[0]}; {layout.title} takes tables of `fer annotate`"
        )
    found = faces["track_id"].notna()
    ours = faces.assign(success=found.astype(int), frame=faces["frame"] + layout.first_frame)
    if name == "openface":
        ours = ours.assign(score=ours["score"].fillna(0.0), track_id=ours["track_id"].fillna(0).astype(int))
    table: dict[str, Any] = {
        theirs: ours[column] * layout.scales[column] if column in layout.scales else ours[column]
        for column, theirs in layout.columns.items()
        if column in ours
    }
    table |= dict.fromkeys(layout.empty, math.nan)
    classes = list_classes(faces)
    for label in dict.fromkeys((*layout.classes, *classes)):
        table[f"{layout.class_prefix}{label}"] = faces.get(label, math.nan)
    return pd.DataFrame(table)


def from_layout(table: "pd.DataFrame") -> "pd.DataFrame | None":
    """A table in OpenFace's or Py-Feat's columns as a table of faces; None where it is in neither.

    Numbers that were not in the table are missing in the result; of the label and its confidence the
    probabilities say. Faces that are not numbered are told apart by their order in the frame.
    """
    table = table.rename(columns=lambda name: str(name).strip())  # OpenFace writes a space after each comma
    for name, mark in (("openface", "pose_Rx"), ("fex", "FaceRectX")):
        if mark in table.columns:
            return _from_layout(table, name)
    return None


def _from_layout(table: "pd.DataFrame", name: str) -> "pd.DataFrame":
    import numpy as np

    layout = LAYOUTS[name]
    if missing := [theirs for theirs in (layout.columns["frame"],) if theirs not in table]:
        raise DataError(f"the table of {layout.title} has no column {missing[0]}")
    known = {theirs: ours for ours, theirs in layout.columns.items() if theirs in table}
    prefix = layout.class_prefix
    classes = {
        column: column.removeprefix(prefix)
        for column in table.columns
        if (prefix and column.startswith(prefix))
        or (column in layout.classes and table[column].notna().any())
    }
    numeric = [theirs for theirs, ours in known.items() if ours != "recording"]
    require_numbers(table, [*numeric, *classes], layout.title)
    faces = table[[*known, *classes]].rename(columns={**known, **classes})
    for column in layout.scales.keys() & set(faces.columns):
        faces[column] = faces[column] / layout.scales[column]
    found = faces["success"].astype(bool) if "success" in faces else faces["width"].notna()
    faces["frame"] = faces["frame"] - layout.first_frame
    if "track_id" not in faces:
        faces["track_id"] = faces.groupby("frame").cumcount()
    faces["num_faces"] = found.groupby(faces["frame"]).transform("sum")
    empty = [
        column for column in faces.columns if column not in ("frame", "time_s", "num_faces", "recording")
    ]
    faces[empty] = faces[empty].astype(float).where(found, axis=0)
    names = list(classes.values())
    if names:
        values = faces[names].fillna(-1).to_numpy()
        label = np.array(names, dtype=object)[values.argmax(axis=1)]
        faces["label"] = [name if there else None for name, there in zip(label, found, strict=True)]
        faces["confidence"] = faces[names].max(axis=1)
    fixed = [column for column in ("recording", *FACE_COLUMNS) if column in faces]
    return faces[[*fixed, *names]]
