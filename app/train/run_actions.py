"""What the user can do with a run: stop, resume, clone, delete, tag and annotate it."""

from collections.abc import Callable

import streamlit as st

from app.shared.confirm import confirm_deletion
from app.shared.messages import show_error
from app.train.draft import begin_with_run
from app.train.state import Key
from fer_core.errors import FerError
from fer_core.escaping import escape_markdown
from fer_core.jobs import delete_run, resume_run, stop_run
from fer_core.runs.notes import load_notes, rename_run, save_notes
from fer_core.runs.reader import Run
from fer_core.runs.run_files import RESUMABLE_STATES
from fer_core.workspace import Workspace

NEW_PART = "new"
RUNS_PART = "runs"
ADAPT_PART = "adapt"


def open_run(name: str) -> None:
    """Show a run in place of what is on the page."""
    st.query_params["run"] = name
    open_part(RUNS_PART)


def close_run() -> None:
    """Go back to the list."""
    st.query_params.pop("run", None)
    open_part(RUNS_PART)


def open_part(part: str) -> None:
    """Show the form or the runs from the next rerun on."""
    # Not the widget's own key: it may be on the page already in this run.
    st.session_state[Key.TRAIN_PART_NEXT] = part


def render_actions(run: Run, workspace: Workspace) -> None:
    """The buttons that the run's state allows."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if run.is_active:
            st.button(
                "Stop" if run.state != "queued" else "Remove from the queue",
                icon=":material/stop_circle:",
                disabled=run.state == "stopping",
                on_click=_try,
                args=(lambda: stop_run(run.name, workspace),),
                help="Finishes the step and saves; it can be resumed.",
            )
        if run.state in RESUMABLE_STATES:
            st.button(
                "Resume",
                icon=":material/resume:",
                type="primary",
                on_click=_try,
                args=(lambda: resume_run(run.name, workspace),),
                help="Continues where it was saved.",
            )
        st.button(
            "Clone with changes",
            icon=":material/content_copy:",
            on_click=_try,
            args=(lambda: _clone(run),),
            help="Fills the form with this run's settings.",
        )
        with st.popover("Rename", icon=":material/edit:"):
            _render_rename(run, workspace)
        if st.button(
            "Delete",
            icon=":material/delete:",
            disabled=run.is_active,
            help="Stop it first." if run.is_active else "Asks before anything is removed.",
        ):
            _ask_deletion(run, workspace)
    message = st.session_state.pop(Key.TRAIN_MESSAGE, None)
    if message is not None:
        show_error(FerError(message))


def _render_rename(run: Run, workspace: Workspace) -> None:
    with st.form(f"rename-{run.name}", border=False):
        title = st.text_input(
            "Name", run.title, help="Addresses, models and searches that point to this run stay valid."
        )
        if st.form_submit_button("Rename", icon=":material/edit:"):
            rename_run(run.name, title, workspace)
            st.rerun()


def _try(action: Callable[[], object]) -> None:
    """Do it in a callback, whose errors no page catches: keep the message for the page."""
    try:
        action()
    except FerError as error:
        st.session_state[Key.TRAIN_MESSAGE] = str(error)


def _clone(run: Run) -> None:
    begin_with_run(run.name, run.config)
    close_run()
    open_part(NEW_PART)


def _ask_deletion(run: Run, workspace: Workspace) -> None:
    def delete() -> None:
        delete_run(run.name, workspace)
        close_run()

    confirm_deletion(
        "run",
        f"**{escape_markdown(run.title)}** is deleted with its settings, scores, log and checkpoints. "
        "This can't be undone.",
        delete,
    )


def render_notes(run: Run) -> None:
    """Tags and notes, saved when asked to."""
    known = load_notes(run.folder)
    with st.form(f"notes-{run.name}", border=False):
        tags = st.text_input(
            "Tags", ", ".join(known.tags), placeholder="baseline, paper", help="Separated by commas."
        )
        notes = st.text_area("Notes", known.notes, placeholder="Purpose and result of this run")
        if st.form_submit_button("Save", icon=":material/save:"):
            save_notes(run.folder, tags.split(","), notes)
            st.rerun()
