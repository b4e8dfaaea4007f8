"""Tags of the compared runs, edited where they are compared."""

from collections.abc import Sequence

import streamlit as st

from app.compare_runs.state import Key
from app.shared.messages import show_error
from fer_core.errors import FerError
from fer_core.escaping import escape_markdown
from fer_core.runs.notes import load_notes, save_notes
from fer_core.runs.reader import Run, list_runs
from fer_core.workspace import Workspace


def render_tags(keys: Sequence[str], workspace: Workspace) -> None:
    """A popover with the tags of the chosen runs; models that are no run of this workspace have none."""
    known = {run.name: run for run in list_runs(workspace)}
    chosen = [known[key] for key in keys if key in known]
    message = st.session_state.pop(Key.COMPARE_MESSAGE, None)
    if message:
        show_error(FerError(message))
    if not chosen:
        return
    words = sorted({tag for run in known.values() for tag in run.tags})
    popover = st.popover("Tags", icon=":material/sell:", help="Edit the tags of the chosen runs.")
    with popover, st.form("compare-tags", border=False):
        edited = {run.name: _edit(run, words) for run in chosen}
        is_saved = st.form_submit_button("Save", icon=":material/save:")
    if is_saved:
        _save(chosen, edited)
        st.rerun()


def _edit(run: Run, words: Sequence[str]) -> list[str]:
    tags: list[str] = st.multiselect(
        escape_markdown(run.title),
        list(dict.fromkeys([*run.tags, *words])),
        default=run.tags,
        accept_new_options=True,
        placeholder="baseline, paper",
        # Of the stored tags too: tags that were changed elsewhere begin anew here.
        key=f"compare-tags-{run.name}-{','.join(run.tags)}",
    )
    return tags


def _save(runs: Sequence[Run], edited: dict[str, list[str]]) -> None:
    try:
        for run in runs:
            if tuple(edited[run.name]) != tuple(run.tags):
                save_notes(run.folder, edited[run.name], load_notes(run.folder).notes)
    except FerError as error:
        st.session_state[Key.COMPARE_MESSAGE] = str(error)
