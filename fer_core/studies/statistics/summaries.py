"""Means by person, condition, event and time around one; how often and how long expressions are seen.

Tables of means have the columns `column` (class or valence), `value`, `low`, `high`, `num_persons`,
`num_values` and `note`, after what they are of.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fer_core.studies.statistics.bootstrap import NUM_RESAMPLES, FloatArray, estimate_mean
from fer_core.studies.statistics.series import STEP_S, Series, find_inside, group_by_person
from fer_core.studies.steps import find_steps

if TYPE_CHECKING:
    import pandas as pd

Group = tuple[Mapping[str, Any], Mapping[str, Sequence[FloatArray]]]


def summarise_conditions(series: Sequence[Series], num_resamples: int = NUM_RESAMPLES) -> "pd.DataFrame":
    """Means per `condition`, over persons."""
    conditions = dict.fromkeys(item.condition for item in series)
    groups = [({"condition": name}, group_by_person(series, name)) for name in conditions]
    return _summarise(groups, series, num_resamples)


def summarise_persons(series: Sequence[Series], num_resamples: int = NUM_RESAMPLES) -> "pd.DataFrame":
    """Means per `participant` and `condition`, over the time of each recording, then over recordings."""
    keys = dict.fromkeys((item.participant, item.condition) for item in series)
    groups = [
        ({"participant": person, "condition": name}, {person: group_by_person(series, name)[person]})
        for person, name in keys
    ]
    return _summarise(groups, series, num_resamples)


def summarise_codes(
    series: Sequence[Series], events: "pd.DataFrame", num_resamples: int = NUM_RESAMPLES
) -> "pd.DataFrame":
    """Means inside the intervals of each `code`: of each recording, then over recordings and persons."""
    groups = []
    for code in events.loc[events["end_s"].notna(), "code"].drop_duplicates():
        parts: dict[str, list[FloatArray]] = {}
        for item in series:
            parts.setdefault(item.participant, []).append(item.values[find_inside(item, events, code)])
        groups.append(({"code": code}, parts))
    return _summarise(groups, series, num_resamples)


def summarise_around(
    series: Sequence[Series],
    events: "pd.DataFrame",
    code: str,
    *,
    before_s: float = 2.0,
    after_s: float = 5.0,
    num_resamples: int = NUM_RESAMPLES,
) -> "pd.DataFrame":
    """Means per step of time before and after the beginnings of a code: `time_s` is 0 there.

    Each occurrence counts once for its person, each person once. Steps outside a recording, or without a
    face, are missing for that occurrence. The intervals are of each point in time, not of the curve as a
    whole.
    """
    offsets = np.arange(-math.floor(before_s / STEP_S + 1e-9), math.floor(after_s / STEP_S + 1e-9) + 1)
    windows: dict[str, list[FloatArray]] = {}
    for item in series:
        rows = events[(events["recording"] == item.recording) & (events["code"] == code)]
        padded = np.vstack([item.values, np.full((1, len(item.columns)), np.nan)])
        for start in rows["start_s"].astype(float):
            place = int(find_steps(start, STEP_S)) + offsets
            place = np.where((place >= 0) & (place < len(item.values)), place, len(item.values))
            windows.setdefault(item.participant, []).append(padded[place])
    groups: list[Group] = []
    for index, offset in enumerate(offsets):
        at_step = {name: [window[index : index + 1] for window in items] for name, items in windows.items()}
        groups.append(({"code": code, "time_s": round(float(offset) * STEP_S, 6)}, at_step))
    return _summarise(groups, series, num_resamples)


def _summarise(groups: Iterable[Group], series: Sequence[Series], num_resamples: int) -> "pd.DataFrame":
    import pandas as pd

    columns = series[0].columns if series else ()
    rows = []
    facts: Mapping[str, Any] = {}
    for facts, persons in groups:
        found = estimate_mean(persons, num_values=len(columns), num_resamples=num_resamples)
        for place, column in enumerate(columns):
            rows.append({**facts, "column": column, **found.describe(place, series[0].bound(column))})
    names = [*facts, "column", "value", "low", "high", "num_persons", "num_values", "note"]
    return pd.DataFrame(rows, columns=names)


def count_expressions(series: Sequence[Series]) -> "pd.DataFrame":
    """How often and how long each label is seen, per recording.

    Columns `recording`, `participant`, `condition`, `label`, `share` (of the steps with a face), `count`,
    `per_minute` (of the time in which frames with a face are shown), `mean_s` and `total_s` (how long it
    lasts; NaN if it never does), `first_s` (first onset). A label that never occurs has a row, with a
    count of 0.
    """
    import pandas as pd

    rows = []
    for item in series:
        lengths = item.intervals["end_s"] - item.intervals["start_s"]
        num_seen = sum(bool(label) for label in item.labels)
        for label in (name for name in item.columns if name != "valence"):
            is_label = item.intervals["code"] == label
            count = int(is_label.sum())
            num_steps = sum(name == label for name in item.labels)
            rows.append(
                {
                    "recording": item.recording,
                    "participant": item.participant,
                    "condition": item.condition,
                    "label": label,
                    "share": num_steps / num_seen if num_seen else math.nan,
                    "count": count,
                    "per_minute": 60 * count / item.seen_s if item.seen_s else math.nan,
                    "mean_s": float(lengths[is_label].mean()) if count else math.nan,
                    "total_s": float(lengths[is_label].sum()),
                    "first_s": float(item.intervals.loc[is_label, "start_s"].min()) if count else math.nan,
                }
            )
    return pd.DataFrame(rows)


def summarise_expressions(
    counts: "pd.DataFrame", measure: str, num_resamples: int = NUM_RESAMPLES
) -> "pd.DataFrame":
    """Mean of a measure of `count_expressions` per condition and label, over persons.

    A person's value is the mean of their recordings; recordings in which it is not defined do not count.
    """
    import pandas as pd

    by_person = counts.groupby(["condition", "label", "participant"], sort=False)[measure].mean()
    grouped: dict[tuple[str, str], dict[str, list[FloatArray]]] = {}
    for item in by_person.reset_index().to_dict("records"):
        persons = grouped.setdefault((item["condition"], item["label"]), {})
        persons[item["participant"]] = [np.array([[item[measure]]])]
    rows = []
    for (condition, label), persons in grouped.items():
        found = estimate_mean(persons, num_values=1, num_resamples=num_resamples)
        most = 1.0 if measure == "share" else math.inf
        rows.append({"condition": condition, "label": label, **found.describe(0, (0.0, most))})
    return pd.DataFrame(rows, columns=["condition", "label", "value", "low", "high", "num_persons", "note"])
