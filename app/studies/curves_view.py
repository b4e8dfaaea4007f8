"""Curves by condition: mean probabilities over time, from the beginning or around an event."""

from typing import TYPE_CHECKING, Final

import streamlit as st

from app.shared.charts import STATIC_CONFIG
from app.shared.messages import empty_state
from fer_core.escaping import escape_markdown
from fer_core.studies import Study, StudyState
from fer_core.studies.charts import build_curves, build_group_bars, list_classes
from fer_core.studies.curves import compute_curves, summarise_groups
from fer_core.studies.new_recordings import OWN_FIELDS
from fer_core.studies.tables import RECORDING_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

_BEGINNING: Final[str] = ""
_STEPS: Final[tuple[float, ...]] = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0)


def render_curves(study: Study, recordings: "pd.DataFrame", state: StudyState) -> None:
    """Show means by group, and curves over time."""
    if not state.counts["done"]:
        empty_state(
            "Nothing to see yet",
            "Add recordings and press **Run**. What is done is shown here at once.",
            icon=":material/show_chart:",
        )
        return
    columns = [*OWN_FIELDS[1:], *(name for name in recordings.columns if name not in RECORDING_COLUMNS)]
    events = study.load_events()
    codes = sorted(set(events["code"]))
    first, second, third = st.columns(3)
    by = first.selectbox("By", columns, index=columns.index("condition"), key="study_by")
    around = second.selectbox(
        "Time from",
        [_BEGINNING, *codes],
        format_func=lambda code: f"each “{escape_markdown(code)}”" if code else "the beginning",
        key="study_around",
        help="The start of the recording, or of every event with this code.",
    )
    step_s = third.select_slider(
        "Seconds per point", _STEPS, 1.0, key="study_step", format_func="{:g}".format
    )
    st.plotly_chart(build_group_bars(summarise_groups(study, by)), config=STATIC_CONFIG, key="study_bars")
    with st.spinner("Reading the results…"):
        curves = _compute(study, _mark(study, state), by, float(step_s), around)
    if curves.empty:
        st.info("No face near such an event.", icon=":material/info:")
        return
    st.caption(
        "Means of participants, each of whom counts once; n is the number of participants. Bands are 95 % "
        "intervals of each point."
    )
    left, right = st.columns(2)
    for number, label in enumerate(list_classes(curves)):
        with (left, right)[number % 2]:
            figure = build_curves(curves, label, around=around)
            st.plotly_chart(figure, config=STATIC_CONFIG, key=f"study_curve_{number}")


def _mark(study: Study, state: StudyState) -> str:
    """What changes when results, recordings or events do."""
    files = [study.folder / name for name in ("results", "recordings.parquet", "events.parquet")]
    return f"{state.counts['done']} {[path.stat().st_mtime_ns for path in files if path.exists()]}"


@st.cache_data(max_entries=20, show_spinner=False, hash_funcs={Study: lambda study: str(study.folder)})
def _compute(study: Study, mark: str, by: str, step_s: float, around: str) -> "pd.DataFrame":
    return compute_curves(study, by=by, step_s=step_s, around=around)
