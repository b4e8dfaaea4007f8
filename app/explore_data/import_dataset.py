"""Importing a data set on the page: the same code as `fer import`."""

from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from app.explore_data.dataset_picker import open_dataset
from app.explore_data.import_form import Plan, render_form
from app.explore_data.import_source import Found, choose_source, forget_imported
from app.explore_data.state import Key, link_to, link_to_import
from app.explore_data.wording import describe_format
from app.shared.background import render_dismiss, render_task
from app.shared.charts import STATIC_CONFIG
from app.shared.state import SharedKey
from app.shared.visitor import get_visitor
from fer_core.data.store import DatasetInfo, load_dataset_info
from fer_core.escaping import escape_markdown
from fer_core.jobs.tasks import BackgroundTask, load_task, start_task
from fer_core.palette import emotion_color
from fer_core.words import count as count_words
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    import plotly.graph_objects as go

_IMPORT: Final[str] = "import"


def render() -> None:
    """Show the import, from the source to the finished data set; the entry point for pages."""
    workspace = Workspace.default()
    above = st.container()
    with above:
        task = render_task(workspace, _IMPORT, _facts(), on_result=lambda done: _render_end(done, workspace))
        if task is not None and task.is_active:
            st.session_state[Key.EXPLORE_IMPORT] = task.name
    # While something runs the questions stay on the page, or Streamlit would forget the answers.
    found = choose_source(workspace)
    if found is None:
        return
    plan = render_form(found, workspace)
    if st.button(
        "Import",
        type="primary",
        icon=":material/download:",
        key="import_start",
        disabled=plan is None or (task is not None and task.is_active),
    ):
        assert plan is not None
        _start(found, plan, workspace)
        st.rerun()


def _facts() -> dict[str, str]:
    return {"visitor": get_visitor()}


def _start(found: Found, plan: Plan, workspace: Workspace) -> None:
    inputs = {item.path.name: item.path for item in plan.votes}
    options = [*plan.options, *(f"--votes={{inputs}}/{name}" for name in inputs)]
    task = start_task(
        workspace,
        kind=_IMPORT,
        title=f"Importing {plan.name}",
        command=["import", found.facts.path, *options],
        page=link_to_import(),
        facts={**_facts(), "source": found.task.name},
        inputs=inputs,
    )
    st.session_state[Key.EXPLORE_IMPORT] = task.name


def _render_end(task: BackgroundTask, workspace: Workspace) -> None:
    """The result; stays until it is closed, or the next import."""
    result = task.result() or {}
    name = str(result.get("dataset"))
    if not workspace.dataset(name).is_dir():  # it was deleted since
        return
    forget_imported(workspace, str(task.facts.get("source", "")))
    if st.session_state.pop(Key.EXPLORE_IMPORT, None) == task.name:
        st.session_state[Key.EXPLORE_REPORT] = task.name
        st.session_state.get(SharedKey.FOLLOWED_TASKS, {}).pop(task.name, None)  # the user sees the result
        st.session_state[Key.EXPLORE_PART] = "Overview"
        open_dataset(name)
        st.rerun()
    info = load_dataset_info(workspace.dataset(name))
    _render_report(info, result, link=f" [Look at it](/{link_to(info.name)})")
    st.plotly_chart(_build_counts(info.name), width="stretch", config=STATIC_CONFIG, key="import_counts")
    render_dismiss(workspace, task, "Close this report")


def render_last_report(dataset: str, workspace: Workspace) -> None:
    """What this session's last import gave, above the data set that it made, until it is closed."""
    name = st.session_state.get(Key.EXPLORE_REPORT)
    if name is None or not (workspace.tasks / name).is_dir():
        return
    task = load_task(workspace, name)
    result = task.result() or {}
    if result.get("dataset") == dataset:
        _render_report(load_dataset_info(workspace.dataset(dataset)), result)
        render_dismiss(workspace, task, "Close this report")


def _render_report(info: DatasetInfo, result: dict[str, Any], *, link: str = "") -> None:
    counts = ", ".join(f"{escape_markdown(split)} {count:,}" for split, count in info.split_counts.items())
    st.success(
        f"**{escape_markdown(info.name)}** has {describe_format(info)} ({counts}).{link}",
        icon=":material/check:",
    )
    if without_face := result.get("num_without_face"):
        total = info.num_images + without_face
        st.warning(
            f"No face was found on {without_face:,} of {count_words(total, 'picture')} "
            f"({100 * without_face / total:.1f} %), which are left out.",
            icon=":material/face:",
        )
    for warning in result.get("warnings", ()):
        st.warning(escape_markdown(warning), icon=":material/content_copy:")
    for note in result.get("notes", ()):
        st.caption(escape_markdown(note))
    if skipped := result.get("skipped"):
        files_were = count_words(result["num_skipped"], "file was", "files were")
        with st.expander(f"{files_were} left out"):
            st.dataframe(
                {"file": [file for file, _ in skipped], "why": [why for _, why in skipped]}, hide_index=True
            )
            if len(skipped) < result["num_skipped"]:
                st.caption(f"The first {len(skipped):,}.")


def _build_counts(name: str) -> "go.Figure":
    """Images of every class, a group of bars a split."""
    import pandas as pd
    import plotly.graph_objects as go

    from app.explore_data.cleanup_data import open_audited

    audited = open_audited(name, Workspace.default())
    table = pd.crosstab(audited.splits, audited.classes)
    names = [item for item in audited.dataset.info.classes if item in table]
    figure = go.Figure(
        [
            go.Bar(
                name=item,
                x=list(audited.dataset.info.split_counts),
                y=[table[item].get(split, 0) for split in audited.dataset.info.split_counts],
                marker_color=emotion_color(item),
            )
            for item in names
        ]
    )
    figure.update_layout(
        height=260,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        yaxis_title="images",
        legend={"orientation": "h", "y": 1.2},
    )
    return figure
