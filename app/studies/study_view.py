"""One study: how far it is, running it, and its parts in tabs."""

from typing import Final

import streamlit as st

from app.shared.background import render_task
from app.shared.confirm import confirm_deletion
from app.shared.messages import error_boundary
from app.shared.model_picker import detector_title
from app.shared.tabs import render_tabs
from app.shared.visitor import get_visitor
from app.studies.curves_view import render_curves
from app.studies.events_view import render_events
from app.studies.exports_view import render_exports
from app.studies.people_view import render_people
from app.studies.recordings_view import render_recordings
from app.studies.study_list import open_study
from fer_core.errors import StudyError
from fer_core.escaping import escape_markdown
from fer_core.studies import Study, StudyState, delete_study, load_study, read_state
from fer_core.studies.task import KIND, find_run, start_run
from fer_core.workspace import Workspace

_TABS: Final = ("Recordings", "People", "Curves", "Events", "Report and export")


def render_study(name: str, workspace: Workspace) -> None:
    """Show one study.

    Raises:
        FerError: there is none of that name, it is of another visitor, or it is damaged.
    """
    study = load_study(workspace, name)
    if not study.is_of(get_visitor()):
        raise StudyError(f"there is no study {name!r}; `fer study` lists them")
    recordings = study.load_recordings()
    state = read_state(study, recordings)
    _render_head(study, workspace)
    _render_run(study, state, workspace)
    for tab, place in render_tabs(_TABS, key="study_tab"):
        with place, error_boundary():
            if tab == _TABS[0]:
                render_recordings(study, recordings, state)
            elif tab == _TABS[1]:
                render_people(study, recordings, state, workspace)
            elif tab == _TABS[2]:
                render_curves(study, recordings, state)
            elif tab == _TABS[3]:
                render_events(study, recordings, state)
            else:
                render_exports(study, state, workspace)


def _render_head(study: Study, workspace: Workspace) -> None:
    title, buttons = st.columns([3, 2], vertical_alignment="bottom")
    title.title(escape_markdown(study.name), anchor=False)
    settings = study.settings
    title.caption(
        f"{escape_markdown(settings.model)} · {escape_markdown(detector_title(settings.detector))} · "
        f"smoothing {settings.smoothing_s:g} s"
    )
    with buttons.container(horizontal=True, horizontal_alignment="right"):
        st.button("All studies", icon=":material/arrow_back:", on_click=open_study, args=("",))
        if st.button("Delete", icon=":material/delete:", key="study_delete"):

            def delete() -> None:
                delete_study(workspace, study.name)
                open_study("")

            confirm_deletion(
                "study",
                f"**{escape_markdown(study.name)}** with its results, events and uploaded recordings. "
                "Recordings that were added by their path stay where they are.",
                delete,
            )


def _render_run(study: Study, state: StudyState, workspace: Workspace) -> None:
    counts, total = state.counts, len(state.recordings)
    if not total:
        return
    task = find_run(study)
    is_running = task is not None and task.is_active
    facts = [f"**{counts['done']:,}** of {total:,} done"]
    facts += [f"**{counts['failed']:,}** failed"] if counts["failed"] else []
    facts += [f"{counts['waiting']:,} waiting"] if counts["waiting"] and not is_running else []
    with st.container(horizontal=True, vertical_alignment="center"):
        left = total - counts["done"]
        if not is_running and left:
            label = "Run" if left == total else "Run the rest"
            if st.button(label, type="primary", icon=":material/play_arrow:"):
                with error_boundary():
                    start_run(study)
                    st.rerun()
        st.markdown(" · ".join(facts), width="content")
    # Recordings that failed say so themselves, in the table; the command's status would only repeat it.
    render_task(workspace, KIND, {"study": study.name}, shows_failure=not counts["failed"])
