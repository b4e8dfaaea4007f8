"""The studies: a list, from which one is opened, and the form of a new one."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import streamlit as st

from app.shared.messages import describe_error, empty_state, error_boundary, require_text
from app.shared.model_picker import choose_detector, choose_model
from app.shared.open_list import render_open_list
from app.shared.overlay_options import choose_prior
from app.shared.visitor import get_visitor
from app.shared.voice_models import choose_voice
from app.studies.state import Key
from fer_core.escaping import escape_markdown
from fer_core.studies import Study, StudyState, create_study
from fer_core.studies.state import survey_studies
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

QUERY: Final[str] = "study"
"""Query parameter that names the study that is shown."""


def render_studies(workspace: Workspace) -> None:
    """Show the studies of this visitor, newest first, and the form of a new one."""
    found, problems = survey_studies(workspace)
    studies = {study: state for study, state in found.items() if study.is_of(get_visitor())}
    for name, problem in problems.items():
        st.warning(f"**{escape_markdown(name)}**: {describe_error(problem)}", icon=":material/warning:")
    if not studies:
        empty_state(
            "No study yet",
            "A study is a list of recordings that are analyzed alike, overnight if need be. Give it a name "
            "below, then add recordings with who and what they show.",
            icon=":material/experiment:",
        )
        _render_form(workspace)
        return
    _render_list(studies)
    with st.expander("New study", icon=":material/add:"):
        _render_form(workspace)


def _render_list(studies: Mapping[Study, StudyState]) -> None:
    render_open_list(
        _tabulate(studies),
        [study.name for study in studies],
        key="study_list",
        share="done",
        alt="The studies: name, number of recordings, how many are done and failed, date",
        on_open=open_study,
    )


def _tabulate(studies: Mapping[Study, StudyState]) -> "pd.DataFrame":
    import pandas as pd

    rows = []
    for study, state in studies.items():
        total, counts = len(state.recordings), state.counts
        rows.append(
            {
                "study": study.name,
                "recordings": total,
                "done": counts["done"] / total if total else 0.0,
                "failed": counts["failed"],
                "made": study.record.created.astimezone(),
            }
        )
    return pd.DataFrame(rows)


def open_study(name: str) -> None:
    """Show one study, or the list; a callback."""
    st.query_params.clear()
    if name:
        st.query_params[QUERY] = name


def _render_form(workspace: Workspace) -> None:
    name = st.text_input("Name", key=Key.NAME, placeholder="smiles-2026", max_chars=100)
    codes = st.text_input(
        "Codes",
        placeholder="stimulus, smile",
        help="What you want to mark in the recordings, at most nine words with a comma between them: the "
        "player has a key for each. You can change them later.",
    )
    with st.expander("How recordings are analyzed", icon=":material/tune:"):
        st.caption("The same for all recordings; a study keeps its settings.")
        entry = choose_model(workspace)
        detector = choose_detector(workspace)
        prior = choose_prior([entry] if entry else [])
        voice = choose_voice(workspace, key=Key.VOICE, off="Do not listen")
    if st.button("Make the study", type="primary", icon=":material/add:", disabled=entry is None):
        with error_boundary():
            assert entry is not None
            study = create_study(
                workspace,
                require_text(name, "the study has no name yet; type one above"),
                model=entry.key,
                detector=detector,
                prior=prior,
                voice=voice,
                codes=codes.split(","),
                owner=get_visitor(),
            )
            open_study(study.name)
            st.rerun()
