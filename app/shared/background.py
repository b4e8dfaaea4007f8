"""Work in the background as pages show it: one view of a task, and what is at work in the navigation."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

import streamlit as st

from app.shared.messages import error_boundary, escape_markdown
from app.shared.navigation import PAGES
from app.shared.state import SharedKey
from fer_core.jobs.background import (
    BackgroundTask,
    cancel_task,
    find_task,
    list_tasks,
    load_task,
    prune_tasks,
)
from fer_core.workspace import Workspace

_REFRESH_S: Final[float] = 1.0
_PRUNE_EVERY_S: Final[float] = 3600.0


def render_task(
    workspace: Workspace,
    kind: str,
    facts: Mapping[str, Any] | None = None,
    *,
    on_result: Callable[[BackgroundTask], None] | None = None,
    show_error: bool = True,
) -> BackgroundTask | None:
    """Show the newest task of a kind with these facts: how far it is, what came of it, or why it failed.

    While it is at work a fragment looks at its files every second; once it ended the page is redrawn.

    Args:
        workspace: where it works.
        kind: of the task.
        facts: that it must have.
        on_result: draws what a finished task found.
        show_error: whether this tells why a task failed; otherwise the page does.

    Returns:
        The task; None if there is none.
    """
    task = find_task(workspace, kind, facts)
    if task is None:
        return None
    if task.is_active:
        _watch(workspace, task.name)
        return task
    _get_followed().pop(task.name, None)  # the user sees what came of it
    if task.state == "finished" and on_result is not None:
        on_result(task)
    elif task.error and show_error:
        st.error(escape_markdown(f"{task.title}: {task.error}"), icon=":material/error:")
    return task


@st.fragment(run_every=_REFRESH_S)
def _watch(workspace: Workspace, name: str) -> None:
    with error_boundary():
        task = load_task(workspace, name)
        if not task.is_active:
            st.rerun()
        progress = task.progress
        text = "Cancelling…" if task.is_cancelling else progress.text or "Starting…"
        st.progress(progress.share, escape_markdown(text[:1].upper() + text[1:]))
        st.button(
            "Cancel",
            icon=":material/stop_circle:",
            key=f"cancel-{task.kind}",
            disabled=task.is_cancelling,
            on_click=_cancel,
            args=(workspace, name),
        )


def _cancel(workspace: Workspace, name: str) -> None:
    with error_boundary():
        cancel_task(workspace, name)


def render_at_work(workspace: Workspace) -> None:
    """What is at work, with the way back to it; for every page. Draws nothing where nothing is."""
    _prune(workspace)
    tasks = list_tasks(workspace)
    followed = _get_followed()
    followed |= {task.name: None for task in tasks if task.is_active}
    shown = [task for task in tasks if task.name in followed]
    if any(task.is_active for task in shown):
        _watch_work(workspace, [task.name for task in shown])
    elif shown:
        _render_work(shown)


def _get_followed() -> dict[str, None]:
    """Tasks that this session saw at work, until it sees what came of them."""
    followed: dict[str, None] = st.session_state.setdefault(SharedKey.FOLLOWED_TASKS, {})
    return followed


@st.cache_data(ttl=_PRUNE_EVERY_S, show_spinner=False)
def _prune(workspace: Workspace) -> None:
    prune_tasks(workspace)


@st.fragment(run_every=2 * _REFRESH_S)
def _watch_work(workspace: Workspace, names: list[str]) -> None:
    with error_boundary():
        _render_work([load_task(workspace, name) for name in names if (workspace.tasks / name).is_dir()])


def _render_work(tasks: list[BackgroundTask]) -> None:
    count = sum(task.is_active for task in tasks)
    icon, label = ("progress_activity", "at work") if count else ("task_alt", "ended")
    row = st.container(key="at-work", horizontal=True, horizontal_alignment="right")
    with row.popover(f":material/{icon}: {count or len(tasks)} {label}", type="tertiary", key="at-work-list"):
        for task in tasks:
            _render_row(task)


def _render_row(task: BackgroundTask) -> None:
    progress = task.progress
    if task.is_active:
        state = f"{progress.share:.0%} · {progress.text}" if progress.total else progress.text or "starting"
    else:
        state = {"finished": "done", "cancelled": "cancelled"}.get(task.state, "failed")
    name, _, query = task.page.partition("?")
    page = PAGES.get(name)
    if page is not None:
        parameters = {key: values[-1] for key, values in parse_qs(query).items()}
        st.page_link(page.build(), label=escape_markdown(task.title), icon=page.icon, query_params=parameters)
    st.caption(escape_markdown(state))
