"""Train: start a training run and watch it learn."""

import streamlit as st

from app.shared.background import open_asked_part
from app.shared.page_header import page_header
from app.train.adapt import render_adapt
from app.train.form import render_form
from app.train.launch import render_launch
from app.train.run_actions import ADAPT_PART, NEW_PART, RUNS_PART, open_run
from app.train.run_table import render_list
from app.train.run_view import render_run
from app.train.state import Key
from fer_core.workspace import Workspace

TITLES = {
    NEW_PART: ":material/add: New run",
    RUNS_PART: ":material/timeline: Runs",
    ADAPT_PART: ":material/face: Adapt to your faces",
}


def main() -> None:
    workspace = Workspace.default()
    name = st.query_params.get("run")
    if name is not None:
        render_run(name, workspace)
        return
    page_header("Train", "Train a model to read **apparent expressions**, and watch it learn.")
    part = _choose_part()
    if part == RUNS_PART:
        render_list(workspace)
    elif part == ADAPT_PART:
        render_adapt(workspace)
    else:
        _render_new_run(workspace)


def _choose_part() -> str:
    open_asked_part(Key.TRAIN_PART_NEXT, TITLES)
    following = st.session_state.pop(Key.TRAIN_PART_NEXT, None)
    if following is not None or Key.TRAIN_PART not in st.session_state:
        st.session_state[Key.TRAIN_PART] = following or NEW_PART
    part: str | None = st.segmented_control(
        "Part",
        list(TITLES),
        required=True,
        format_func=TITLES.__getitem__,
        key=Key.TRAIN_PART,
        label_visibility="collapsed",
        persist_state="session",
    )
    return part or NEW_PART


def _render_new_run(workspace: Workspace) -> None:
    form, panel = st.columns([5, 3], gap="large")
    with form:
        config = render_form(workspace)
    with panel, st.container(border=True):
        run = render_launch(config, workspace)
    if run is not None:
        open_run(run.name)
        st.rerun()


if __name__ == "__main__":
    main()
