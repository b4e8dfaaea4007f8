"""Events of a study's recordings: intervals and points with a code, typed by coders or imported."""

import math
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from fer_core.errors import StudyError
from fer_core.studies.study import EVENTS_FILE, Study
from fer_core.studies.tables import EVENT_COLUMNS, list_rows, write_table

if TYPE_CHECKING:
    import pandas as pd

_MAX_TEXT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An interval of a recording, or a point in it."""

    recording: str
    start_s: float
    """Seconds from the recording's beginning."""
    end_s: float | None = None
    """None for a point."""
    code: str
    coder: str = ""
    note: str = ""


def add_events(study: Study, events: "Sequence[Event] | pd.DataFrame") -> int:
    """Add events to a study; one that is there already is not added again.

    Args:
        study: to add to.
        events: as records, or as a table with the columns of `EVENT_COLUMNS`.

    Returns:
        How many are new.

    Raises:
        StudyError: an event's recording is unknown, or its times or code make no sense; none was added.
    """
    import pandas as pd

    new = pd.DataFrame([asdict(event) for event in events]) if isinstance(events, Sequence) else events
    if missing := EVENT_COLUMNS.keys() - set(new.columns) - {"coder", "note", "end_s"}:
        raise StudyError(f"events lack the column {min(missing)!r}; expected {', '.join(EVENT_COLUMNS)}")
    new = new.reindex(columns=list(EVENT_COLUMNS)).fillna({"coder": "", "note": ""})
    with study.edit():
        known = set(study.load_recordings()["recording"])
        for row in list_rows(new):
            _check(Event(**row), known)
        before = study.load_events()
        return _write(study, pd.concat([before, new.astype(before.dtypes)])) - len(before)


def _check(row: Event, known: Collection[str]) -> None:
    where = f"event {str(row.code)[:80]!r} of {str(row.recording)[:80]!r}"
    if row.recording not in known:
        raise StudyError(f"{where}: there is no such recording in the study")
    texts = (row.code, row.coder, row.note)
    if not all(isinstance(text, str) and len(text) <= _MAX_TEXT for text in texts) or not row.code.strip():
        raise StudyError(f"{where}: expected a code, and texts of at most {_MAX_TEXT} characters")
    is_point = row.end_s is None or row.end_s != row.end_s
    try:
        start_s, end_s = float(row.start_s), float(row.start_s if is_point else row.end_s)  # type: ignore[arg-type]
    except (TypeError, ValueError) as cause:
        raise StudyError(f"{where}: {row.start_s!r} to {row.end_s!r} are no times in seconds") from cause
    if not (math.isfinite(end_s) and 0 <= start_s <= end_s):
        raise StudyError(
            f"{where}: from {start_s:g} to {end_s:g} s; expected a start of 0 or more and an end that is not "
            "before it"
        )


def replace_events(study: Study, recording: str, events: "pd.DataFrame") -> None:
    """Exchange all events of one recording, as an editor shows them.

    Raises:
        StudyError: as `add_events`; nothing was changed.
    """
    import pandas as pd

    new = events.reindex(columns=list(EVENT_COLUMNS)).fillna({"coder": "", "note": ""})
    new["recording"] = recording
    with study.edit():
        known = set(study.load_recordings()["recording"])
        for row in list_rows(new):
            _check(Event(**row), known)
        before = study.load_events()
        others = before[before["recording"] != recording]
        _write(study, pd.concat([others, new.astype(before.dtypes)]))


def keep_events_of(study: Study, recordings: Collection[str]) -> None:
    """Drop the events of all other recordings; the caller holds the tables."""
    events = study.load_events()
    _write(study, events[events["recording"].isin(recordings)])


def _write(study: Study, events: "pd.DataFrame") -> int:
    ordered = events.drop_duplicates().sort_values(["recording", "start_s", "end_s", "code"], kind="stable")
    write_table(study.folder / EVENTS_FILE, ordered, EVENT_COLUMNS)
    return len(ordered)
