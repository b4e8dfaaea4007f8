"""The data dictionary: what every column of a table means, in which unit and range."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from fer_core.studies.formats.face_layouts import LAYOUTS, FaceLayout, list_classes

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS: Final[dict[str, tuple[str, str, str]]] = {
    "recording": ("", "", "id of the recording"),
    "participant": ("", "", "whose face the recording shows"),
    "condition": ("", "", "what was done or shown"),
    "person": ("", "", "name that the user gave to the face"),
    "source": ("", "", "file of the picture"),
    "picture": ("", "", "file of the picture"),
    "face": ("", "1 and up", "number of the face on the picture"),
    "frame": ("", "0 and up", "number of the frame"),
    "time_s": ("s", "0 and up", "when the frame is shown, from the beginning of the file"),
    "num_faces": ("", "0 and up", "faces on this frame; where it is 0, the columns of faces are empty"),
    "track_id": ("", "0 and up", "the same number as long as a face is followed"),
    "x": ("px", "", "left edge of the face's box in the upright picture; may be outside"),
    "y": ("px", "", "top edge of the box"),
    "width": ("px", "above 0", "width of the box"),
    "height": ("px", "above 0", "height of the box, hairline to chin"),
    "score": ("", "0 to 1", "the detector's confidence; comparable within one detector only"),
    "roll": ("degrees", "-180 to 180", "how far the face is turned clockwise in the picture; 0 is upright"),
    "yaw": ("degrees", "-90 to 90", "how far the face looks to the right of the picture"),
    "pitch": ("degrees", "-90 to 90", "how far the face looks up"),
    "height_px": ("px", "above 0", "hairline to chin, whichever way the face is turned"),
    "sharpness": (
        "",
        "0 and up",
        "deviation of the Laplacian over that of the grey levels; 0.3 blurred, 0.7 sharp",
    ),
    "brightness": ("grey level", "0 to 255", "mean grey level of the face"),
    "usable": ("", "true or false", "whether the face is large, sharp, bright and frontal enough to be read"),
    "label": ("", "", "the most probable apparent expression"),
    "confidence": ("", "0 to 1", "probability of the label"),
    "expected_correctness": ("", "0 to 1", "how often labels of such faces are right"),
    "tier": ("", "", "whose track the annotation is on"),
    "start_s": ("s", "0 and up", "begin, from the beginning of the recording"),
    "end_s": ("s", "start_s and up", "end; empty for a point"),
    "code": ("", "", "what happened"),
    "coder": ("", "", "who says so; empty if nobody is named"),
    "note": ("", "", "remark of the coder"),
    "path": ("", "", "file of the recording"),
    "sha256": ("", "64 hexadecimal digits", "SHA-256 of the file"),
    "size_bytes": ("bytes", "0 and up", "size of the file"),
    "num_frames": ("", "0 and up", "frames, as counted before decoding"),
    "fps": ("frames/s", "above 0", "mean frames a second"),
    "duration_s": ("s", "0 and up", "length of the recording"),
    "width_px": ("px", "above 0", "width of the upright picture"),
    "success": ("", "0 or 1", "whether a face was found"),
}


def place_dictionary(table: Path) -> Path:
    """Where the data dictionary of a table is: beside it; tables that differ in their extension share it.

    Examples:
        >>> place_dictionary(Path("faces.parquet")).name
        'faces.dictionary.csv'
    """
    return table.parent / f"{table.stem}.dictionary.csv"


def describe_columns(table: "pd.DataFrame") -> "pd.DataFrame":
    """A row per column: `column`, `type`, `unit`, `range`, `meaning`, and how many values are missing.

    Columns of numbers that are not known are probabilities of classes in a table of faces, else the user's
    own.
    """
    import pandas as pd

    is_of_faces = "label" in table or "confidence" in table
    meanings = dict(_COLUMNS)
    if "width_px" in table:
        meanings["height_px"] = ("px", "above 0", "height of the upright picture")
    for layout in LAYOUTS.values():
        if layout.columns["x"] in table and "x" not in table:
            meanings |= _translate(layout)
            meanings["frame"] = ("", f"{layout.first_frame} and up", "number of the frame")
            meanings |= dict.fromkeys(layout.empty, ("", "", "not measured; empty"))
            prefix, is_of_faces = layout.class_prefix, True
            break
    else:
        prefix = ""
    classes = [name for name in list_classes(table) if name not in meanings] if is_of_faces else []
    rows = []
    for name in map(str, table.columns):
        unit, span, meaning = meanings.get(name, ("", "", "a column of the user's"))
        if name in classes and name.startswith(prefix):
            label = name.removeprefix(prefix)
            span, meaning = (
                "0 to 1",
                f"probability of the apparent expression {label}; classes of a row sum to 1",
            )
        rows.append((name, str(table[name].dtype), unit, span, meaning, int(table[name].isna().sum())))
    return pd.DataFrame(rows, columns=["column", "type", "unit", "range", "meaning", "num_missing"])


def _translate(layout: FaceLayout) -> dict[str, tuple[str, str, str]]:
    """The meanings of a layout's columns, by its names."""
    translated = {theirs: _COLUMNS[ours] for ours, theirs in layout.columns.items() if ours in _COLUMNS}
    for ours in layout.scales:
        _, span, meaning = _COLUMNS[ours]
        in_radians = "-pi to pi" if "180" in span else "-pi/2 to pi/2"
        translated[layout.columns[ours]] = ("radians", in_radians, layout.meanings.get(ours, meaning))
    return translated
