"""From rows (one per face and frame) to what is plotted and summed up: pure pandas.

Rows are the table of `face_table.create_table`, as `pandas.read_csv` or `read_parquet` returns it; rows of
frames without a face are left out of everything here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from fer_core.inference.face_table import FIXED_COLUMNS
from fer_core.results import OF_VOICE, VOICE_FIELDS

if TYPE_CHECKING:
    import pandas as pd

MAX_POINTS: Final[int] = 2000
"""Points of one curve: as many as a wide screen has columns of pixels."""


def class_columns(rows: "pd.DataFrame") -> list[str]:
    """The classes of a table, in the model's order; not those of voices."""
    known = {*FIXED_COLUMNS, *VOICE_FIELDS}
    return [name for name in rows.columns if name not in known and not name.startswith(OF_VOICE)]


def voice_columns(rows: "pd.DataFrame") -> list[str]:
    """The columns of a voice's probabilities in a table, in the model's order; none if nobody listened."""
    return [name for name in rows.columns if name.startswith(OF_VOICE[0])]


def rows_with_faces(rows: "pd.DataFrame") -> "pd.DataFrame":
    """A table without the rows of frames that show no face; `track_id` is a whole number in it."""
    return rows[rows["track_id"].notna()].astype({"track_id": int})


def compute_frames(table: "pd.DataFrame") -> "pd.DataFrame":
    """When each frame is shown and what happens there, one line per frame, those without a face included.

    Args:
        table: as it was written, with the rows of frames without a face.

    Returns:
        Columns `frame`, `time_s`, `num_faces` and `is_cut`, by frame. A cut is a frame with faces none of
        which was followed from the frame before, which has faces, too.
    """
    frames = table.drop_duplicates("frame").sort_values("frame", ignore_index=True)
    frames = frames[["frame", "time_s", "num_faces"]]
    place = table["frame"].map(dict(zip(frames["frame"], frames.index, strict=True)))
    faces = table.assign(place=place)[table["track_id"].notna()].sort_values("place")
    is_followed = faces.groupby("track_id")["place"].diff() == 1
    followed = frames.index.isin(faces.loc[is_followed, "place"])
    occupied = frames["num_faces"] > 0
    return frames.assign(is_cut=occupied & occupied.shift(fill_value=False) & ~followed)


def compute_shares(rows: "pd.DataFrame", *, classes: Sequence[str] | None = None) -> "pd.DataFrame":
    """Mean probability of each class: one line per face (its track id), and `all` for all rows together.

    Fractions that sum to 1 in every line; no lines without rows. Faces that are longer in the picture count
    for more in `all`.
    """
    import pandas as pd

    rows = rows_with_faces(rows)
    names = list(classes or class_columns(rows))
    if len(rows) == 0:
        return pd.DataFrame(columns=names, dtype=float)
    by_face = rows.groupby("track_id")[names].mean()
    together = rows[names].mean().to_frame("all").T
    return pd.concat([by_face, together]).rename_axis("face")


def compute_presence(rows: "pd.DataFrame") -> "pd.DataFrame":
    """When each face is in the picture, one line per face, indexed by track id.

    Columns: `first_s` and `last_s` (seconds), `num_frames`, `label` (of the highest mean probability).
    """
    import pandas as pd

    grouped = rows_with_faces(rows).groupby("track_id")
    times = grouped["time_s"]
    means = grouped[class_columns(rows)].mean()
    label = means.idxmax(axis=1) if len(means) else pd.Series(dtype=str)
    return pd.DataFrame(
        {"first_s": times.min(), "last_s": times.max(), "num_frames": grouped.size(), "label": label}
    )
