"""Mean probabilities over time, by condition: within recordings, then participants, then over these."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from fer_core.errors import ConfigError, StudyError
from fer_core.studies.faces import list_done, read_columns
from fer_core.studies.state import read_state
from fer_core.studies.steps import TINY, find_steps
from fer_core.studies.study import Study
from fer_core.studies.tables import list_rows

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

ALL: Final[str] = "all"
"""Name of the group of recordings without a condition."""
HALF_WIDTH: Final[str] = "half-width of "
"""Before the name of a class: the column of its intervals."""
MAX_BINS: Final[int] = 2_000


def compute_curves(
    study: Study,
    *,
    by: str = "condition",
    step_s: float = 1.0,
    around: str = "",
    window_s: tuple[float, float] = (-2.0, 5.0),
) -> "pd.DataFrame":
    """The mean probability of each class over time, for each group of recordings.

    Every recording gives one curve, the mean over its faces in each bin; recordings of one participant in one
    group are averaged, then participants. So a participant counts once, however long or often recorded.

    Args:
        study: of which.
        by: column of the table of recordings that makes the groups.
        step_s: width of a bin in seconds.
        around: code of an event: time is then counted from the start of each, and its bins are averaged
            within recordings first. Empty for time from the beginning.
        window_s: seconds before (negative) and after the event.

    Returns:
        Columns `group`, `time_s` (middle of the bin), `num_participants`, `num_recordings`, and one per class
        (0 to 1); then, after `HALF_WIDTH`, half of the width of each one's 95 % interval, by Student's t over
        the participants' means, missing where there is but one. Empty if nothing is done.

    Raises:
        ConfigError: there is no such column, or the step makes no sense.
        StudyError: a result can't be read.
    """
    import numpy as np
    import pandas as pd
    from scipy.special import stdtrit

    done = list_done(study)
    if by not in done.columns:
        raise ConfigError(f"the recordings have no column {by!r}; expected one of {', '.join(done.columns)}")
    if not 0.01 <= step_s <= 3600 or not window_s[0] < window_s[1]:
        raise ConfigError(f"a step of {step_s:g} s in {window_s}; expected 0.01 to 3600 s and a window")
    parts = list(_compute_each(study, done, by, step_s, around, window_s))
    if not parts:
        return pd.DataFrame(columns=["group", "time_s", "num_participants", "num_recordings"])
    curves = pd.concat(parts, ignore_index=True)
    classes = [name for name in curves.columns if name not in ("group", "participant", "recording", "bin")]
    within = curves.groupby(["group", "participant", "bin"])
    persons = within[classes].mean().assign(num_recordings=within.size()).reset_index()
    groups = persons.groupby(["group", "bin"])
    means = groups[classes].mean()
    means.insert(0, "num_recordings", groups["num_recordings"].sum())
    means.insert(0, "num_participants", groups.size())
    quantile = stdtrit(np.maximum(means["num_participants"] - 1, 1), 0.975)
    factor = quantile / np.sqrt(means["num_participants"])
    widths = groups[classes].std().mul(factor, axis=0).add_prefix(HALF_WIDTH)
    means = means.join(widths).reset_index()
    means.insert(1, "time_s", (means.pop("bin") + 0.5) * step_s)
    return means


def _compute_each(
    study: Study, done: "pd.DataFrame", by: str, step_s: float, around: str, window_s: tuple[float, float]
) -> "Iterator[pd.DataFrame]":
    """A curve per recording: `group`, `participant`, `recording`, `bin`, and one column per class."""
    import numpy as np
    import pandas as pd

    states = read_state(study, done).recordings
    events = study.load_events()
    events = events[events["code"] == around]
    for row in list_rows(done):
        recording = row["recording"]
        summary = states[recording].summary
        if summary is None:
            raise StudyError(f"{recording} is not done any more; run the study again")
        times, values = _read_values(study, recording, summary.classes)
        if around:
            starts = events.loc[events["recording"] == recording, "start_s"].to_numpy(float)
            places = [np.flatnonzero(_is_within(times - start, window_s)) for start in starts]
            shifts = [times[place] - start for place, start in zip(places, starts, strict=True)]
            times = np.concatenate([*shifts, times[:0]])
            values = values[:, np.concatenate([*places, np.arange(0)])]
        if not len(times):
            continue
        bins = find_steps(times, step_s)
        if bins.max() - bins.min() > MAX_BINS:
            raise ConfigError(
                f"{recording} has more than {MAX_BINS:,} bins of {step_s:g} s; choose longer ones"
            )
        places = bins - bins.min()
        counts = np.bincount(places)
        is_there = counts > 0
        means = {
            name: np.bincount(places, column)[is_there] / counts[is_there]
            for name, column in zip(summary.classes, values, strict=True)
        }
        curve = pd.DataFrame({"bin": np.flatnonzero(is_there) + bins.min(), **means})
        curve.insert(0, "recording", recording)
        curve.insert(0, "participant", row["participant"] or f"recording {recording}")
        curve.insert(0, "group", row[by] or ALL)
        yield curve


def _read_values(
    study: Study, recording: str, classes: Sequence[str]
) -> "tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]":
    """When faces are seen, N seconds, and their probabilities, classes x N."""
    import numpy as np

    table = read_columns(study, recording, ["time_s", "track_id", *classes])
    table = table.filter(table["track_id"].is_valid())
    columns = [table[name].to_numpy() for name in classes]
    return table["time_s"].to_numpy(), np.array(columns).reshape(len(columns), len(table))


def _is_within(times: "npt.NDArray[np.float64]", window_s: tuple[float, float]) -> "npt.NDArray[np.bool_]":
    return (times >= window_s[0] - TINY) & (times < window_s[1] - TINY)


def summarise_groups(study: Study, by: str = "condition") -> "pd.DataFrame":
    """The mean share of each class by group, from the summaries alone: participants count once each.

    Returns:
        Columns `group`, `num_participants`, `num_recordings`, and one per class; empty if nothing is done.
    """
    import pandas as pd

    done = list_done(study)
    states = read_state(study, done).recordings
    rows = []
    for row in list_rows(done):
        summary = states[row["recording"]].summary
        if summary is not None and summary.mean_shares:
            facts = {
                "group": row[by] or ALL,
                "participant": row["participant"] or f"recording {row['recording']}",
            }
            rows.append({**facts, **summary.mean_shares})
    if not rows:
        return pd.DataFrame(columns=["group", "num_participants", "num_recordings"])
    table = pd.DataFrame(rows)
    classes = list(table.columns[2:])
    within = table.groupby(["group", "participant"])
    persons = within[classes].mean().assign(num_recordings=within.size()).reset_index()
    groups = persons.groupby("group")
    means = groups[classes].mean()
    means.insert(0, "num_recordings", groups["num_recordings"].sum())
    means.insert(0, "num_participants", groups.size())
    return means.reset_index()
