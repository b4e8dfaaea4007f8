"""From tables of faces to evenly sampled series of each participant, with the baseline taken off.

The face that counts is that of the participant's name (column `person`), where somebody named it, else the
largest one of each frame.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import numpy.typing as npt

from fer_core.errors import DataError
from fer_core.studies.formats.annotations import build_intervals, clean_text, end_frames
from fer_core.studies.formats.face_layouts import list_classes
from fer_core.studies.statistics.bootstrap import FloatArray, average_recordings
from fer_core.studies.steps import find_steps

if TYPE_CHECKING:
    import pandas as pd

STEP_S: Final[float] = 0.2
"""Time between two values of a series: expressions last longer, and tables stay small."""
LEAST: Final[float] = 1e-4
"""Probabilities stay that far from 0 and 1 when log-odds are taken, so no frame outweighs all others."""
NEGATIVE: Final[tuple[str, ...]] = ("anger", "disgust", "fear", "sadness")
VALENCE: Final[str] = "valence"

Baseline = Literal["none", "mean", "interval"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One recording, sampled every `STEP_S` seconds."""

    recording: str
    participant: str
    condition: str
    times_s: FloatArray
    """T, middle of each step."""
    values: FloatArray
    """T x K; NaN where no face was seen."""
    labels: tuple[str, ...]
    """The most probable class of each step; "" where no face was seen."""
    columns: tuple[str, ...]
    """K names."""
    num_frames: int
    num_empty: int
    """Frames without the participant's face."""
    seen_s: float
    """How long frames with the participant's face are shown, in seconds; 0 if there are none."""
    intervals: "pd.DataFrame"
    """Annotations: as long as the label stays (`build_intervals`)."""
    is_log_odds: bool = False
    """Whether the values are differences of log-odds; else probabilities, and valence."""

    def bound(self, column: str) -> tuple[float, float]:
        """Between which values a mean of a column can be."""
        if self.is_log_odds:
            return -math.inf, math.inf
        return (-1.0, 1.0) if column == VALENCE else (0.0, 1.0)

    @property
    def duration_s(self) -> float:
        """As long as frames were seen, with or without a face."""
        return float(len(self.times_s) * STEP_S)


def build_series(
    recordings: "pd.DataFrame", faces: "pd.DataFrame | Iterable[pd.DataFrame]", *, min_label_s: float = 0.0
) -> list[Series]:
    """Mean probabilities per step of each recording.

    Args:
        recordings: with `recording`, `participant` and `condition`; a recording without a participant is
            one of its own.
        faces: the tables of faces, with `recording`: together, or one after the other so that memory stays
            flat.
        min_label_s: intervals of a label that are shorter are left out of counts.

    Raises:
        DataError: a table holds a recording that is not listed, or other classes than the first.
    """
    facts = {
        str(row["recording"]): row
        for row in recordings.astype(object).where(recordings.notna(), None).to_dict("records")
    }
    built: list[Series] = []
    for recording, table in _iterate_recordings(faces):
        if recording not in facts:
            raise DataError(f"recording {recording!r} has faces and is not in the table of recordings")
        row = facts[recording]
        participant = clean_text(row.get("participant")) or recording
        series = _build(table, recording, participant, clean_text(row.get("condition")), min_label_s)
        if built and built[0].columns != series.columns:
            raise DataError(
                f"{recording!r} has the classes {', '.join(series.columns)}; {built[0].recording!r} has "
                f"{', '.join(built[0].columns)}; analyze all recordings with one model"
            )
        built.append(series)
    return built


def _iterate_recordings(
    faces: "pd.DataFrame | Iterable[pd.DataFrame]",
) -> "Iterator[tuple[str, pd.DataFrame]]":
    import pandas as pd

    for table in [faces] if isinstance(faces, pd.DataFrame) else faces:
        if "recording" not in table:
            raise DataError("the table of faces has no column recording; tables of a study have it")
        for recording, rows in table.groupby("recording", sort=False):
            yield str(recording), rows


def choose_faces(table: "pd.DataFrame", participant: str) -> "pd.DataFrame":
    """The same rows; `track_id` only where the row is the participant's face, `person` the participant."""
    table = table.reset_index(drop=True)
    rows = table[table["track_id"].notna()]
    if "person" in table:
        named = rows[(rows["person"] == participant).fillna(False).astype(bool)]
        rows = named if len(named) else rows
    area = (rows["width"] * rows["height"]).astype("float64").sort_values(ascending=False, kind="stable")
    chosen = rows.loc[area.index].drop_duplicates("frame").index
    return table.assign(track_id=table["track_id"].where(table.index.isin(chosen)), person=participant)


def _build(
    table: "pd.DataFrame", recording: str, participant: str, condition: str, min_label_s: float
) -> Series:
    classes = list_classes(table)
    if not classes:
        raise DataError(f"the table of {recording!r} has no probabilities of classes")
    marked = choose_faces(table, participant)
    frames = marked.drop_duplicates("frame").sort_values("frame", ignore_index=True)
    rows = marked[marked["track_id"].notna()]
    last = float(frames["time_s"].max()) if len(frames) else -STEP_S
    num_steps = int(find_steps(last, STEP_S)) + 1
    step = find_steps(rows["time_s"].to_numpy(dtype=float), STEP_S)
    sums = np.zeros((num_steps, len(classes)))
    np.add.at(sums, step, rows[classes].to_numpy(dtype=float))
    counts = np.bincount(step, minlength=num_steps)
    means = np.divide(sums, counts[:, None], out=np.full_like(sums, np.nan), where=counts[:, None] > 0)
    starts = frames["time_s"].to_numpy(dtype=float)
    lengths = end_frames(starts) - starts
    spans = build_intervals(marked)
    is_long = spans["end_s"] - spans["start_s"] >= min_label_s - 1e-9
    return Series(
        recording=recording,
        participant=participant,
        condition=condition,
        times_s=(np.arange(num_steps) + 0.5) * STEP_S,
        values=means,
        labels=tuple(
            classes[int(row.argmax())] if count else "" for row, count in zip(means, counts, strict=True)
        ),
        columns=tuple(classes),
        num_frames=len(frames),
        num_empty=len(frames) - len(rows),
        seen_s=float(lengths[frames["frame"].isin(rows["frame"])].sum()),
        intervals=spans[is_long].reset_index(drop=True),
    )


def to_log_odds(probabilities: FloatArray) -> FloatArray:
    """Log-odds ln(p / (1 - p)) of probabilities, which are kept `LEAST` away from 0 and 1.

    Examples:
        >>> to_log_odds(np.array([0.5, 0.0])).round(3).tolist()
        [0.0, -9.21]
    """
    kept = np.clip(probabilities, LEAST, 1 - LEAST)
    odds: FloatArray = np.log(kept / (1 - kept))
    return odds


def take_baseline_off(
    series: Sequence[Series], baseline: Baseline, events: "pd.DataFrame | None" = None, code: str = "baseline"
) -> tuple[list[Series], list[str]]:
    """Log-odds minus those of the participant's baseline: how much more likely than usual for this person.

    Faces differ at rest. A difference of log-odds is the logarithm of the factor by which the odds change,
    and is the same whether a class is rare or common in that face.

    Args:
        series: with probabilities.
        baseline: `mean` takes the mean of the participant's recordings, `interval` that of the intervals
            with the code, `none` nothing: values stay probabilities. Every recording counts the same.
        events: rows of `events.parquet`; for `interval`.
        code: of the neutral intervals.

    Returns:
        Series of log-odds, and in words who has no baseline and is left out.

    Raises:
        DataError: nobody has a baseline.
    """
    if baseline == "none":
        return list(series), []
    logs = [replace(item, values=to_log_odds(item.values)) for item in series]
    chosen: dict[str, list[FloatArray]] = {}
    for item in logs:
        is_chosen = np.ones(len(item.times_s), dtype=bool)
        if baseline == "interval":
            is_chosen = find_inside(item, events, code)
        chosen.setdefault(item.participant, []).append(item.values[is_chosen])
    means = {name: mean for name, parts in chosen.items() if (mean := average_recordings(parts)) is not None}
    if not means:
        raise DataError(
            f"no interval with the code {code!r} shows a face; mark one per participant, or take the mean"
        )
    missing = sorted(chosen.keys() - means.keys())
    notes = [f"left out, without a baseline: {', '.join(missing)}"] if missing else []
    kept = [
        replace(item, values=item.values - means[item.participant], is_log_odds=True)
        for item in logs
        if item.participant in means
    ]
    return kept, notes


def find_inside(item: Series, events: "pd.DataFrame | None", code: str) -> npt.NDArray[np.bool_]:
    """Which steps of a recording lie, with their middle, inside an interval with a code."""
    inside = np.zeros(len(item.times_s), dtype=bool)
    if events is None:
        return inside
    rows = events[
        (events["recording"] == item.recording) & (events["code"] == code) & events["end_s"].notna()
    ]
    for start, end in zip(rows["start_s"].astype(float), rows["end_s"].astype(float), strict=True):
        inside |= (item.times_s >= start) & (item.times_s < end)
    return inside


def add_valence(series: Sequence[Series]) -> tuple[list[Series], str]:
    """Add a column: p(happiness) minus the largest of p(anger, disgust, fear, sadness), -1 to 1.

    A projection of the classes' probabilities, published for FaceReader (Noldus, "FaceReader: Methodology
    Note"; Loijens & Krips). It is no measurement of valence, and there is none of arousal or of action
    units.

    Returns:
        The series, and the formula with the classes that the model knows; "" where it has not what is needed.
    """
    if not series:
        return [], ""
    columns = series[0].columns
    negative = [name for name in NEGATIVE if name in columns]
    if "happiness" not in columns or not negative:
        return list(series), ""
    places = [columns.index(name) for name in negative]
    happy = columns.index("happiness")
    extended = []
    for item in series:
        valence = item.values[:, happy] - item.values[:, places].max(axis=1)
        values = np.column_stack([item.values, valence])
        extended.append(replace(item, values=values, columns=(*columns, VALENCE)))
    return extended, f"p(happiness) - max({', '.join(f'p({name})' for name in negative)})"


def group_by_person(series: Sequence[Series], condition: str | None = None) -> dict[str, list[FloatArray]]:
    """To each participant the values of their recordings, of one condition if it is given."""
    grouped: dict[str, list[FloatArray]] = {}
    for item in series:
        if condition is None or item.condition == condition:
            grouped.setdefault(item.participant, []).append(item.values)
    return grouped
