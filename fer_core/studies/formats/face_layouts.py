"""Tables of faces with the column names of OpenFace 2 and of Py-Feat, so that scripts for those read them.

They hold what was measured and nothing else: no landmarks, gaze or action units. Classes are probabilities of
apparent expressions. Sources: OpenFace's wiki, "Output Format"; Py-Feat 2.1, `feat.utils` (column names) and
`read_feat`.
"""

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from fer_core.errors import DataError
from fer_core.labels import EXPRESSIONS
from fer_core.results import FACE_COLUMNS, OF_VOICE
from fer_core.studies.formats.tables import require_numbers
from fer_core.words import count

if TYPE_CHECKING:
    import pandas as pd

_RADIANS: Final[float] = math.pi / 180
_SUM_TOLERANCE: Final[float] = 0.02
"""By which the probabilities of a face may miss 1: they may be rounded."""
_UNREAD: Final[dict[str, re.Pattern[str]]] = {
    kind: re.compile(pattern)
    for kind, pattern in {
        "gaze": r"gaze_.*",
        "landmarks": r"(eye_lmk_)?[xyzXYZ]_\d+",
        "action units": r"AU\d+(_[rc])?",
        "place of the head in space": r"pose_T[xyz]",
        "parameters of the shape": r"p_(scale|r[xyz]|t[xy]|\d+)",
        "identities": r"Identity.*",
        "valence and arousal": r"valence|arousal",
        "times in whole seconds": r"approx_time",
        "size of the frame": r"Frame(Height|Width)",
    }.items()
}
"""What OpenFace and Py-Feat write and we never do, by the names of its columns."""
_INDEX: Final[re.Pattern[str]] = re.compile(r"Unnamed: \d+|index")
"""Numbers of rows, as pandas writes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceLayout:
    """How another program names what the tables of faces hold."""

    title: str
    columns: Mapping[str, str]
    """Column of ours to column of theirs, in their order."""
    scales: Mapping[str, float] = field(default_factory=dict)
    """Theirs is ours times that, by column of ours; negative where their sign is the other."""
    meanings: Mapping[str, str] = field(default_factory=dict)
    """What theirs means where that is not what ours means, by column of ours."""
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
        # Its axes point right, down and away from the camera (R = Rx Ry Rz).
        scales={"pitch": -_RADIANS, "yaw": -_RADIANS, "roll": _RADIANS},
        meanings={
            "pitch": "how far the face looks down",
            "yaw": "how far the face looks to the left of the picture",
        },
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
        score = ours["score"].fillna(0.0) if "score" in ours else found.astype(float)
        ours = ours.assign(score=score, track_id=ours["track_id"].fillna(0).astype(int))
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


def from_layout(table: "pd.DataFrame") -> "tuple[pd.DataFrame, list[str]] | None":
    """A table in OpenFace's or Py-Feat's columns as a table of faces; None where it is in neither.

    Numbers that were not in the table are missing in the result; of the label and its confidence the
    probabilities say, if those of a face sum to 1. Without any, there is no column `label`. Faces that are
    not numbered are told apart by their order in the frame. Where OpenFace itself wrote the table, boxes are
    those of its landmarks.

    Returns:
        The faces, and what was left out or is not as it stood there, in words.

    Raises:
        DataError: there are no frames, or something is no number.
    """
    table = table.rename(columns=lambda name: str(name).strip())  # OpenFace writes a space after each comma
    for name, mark in (("openface", "pose_Rx"), ("fex", "FaceRectX")):
        if mark in table.columns:
            return _from_layout(table, name)
    return None


def _from_layout(table: "pd.DataFrame", name: str) -> "tuple[pd.DataFrame, list[str]]":
    layout = LAYOUTS[name]
    if missing := [theirs for theirs in (layout.columns["frame"],) if theirs not in table]:
        raise DataError(f"the table of {layout.title} has no column {missing[0]}")
    known = {theirs: ours for ours, theirs in layout.columns.items() if theirs in table}
    classes = _find_classes(table, layout)
    numeric = [theirs for theirs, ours in known.items() if ours != "recording"]
    require_numbers(table, [*numeric, *classes], layout.title)
    faces = table[[*known, *classes]].rename(columns={**known, **classes})
    for column in layout.scales.keys() & set(faces.columns):
        faces[column] = faces[column] / layout.scales[column]
    notes = _describe_unread(table, {*known, *classes, *layout.empty}, layout)
    if name == "openface":
        notes += _add_boxes(faces, table)
    found = _count_faces(faces, layout)
    names = list(classes.values())
    notes += _add_labels(faces, names, found)
    fixed = [column for column in ("recording", *FACE_COLUMNS) if column in faces]
    return faces[[*fixed, *names]], notes


def _is_ours(table: "pd.DataFrame") -> bool:
    """Whether `to_layout` may have written a table: nothing is in it that only the other program measures."""
    return not any(pattern.fullmatch(name) for name in table.columns for pattern in _UNREAD.values())


def _find_classes(table: "pd.DataFrame", layout: FaceLayout) -> dict[str, str]:
    """Column to class. A table that we wrote may have any; one of another program only those it can mean."""
    if prefix := layout.class_prefix:
        return {name: name.removeprefix(prefix) for name in table.columns if name.startswith(prefix)}
    named = [name for name in (*layout.classes, *EXPRESSIONS["sound"]) if name in table]
    if _is_ours(table) and layout.columns["time_s"] in table:
        more = [name for name in list_classes(table) if not _INDEX.fullmatch(name)]
        named += [name for name in more if table[name].dropna().between(0, 1).all()]
    taken = {*layout.columns.values(), *layout.empty}
    return {name: name for name in dict.fromkeys(named) if name not in taken and table[name].notna().any()}


def _describe_unread(table: "pd.DataFrame", used: Collection[str], layout: FaceLayout) -> list[str]:
    """What of a table was left out, in words."""
    left = [
        name
        for name in table.columns
        if name not in used and not _INDEX.fullmatch(name) and table[name].notna().any()
    ]
    parts = []
    for kind, pattern in _UNREAD.items():
        if found := [name for name in left if pattern.fullmatch(name)]:
            parts.append(f"{kind} ({count(len(found), 'column')})")
            left = [name for name in left if name not in found]
    if left:
        parts.append("also " * bool(parts) + ", ".join(left[:5]) + (", …" if len(left) > 5 else ""))
    return [f"left out of {layout.title}'s table: {', '.join(parts)}"] if parts else []


def _add_boxes(faces: "pd.DataFrame", table: "pd.DataFrame") -> list[str]:
    """Boxes for what OpenFace wrote; says so."""
    across, down = (
        [name for name in table.columns if re.fullmatch(rf"{axis}_\d+", name)] for axis in ("x", "y")
    )
    if across and down and "width" not in faces:
        require_numbers(table, [*across, *down], LAYOUTS["openface"].title)
        for points, start, size in ((across, "x", "width"), (down, "y", "height")):
            faces[start] = table[points].min(axis=1)
            faces[size] = table[points].max(axis=1) - faces[start]
        return ["boxes are those of the landmarks, from the eyebrows to the chin"]
    return []


def _count_faces(faces: "pd.DataFrame", layout: FaceLayout) -> "pd.Series[bool]":
    """Number frames as ours, faces and how many there are; tells which rows hold a face."""
    import pandas as pd

    if "success" in faces:
        found = faces["success"].astype(bool)
    else:
        found = faces["width"].notna() if "width" in faces else pd.Series(True, index=faces.index)
    faces["frame"] = faces["frame"] - layout.first_frame
    places = [faces[name] for name in ("recording", "frame") if name in faces]
    if "track_id" not in faces:
        faces["track_id"] = faces.groupby(places, dropna=False).cumcount()
    faces["num_faces"] = found.groupby(places, dropna=False).transform("sum")
    empty = [
        column for column in faces.columns if column not in ("frame", "time_s", "num_faces", "recording")
    ]
    faces[empty] = faces[empty].astype(float).where(found, axis=0)
    return found


def _add_labels(faces: "pd.DataFrame", names: list[str], found: "pd.Series[bool]") -> list[str]:
    """The most probable class of each face, if its probabilities sum to 1; says how many do not."""
    import numpy as np

    values = faces[names].to_numpy(float)
    sums_to_one = np.abs(np.nansum(values, axis=1) - 1) <= _SUM_TOLERANCE
    is_labelled = found.to_numpy() & sums_to_one
    if names and is_labelled.any():
        label = np.array(names, dtype=object)[np.nan_to_num(values, nan=-1.0).argmax(axis=1)]
        faces["label"] = [name if has else None for name, has in zip(label, is_labelled, strict=True)]
        faces["confidence"] = faces[names].max(axis=1).where(is_labelled)
    elif not found.any():
        faces["label"] = None
    without = int((found & ~is_labelled).sum()) if names else 0
    if not without:
        return []
    return [f"{count(without, 'face')} without a label: the probabilities of a face are to sum to 1"]
