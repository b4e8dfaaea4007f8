"""The report of a study: one HTML file with what was done, with what, and what came of it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from fer_core import __version__
from fer_core.checkpoint import find_checkpoint
from fer_core.errors import CheckpointError
from fer_core.escaping import escape_html, neutralise_cell
from fer_core.studies.charts import build_curves, build_group_bars, list_classes
from fer_core.studies.curves import compute_curves, summarise_groups
from fer_core.studies.faces import list_done
from fer_core.studies.state import StudyState, read_state
from fer_core.studies.study import Study
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

_STYLE: Final[str] = """
body{font:15px/1.5 system-ui,sans-serif;max-width:1000px;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0}.wide{overflow-x:auto}.charts>div{min-width:0}
td,th{padding:.25rem .7rem;border-bottom:1px solid #ddd;text-align:left}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(28rem,100%),1fr));gap:1rem}
"""


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
        f"{counts['done']} of {len(recordings)} recordings ({minutes:.1f} minutes"
        + (f", {persons} participants" if persons else "")
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
        "Means are over the faces of a recording first, then over the recordings of a participant, then over "
        "participants.",
    ]
    if counts["failed"]:
        parts.append(f"{counts['failed']} recordings could not be analyzed.")
    return " ".join(parts)


def _ordinal(number: int) -> str:
    special = {1: "st", 2: "nd", 3: "rd"}
    ending = "th" if number % 100 in (11, 12, 13) else special.get(number % 10, "th")
    return f"{number}{ending}"


def _describe_model(study: Study) -> str:
    try:
        info = find_checkpoint(study.settings.model, Workspace(study.folder.parents[1])).info
    except CheckpointError:
        return ""
    return f", a {info.architecture} of {info.num_parameters:,} parameters with {len(info.classes)} classes"


def write_report(
    study: Study, *, by: str = "condition", step_s: float = 1.0, around: Sequence[str] = ()
) -> str:
    """The report as HTML that needs no other file and no network.

    Args:
        study: of which.
        by: column of the table of recordings that makes the groups.
        step_s: width of the bins of the curves in seconds.
        around: codes of events; the curves around each are shown, too.

    Raises:
        ConfigError: as `compute_curves`.
        StudyError: a table or result is damaged.
    """
    import plotly.io

    state = read_state(study)
    groups = summarise_groups(study, by)
    figures = [build_group_bars(groups)] if len(groups) else []
    for code in ("", *around):
        curves = compute_curves(study, by=by, step_s=step_s, around=code)
        figures += (
            [build_curves(curves, label, around=code) for label in list_classes(curves)]
            if len(curves)
            else []
        )
    for figure in figures:
        figure.update_layout(template="plotly_white")
    charts = "".join(
        f"<div>{plotly.io.to_html(figure, full_html=False, include_plotlyjs=number == 0)}</div>"
        for number, figure in enumerate(figures)
    )
    name = _text(study.name)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Study {name}</title><style>{_STYLE}</style></head><body>
<h1>Study {name}</h1>
<p>The model names apparent expressions, not feelings. Valence, arousal and action units are not measured.</p>
<h2>Methods</h2><p>{_text(describe_methods(study))}</p>
<h2>By {_text(by)}</h2>{_tabulate(groups, by)}
<div class="charts">{charts}</div>
{_list_failures(state)}
<h2>Settings</h2>{_tabulate_settings(study)}
</body></html>
"""


def _text(value: object) -> str:
    return escape_html(str(neutralise_cell(str(value))))


def _tabulate(groups: "pd.DataFrame", by: str) -> str:
    if not len(groups):
        return "<p>Nothing is done yet.</p>"
    classes = list_classes(groups)
    head = "".join(f"<th>{_text(name)}</th>" for name in (by, "participants", "recordings", *classes))
    rows = "".join(
        f"<tr><td>{_text(row['group'])}</td><td>{row['num_participants']}</td><td>{row['num_recordings']}</td>"
        + "".join(f"<td>{row[name]:.1%}</td>" for name in classes)
        + "</tr>"
        for row in groups.to_dict("records")
    )
    return f'<div class="wide"><table><tr>{head}</tr>{rows}</table></div>'


def _list_failures(state: StudyState) -> str:
    failed = {key: item.reason for key, item in state.recordings.items() if item.state == "failed"}
    if not failed:
        return ""
    items = "".join(f"<li>{_text(key)}: {_text(reason)}</li>" for key, reason in failed.items())
    return f"<h2>Not analyzed</h2><ul>{items}</ul>"


def _tabulate_settings(study: Study) -> str:
    import msgspec

    values = {"version": study.record.version, "made": study.record.created.isoformat(timespec="seconds")}
    values |= msgspec.to_builtins(study.settings)
    rows = "".join(f"<tr><td>{_text(key)}</td><td>{_text(value)}</td></tr>" for key, value in values.items())
    return f"<table>{rows}</table>"
