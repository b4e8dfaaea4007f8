"""The report of a study: one HTML file with what was done, with what, and what came of it."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fer_core import __version__
from fer_core.errors import CheckpointError, ConfigError, StudyError
from fer_core.evaluation.html_page import render_page, render_table, show_text
from fer_core.studies.charts import build_curves, list_classes
from fer_core.studies.curves import MAX_BINS, compute_curves
from fer_core.studies.faces import list_done, load_faces, require_done, to_voices
from fer_core.studies.models import find_model
from fer_core.studies.state import State, StudyState, read_state
from fer_core.studies.statistics.methods import ReportOptions
from fer_core.studies.statistics.report import render_statistics
from fer_core.studies.study import Study
from fer_core.words import count as count_words
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    import plotly.graph_objects as go


def describe_methods(study: Study) -> str:
    """A paragraph for the methods section: every setting, version and number, in plain sentences."""
    recordings = study.load_recordings()
    counts = read_state(study, recordings).counts
    done = list_done(study)
    settings = study.settings
    persons = int(done["participant"].nunique())
    groups = sorted(str(item) for item in done["condition"].dropna().unique())
    minutes = float(done["duration_s"].fillna(0).sum()) / 60
    prior = {"general": "shares chosen across several data sets", "training": "those of the training data"}
    parts = [
        f"{counts['done']} of {count_words(len(recordings), 'recording')} ({minutes:.1f} minutes"
        + (f", {count_words(persons, 'participant')}" if persons else "")
        + (f"; conditions: {', '.join(groups)}" if groups else "")
        + f") were analyzed with FER workbench {__version__}.",
        f"Faces were found by the detector {settings.detector} in every {_ordinal(settings.detect_every)} "
        "frame and followed in between.",
        f"The apparent expression of each face was classified by the model {settings.model}"
        f"{_describe_model(study)} (SHA-256 of its weights {settings.model_sha256}).",
        f"Expected class frequencies: {prior.get(settings.prior, settings.prior)}.",
        "Probabilities were "
        + (
            f"smoothed over time with a time constant of {settings.smoothing_s:g} s."
            if settings.smoothing_s
            else "not smoothed over time."
        ),
        f"The apparent expression of voices was classified by the model {settings.voice} (SHA-256 of its "
        f"weights {settings.voice_sha256}) where Silero's detector finds speech."
        if settings.voice
        else "",
        "Means over all faces, such as the curves over time, are over the faces of a recording first, then "
        "over the recordings of a participant, then over participants.",
    ]
    if counts["failed"]:
        parts.append(f"{counts['failed']} recordings could not be analyzed.")
    return " ".join(filter(None, parts))


def _ordinal(number: int) -> str:
    special = {1: "st", 2: "nd", 3: "rd"}
    ending = "th" if number % 100 in (11, 12, 13) else special.get(number % 10, "th")
    return f"{number}{ending}"


def _describe_model(study: Study) -> str:
    try:
        workspace = Workspace(study.folder.parents[1])
        info = find_model(study.settings.model, study.settings.model_sha256, workspace).info
    except (CheckpointError, StudyError):
        return ""
    return f", a {info.architecture} of {info.num_parameters:,} parameters with {len(info.classes)} classes"


def write_report(
    study: Study,
    *,
    by: str = "condition",
    step_s: float | None = None,
    around: Sequence[str] = (),
    options: ReportOptions | None = None,
) -> str:
    """The report as HTML that needs no other file and no network.

    Args:
        study: of which.
        by: column of the table of recordings that makes the groups.
        step_s: width of the bins of the curves in seconds; None for 1 s, or more where a recording is so long
            that it would have too many.
        around: codes of events; the curves around each are shown by group, too.
        options: how the statistics are computed.

    Raises:
        DataError: nobody has the baseline that is asked for.
        ConfigError: as `compute_curves`, or no event has one of the codes.
        StudyError: a table or result is damaged, or the study has no recordings. Where none of them is done,
            the report says why.
    """
    state = read_state(study)
    if not state.recordings:
        require_done(study)
    body = [
        "<p>The model names apparent expressions, not feelings. No arousal or action units are measured.</p>",
        f"<h2>Analysis</h2><p>{show_text(describe_methods(study))}</p>",
        _render_results(study, state, by, step_s, around, options or ReportOptions()),
        _list_reasons(state, "failed", "Not analyzed"),
        _list_reasons(state, "done", "To be looked at"),
        "<h2>Settings</h2>",
        _tabulate_settings(study),
    ]
    return render_page(f"Study {study.name}", "\n".join(body))


def _render_results(
    study: Study,
    state: StudyState,
    by: str,
    step_s: float | None,
    around: Sequence[str],
    options: ReportOptions,
) -> str:
    charts: list[go.Figure] = []
    is_of_faces = options.of == "faces"
    done, events = list_done(study), study.load_events()
    known = sorted(set(events["code"]))
    if unknown := [code for code in around if code not in known]:
        raise ConfigError(f"no event has the code {unknown[0]!r}; there are: {', '.join(known) or 'none'}")
    longest_s = max(
        (item.summary.duration_s for item in state.recordings.values() if item.summary), default=0.0
    )
    for code in ("", *around) if is_of_faces else ():
        fitting_s = 1.0 if code else max(1.0, math.ceil(longest_s / MAX_BINS))
        curves = compute_curves(study, by=by, step_s=fitting_s if step_s is None else step_s, around=code)
        if len(curves):
            charts += [build_curves(curves, label, around=code) for label in list_classes(curves)]
    if done.empty:
        return "<p>Nothing is done yet.</p>"
    loaded = (load_faces(study, recording) for recording in done["recording"])
    tables = (faces if is_of_faces else to_voices(faces) for faces in loaded)
    return render_statistics(done.assign(condition=done[by]), tables, events, options, charts)


def _list_reasons(state: StudyState, which: State, title: str) -> str:
    found = {
        key: item.reason for key, item in state.recordings.items() if item.state == which and item.reason
    }
    if not found:
        return ""
    items = "".join(f"<li>{show_text(key)}: {show_text(reason)}</li>" for key, reason in found.items())
    return f"<h2>{title}</h2><ul>{items}</ul>"


def _tabulate_settings(study: Study) -> str:
    import msgspec

    values = {"version": study.record.version, "made": study.record.created.isoformat(timespec="seconds")}
    values |= msgspec.to_builtins(study.settings)
    return render_table(
        ["setting", "value"], [[show_text(key), show_text(str(value))] for key, value in values.items()]
    )
