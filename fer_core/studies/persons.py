"""Who is who: names that the user gives to the faces (tracks) of recordings; the same name, one person.

Nothing is recognised: a face has a name because somebody typed it. `persons.parquet` keeps every decision in
the order in which they were made; the last one about a face counts, and undoing takes the last one away.
"""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Final

from fer_core.errors import StudyError
from fer_core.studies.state import read_summary
from fer_core.studies.study import PERSONS_FILE, Study
from fer_core.studies.tables import read_table, write_table

if TYPE_CHECKING:
    import pandas as pd

PERSON_COLUMNS: Final[dict[str, str]] = {
    **{"recording": "string", "track_id": "int64", "person": "string", "decision": "int64"},
}
"""Columns of `persons.parquet`. `person` is null where a name was taken away; decisions count from 1."""
_MAX_NAME: Final[int] = 60


def load_decisions(study: Study) -> "pd.DataFrame":
    """Every decision, in its order.

    Raises:
        StudyError: the table is damaged.
    """
    return read_table(study.folder / PERSONS_FILE, PERSON_COLUMNS)


def list_persons(study: Study, recording: str) -> dict[int, str]:
    """The names of the faces of a recording, by track.

    Raises:
        StudyError: the table is damaged.
    """
    decisions = load_decisions(study)
    last = decisions[decisions["recording"] == recording].drop_duplicates("track_id", keep="last")
    last = last[last["person"].notna()]
    return {int(track): str(name) for track, name in zip(last["track_id"], last["person"], strict=True)}


def name_faces(study: Study, recording: str, names: Mapping[int, str]) -> None:
    """Name faces of a recording: one decision, which can be undone.

    Args:
        study: of which.
        recording: of which.
        names: by track; an empty one takes the name away.

    Raises:
        StudyError: the recording has no result or no such face, or a name can't be seen.
    """
    import pandas as pd

    summary = read_summary(study, recording)
    if summary is None:
        raise StudyError(f"{recording} has no result; run the study first")
    if unknown := [track for track in names if not 1 <= track <= summary.num_faces]:
        raise StudyError(f"{recording} has no face {unknown[0]}, only 1 to {summary.num_faces}")
    cleaned = {track: " ".join(name.split()) for track, name in names.items()}
    for name in cleaned.values():
        if not name.isprintable() or len(name) > _MAX_NAME:
            raise StudyError(f"{name[:80]!r} can't be a name; use 1 to {_MAX_NAME} letters, digits and signs")
    with study.edit():
        before = load_decisions(study)
        number = int(before["decision"].max()) + 1 if len(before) else 1
        rows = [
            {"recording": recording, "track_id": track, "person": name or None, "decision": number}
            for track, name in cleaned.items()
        ]
        new = pd.DataFrame(rows, columns=list(PERSON_COLUMNS)).astype(before.dtypes)
        write_table(study.folder / PERSONS_FILE, pd.concat([before, new]), PERSON_COLUMNS)


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
