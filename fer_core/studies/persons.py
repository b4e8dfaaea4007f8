"""Who is who: names that the user gives to the faces (tracks) of recordings; the same name, one person.

Nothing is recognised: a face has a name because somebody typed it. `persons.parquet` keeps every decision in
the order in which they were made; the last one about a face counts, and undoing takes the last one away.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from fer_core.errors import StudyError
from fer_core.studies.state import read_summary
from fer_core.studies.study import PERSONS_FILE, Study
from fer_core.studies.tables import read_table, write_table

if TYPE_CHECKING:
    import pandas as pd

PERSON_COLUMNS: Final[dict[str, str]] = {
    **{"recording": "string", "track_id": "int64", "from_s": "double", "person": "string"},
    "decision": "int64",
}
"""Columns of `persons.parquet`. `from_s` is 0 but for the later part of a face that is two persons; `person`
is null where a name was taken away; decisions count from 1."""
_MAX_NAME: Final[int] = 60


class Face(NamedTuple):
    """A face (track) of a recording, from a time on if it is only a part of it."""

    recording: str
    track_id: int
    from_s: float = 0.0


def load_decisions(study: Study) -> "pd.DataFrame":
    """Every decision, in its order.

    Raises:
        StudyError: the table is damaged.
    """
    older = {name: kind for name, kind in PERSON_COLUMNS.items() if name != "from_s"}
    table = read_table(study.folder / PERSONS_FILE, older)
    if "from_s" not in table:
        table.insert(2, "from_s", 0.0)
    return table[list(PERSON_COLUMNS)]


def list_parts(study: Study, recording: str) -> dict[int, list[tuple[float, str]]]:
    """The names of the faces of a recording, by track: from when on, and the name, empty for none.

    A face that is one person has one part, from 0 s on. Faces that nobody named are left out.

    Raises:
        StudyError: the table is damaged.
    """
    decisions = load_decisions(study)
    decisions = decisions[decisions["recording"] == recording]
    parts: dict[int, list[tuple[float, str]]] = {}
    for track in decisions["track_id"].unique().tolist():
        rows = decisions[decisions["track_id"] == track]
        last = rows[rows["decision"] == rows["decision"].max()].sort_values("from_s")
        names = [
            (float(start_s), name)
            for start_s, name in zip(last["from_s"], last["person"].fillna(""), strict=True)
        ]
        if any(name for _, name in names):
            parts[track] = names
    return parts


def list_persons(study: Study, recording: str) -> dict[int, str]:
    """The name of each face of a recording, by track; of one that is two persons, the first.

    Raises:
        StudyError: the table is damaged.
    """
    return {track: parts[0][1] for track, parts in list_parts(study, recording).items() if parts[0][1]}


def divide(
    rows: "pd.DataFrame", parts: Sequence[tuple[float, str]]
) -> "list[tuple[float, str, pd.DataFrame]]":
    """The rows of a face by part: from when on, the name, and the rows; those without a row are left out.

    Args:
        rows: of one face.
        parts: its own, of `list_parts`; none for a face that nobody named.
    """
    starts = list(parts) or [(0.0, "")]
    ends = [*(start_s for start_s, _ in starts[1:]), float("inf")]
    found = [
        (start_s, name, rows[(rows["time_s"] >= start_s) & (rows["time_s"] < end_s)])
        for (start_s, name), end_s in zip(starts, ends, strict=True)
    ]
    return [item for item in found if len(item[2])]


def name_rows(
    parts: Mapping[int, Sequence[tuple[float, str]]], tracks: Sequence[float | None], times_s: Sequence[float]
) -> list[str | None]:
    """The name of whom each row of a table of faces shows; None where nobody is named.

    Args:
        parts: of `list_parts`.
        tracks: of the rows; missing in a row without a face.
        times_s: of the rows.
    """
    found: list[str | None] = []
    for track, time_s in zip(tracks, times_s, strict=True):
        names = parts.get(track, ())  # type: ignore[call-overload]
        found.append(next((name or None for start_s, name in reversed(names) if time_s >= start_s), None))
    return found


def name_faces(study: Study, recording: str, names: Mapping[int, str]) -> None:
    """Name faces of a recording, each as a whole: one decision, which can be undone.

    Args:
        study: of which.
        recording: of which.
        names: by track; an empty one takes the name away.

    Raises:
        StudyError: as `decide`.
    """
    decide(study, {Face(recording, track): name for track, name in names.items()})


def decide(study: Study, names: Mapping[Face, str]) -> None:
    """Name faces, or their parts, in place of what they had: one decision, which can be undone.

    Args:
        study: of which.
        names: an empty one takes the name away. Of a face that is two persons both parts are named.

    Raises:
        StudyError: a recording has no result or no such face, or a name can't be seen.
    """
    import pandas as pd

    for face in names:
        summary = read_summary(study, face.recording)
        if summary is None:
            raise StudyError(f"{face.recording} has no result; run the study first")
        if not 1 <= face.track_id <= summary.num_faces:
            raise StudyError(f"{face.recording} has no face {face.track_id}, only 1 to {summary.num_faces}")
    cleaned = {face: " ".join(name.split()) for face, name in names.items()}
    for name in cleaned.values():
        if not name.isprintable() or len(name) > _MAX_NAME:
            raise StudyError(f"{name[:80]!r} can't be a name; use 1 to {_MAX_NAME} letters, digits and signs")
    with study.edit():
        before = load_decisions(study)
        number = int(before["decision"].max()) + 1 if len(before) else 1
        rows = [
            {**face._asdict(), "person": name or None, "decision": number} for face, name in cleaned.items()
        ]
        new = pd.DataFrame(rows, columns=list(PERSON_COLUMNS)).astype(before.dtypes)
        write_table(study.folder / PERSONS_FILE, pd.concat([before, new]), PERSON_COLUMNS)


def rename(study: Study, names: Mapping[Face, str]) -> None:
    """Name some parts of faces; the other parts of the same faces keep their names. One decision.

    Raises:
        StudyError: as `decide`.
    """
    kept = {
        Face(recording, track, start_s): name
        for recording, track in {face[:2] for face in names}
        for start_s, name in list_parts(study, recording).get(track, ())
    }
    decide(study, {**kept, **names})


def undo_naming(study: Study) -> str:
    """Take the last decision back.

    Returns:
        The recording that it was about; empty if there is none.

    Raises:
        StudyError: the table is damaged, or is being changed by another process.
    """
    with study.edit():
        decisions = load_decisions(study)
        if decisions.empty:
            return ""
        is_last = decisions["decision"] == decisions["decision"].max()
        write_table(study.folder / PERSONS_FILE, decisions[~is_last], PERSON_COLUMNS)
        return str(decisions.loc[is_last, "recording"].iloc[0])


def keep_names_of(study: Study, recordings: Collection[str]) -> None:
    """Drop the names of faces of all other recordings; the caller holds the tables."""
    decisions = load_decisions(study)
    if not decisions.empty:
        kept = decisions[decisions["recording"].isin(recordings)]
        write_table(study.folder / PERSONS_FILE, kept, PERSON_COLUMNS)
