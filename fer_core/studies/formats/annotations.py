"""Annotations: intervals and points with a code, which every format of time-coded labels can hold.

A table of annotations has the columns `tier` (whose track it is on), `start_s`, `end_s` (NaN for a point),
`code`, `coder` and `note`. Times are seconds, kept to the microsecond.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fer_core.errors import DataError
from fer_core.escaping import escape_unseen
from fer_core.words import count as count_words

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

COLUMNS: Final[tuple[str, ...]] = ("tier", "start_s", "end_s", "code", "coder", "note")
EVENTS_TIER: Final[str] = "events"
POINT_S: Final[float] = 0.001
"""How long a point is where a format has none; intervals up to that length are read as points."""
MODEL_CODER: Final[str] = "model"
"""Coder of the intervals that come from a table of faces."""
_NOT_XML: Final[re.Pattern[str]] = re.compile("[\ufffe\uffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """The video that annotations belong to."""

    name: str
    """Path or name of the file."""
    fps: float
    """Frames a second; the mean where they vary."""
    duration_s: float
    width_px: int
    """Of the upright picture."""
    height_px: int

    @property
    def num_frames(self) -> int:
        """As many as fit at that rate."""
        return max(1, round(self.duration_s * self.fps))


def clean_text(value: Any) -> str:
    r"""A text without what can't be seen (written as `\u0000`) and without space around it; "" for None.

    Examples:
        >>> clean_text(" a\x00b "), clean_text(None)
        ('a\\u0000b', '')
    """
    if value is None:
        return ""
    text = value if isinstance(value, str) else str(value)
    return _NOT_XML.sub("\ufffd", escape_unseen(text.replace("\r\n", "\n"))).strip()


def join_lines(text: str) -> str:
    """A text on one line."""
    return " ".join(text.split())


def build_annotations(rows: Iterable[Sequence[Any]], origin: str) -> "pd.DataFrame":
    """A checked table of annotations of rows in the order of `COLUMNS`; see `check_annotations`."""
    import pandas as pd

    return check_annotations(pd.DataFrame(list(rows), columns=list(COLUMNS)), origin)


def check_annotations(table: "pd.DataFrame", origin: str) -> "pd.DataFrame":
    """The columns of annotations of a table, sorted by start; what has no tier is on `events`.

    An interval that ends where it begins is a point.

    Args:
        table: with at least `start_s` and `code`; other columns of annotations are empty if they are missing.
        origin: file or table, for messages.

    Raises:
        DataError: a column is missing; a time is no number, negative or before the start; a code is empty.
    """
    import pandas as pd

    missing = [name for name in ("start_s", "code") if name not in table.columns]
    if missing:
        raise DataError(
            f"{origin} has no column {' and no '.join(missing)}; expected start_s and code, and, if they are "
            f"known, end_s (empty for a point), coder, note and tier; found "
            + ", ".join(map(str, table.columns))
        )
    columns = {name: _list_values(table[name]) if name in table else [None] * len(table) for name in COLUMNS}
    starts = [_read_time(value, origin, row, "start_s") for row, value in enumerate(columns["start_s"], 1)]
    ends = [_read_time(value, origin, row, "end_s") for row, value in enumerate(columns["end_s"], 1)]
    texts = {name: list(map(clean_text, columns[name])) for name in ("tier", "code", "coder", "note")}
    for row, (start, end, code) in enumerate(zip(starts, ends, texts["code"], strict=True), 1):
        if not code:
            raise DataError(f"{origin}, row {row} has no code; write what happened there, or remove the row")
        if math.isnan(start):
            raise DataError(
                f"{origin}, row {row} ({code}) has no start_s; give the seconds at which it begins"
            )
        if end < start:
            raise DataError(
                f"{origin}, row {row} ({code}) ends at {end:g} s, before it begins at {start:g} s"
            )
    checked = pd.DataFrame(
        {
            "tier": [tier or EVENTS_TIER for tier in texts["tier"]],
            "start_s": pd.Series(starts, dtype=float),
            "end_s": pd.Series(
                [end if end > start else math.nan for start, end in zip(starts, ends, strict=True)],
                dtype=float,
            ),
            **{name: texts[name] for name in ("code", "coder", "note")},
        }
    )
    return checked.sort_values(["start_s", "tier", "end_s"], kind="stable", ignore_index=True)


def _list_values(column: "pd.Series[Any]") -> list[Any]:
    """Values of a column; None where it has none, whichever sign it uses for that."""
    return column.astype(object).where(column.notna(), None).tolist()


def _read_time(value: Any, origin: str, row: int, column: str) -> float:
    if value is None or value == "":
        return math.nan
    try:
        seconds = float(value)
    except (TypeError, ValueError) as cause:
        raise DataError(
            f"{origin}, row {row}: {column} is {value!r}; expected seconds, such as 12.5"
        ) from cause
    if seconds < 0 or math.isinf(seconds):
        raise DataError(f"{origin}, row {row}: {column} is {seconds:g}; expected seconds from 0")
    return round(seconds, 6)


def build_intervals(faces: "pd.DataFrame", coder: str = MODEL_CODER) -> "pd.DataFrame":
    """Annotations of a table of faces: as long as a face keeps its most probable expression.

    An interval begins when its first frame is shown and ends when the frame after its last one is shown,
    or, for the last frame of all, after the median time between frames. A face that is missing on a frame,
    or has no label there, ends it.

    Args:
        faces: of one recording, as `fer annotate` writes it; where it has a column `person`, faces go by
            that.
        coder: who says so.

    Raises:
        DataError: columns are missing.
    """
    import numpy as np

    needed = ("frame", "time_s", "track_id", "label")
    if missing := [name for name in needed if name not in faces.columns]:
        raise DataError(
            f"the table of faces has no column {missing[0]}; expected one that `fer annotate` wrote, with "
            f"{', '.join(needed)}"
        )
    frames = faces.drop_duplicates("frame").sort_values("frame", ignore_index=True)
    if len(frames) == 0:
        return build_annotations([], "the table of faces")
    times = frames["time_s"].to_numpy(dtype=float)
    ends = end_frames(times)
    rows = name_tiers(faces[faces["label"].notna()])
    rows = rows.assign(place=np.searchsorted(frames["frame"].to_numpy(), rows["frame"].to_numpy()))
    if "confidence" in rows:
        rows = rows.sort_values("confidence", ascending=False, kind="stable")
    rows = rows.drop_duplicates(["tier", "place"]).sort_values(["tier", "place"])
    tiers, labels, places = (rows[name].to_numpy() for name in ("tier", "label", "place"))
    goes_on = (tiers[1:] == tiers[:-1]) & (labels[1:] == labels[:-1]) & (np.diff(places) == 1)
    first = np.flatnonzero(np.append(True, ~goes_on))[: len(rows)]
    last = np.append(first[1:], len(rows))[: len(first)] - 1
    return build_annotations(
        (
            (tiers[start], times[places[start]], ends[places[end]], labels[start], coder, "")
            for start, end in zip(first, last, strict=True)
        ),
        "the table of faces",
    )


def end_frames(times_s: "npt.NDArray[np.float64]") -> "npt.NDArray[np.float64]":
    """Until when frames are shown: until the next one; the last of all for the median time between frames.

    Args:
        times_s: N, when each frame begins, rising, in seconds.

    Returns:
        N, in seconds. A single frame is shown for 0.04 s.
    """
    import numpy as np

    if not len(times_s):
        return times_s
    step_s = float(np.median(np.diff(times_s))) if len(times_s) > 1 else 0.04
    return np.append(times_s[1:], times_s[-1] + step_s)


def name_tiers(faces: "pd.DataFrame") -> "pd.DataFrame":
    """Rows with a face, with a column `tier`: the name of its person, else `face 1` for track 1."""
    rows = faces[faces["track_id"].notna()]
    names = "face " + rows["track_id"].astype("int64").astype(str)
    if "person" in rows:
        persons = map(clean_text, _list_values(rows["person"]))
        return rows.assign(tier=[person or name for person, name in zip(persons, names, strict=True)])
    return rows.assign(tier=names)


def to_events(annotations: "pd.DataFrame", recording: str) -> "pd.DataFrame":
    """Annotations as rows of a study's `events.parquet`; a tier names the coder where nobody is named."""
    coder = annotations["coder"].where(annotations["coder"] != "", annotations["tier"])
    coder = coder.where(coder != EVENTS_TIER, "")
    return annotations.assign(recording=recording, coder=coder)[
        ["recording", "start_s", "end_s", "code", "coder", "note"]
    ]


def from_events(events: "pd.DataFrame") -> "pd.DataFrame":
    """Rows of `events.parquet`, of one recording, as annotations: a tier per coder."""
    return check_annotations(events.assign(tier=events["coder"]), "events")


@dataclass(frozen=True, slots=True)
class Lane:
    """Annotations of one tier and coder that do not overlap."""

    name: str
    coder: str
    rows: tuple[tuple[int, int, str], ...]
    """Start, end in ticks, and code; a point ends a tick after it begins."""


def list_lanes(annotations: "pd.DataFrame", ticks_per_s: int) -> tuple[list[Lane], list[str]]:
    """Tiers for formats in which the intervals of a tier may not overlap, and what had to be changed for it.

    What overlaps goes to a tier beside it (`face 1 (2)`). Times are rounded to ticks; what would be shorter
    than one is one long. Names differ.
    """
    lanes: list[Lane] = []
    notes: list[str] = []
    names: set[str] = set()
    num_coders = annotations.groupby("tier")["coder"].nunique().to_dict()
    for (tier, coder), rows in annotations.groupby(["tier", "coder"], sort=True):
        name = f"{tier} ({coder})" if num_coders[tier] > 1 and coder else str(tier)
        split = _split_overlaps(rows, ticks_per_s)
        for number, part in enumerate(split, 1):
            wanted = name if number == 1 else f"{name} ({number})"
            while wanted in names:
                wanted += "'"
            names.add(wanted)
            lanes.append(Lane(wanted, str(coder), tuple(part)))
        if len(split) > 1:
            notes.append(f"annotations of {name!r} that overlap are on {len(split)} tiers")
    return lanes, notes


def _split_overlaps(rows: "pd.DataFrame", ticks_per_s: int) -> list[list[tuple[int, int, str]]]:
    parts: list[list[tuple[int, int, str]]] = []
    for item in rows.sort_values("start_s", kind="stable").to_dict("records"):
        start, end = to_ticks(item["start_s"], item["end_s"], ticks_per_s)
        part = next((part for part in parts if part[-1][1] <= start), None)
        if part is None:
            part = []
            parts.append(part)
        part.append((start, end, item["code"]))
    return parts


def to_ticks(start_s: float, end_s: float, ticks_per_s: int) -> tuple[int, int]:
    """Start and end as whole numbers, the end at least one after the start; a point is `POINT_S` long."""
    start = round(start_s * ticks_per_s)
    end = start + round(POINT_S * ticks_per_s) if math.isnan(end_s) else round(end_s * ticks_per_s)
    return start, max(end, start + 1)


def end_or_point(start_s: float, end_s: float) -> float:
    """The end of an interval; NaN where it is so short that it stands for a point."""
    return math.nan if end_s - start_s <= POINT_S + 1e-9 else end_s


def describe_losses(annotations: "pd.DataFrame", title: str, *, lost: Sequence[str]) -> list[str]:
    """What a format has no place for, in words: `2 notes left out: WebVTT has no place for notes`."""
    counts = {
        "points": int(annotations["end_s"].isna().sum()),
        "coder": int((annotations["coder"] != "").sum()),
        "note": int((annotations["note"] != "").sum()),
    }
    texts = {
        "points": f"{{}} written with a length of 1 ms: {title} has no points",
        "coder": f"{{}} written without the coder: {title} has no place for that",
        "note": f"{{}} left out: {title} has no place for notes",
    }
    nouns = {"points": "point", "coder": "annotation", "note": "note"}
    return [texts[name].format(count_words(counts[name], nouns[name])) for name in lost if counts[name]]


def read_text(path: Path) -> str:
    """A text file in UTF-8 or, if it begins with its mark, UTF-16.

    Raises:
        DataError: it is missing, or in another encoding.
    """
    try:
        data = path.read_bytes()
        encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        return data.decode(encoding)
    except OSError as cause:
        raise DataError(f"{path} can't be read: {cause.strerror or cause}") from cause
    except UnicodeDecodeError as cause:
        raise DataError(f"{path} is not in UTF-8; save it as UTF-8 in the program that wrote it") from cause
