"""Work in the background as pages show it: one view of a task, and what is at work in the navigation."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

import streamlit as st

from app.shared.messages import error_boundary
from app.shared.navigation import PAGES
from app.shared.state import SharedKey
from fer_core.escaping import escape_markdown
from fer_core.jobs.tasks import (
    BackgroundTask,
    cancel_task,
    delete_task,
    find_task,
    list_tasks,
    load_task,
    prune_tasks,
)
from fer_core.workspace import Workspace

_REFRESH_S: Final[float] = 1.0
_PRUNE_EVERY_S: Final[float] = 3600.0
_PART: Final[str] = "part"
"""Query parameter that opens a part of a page; see `open_asked_part`."""


def render_task(
    workspace: Workspace,
    kind: str,
    facts: Mapping[str, Any] | None = None,
    *,
    on_result: Callable[[BackgroundTask], None] | None = None,
    shows_failure: bool = True,
) -> BackgroundTask | None:
    """Show the newest task of a kind with these facts: its progress, its result, or why it failed.

    While it is at work a fragment looks at its files every second; once it ended the page is redrawn.

    Args:
        workspace: where it works.
        kind: of the task.
        facts: that it must have.
        on_result: draws what a finished task found.
        shows_failure: whether this tells why a task failed; otherwise the page does.

    Returns:
        The task; None if there is none.
    """
    task = find_task(workspace, kind, facts)
    if task is None:
        return None
    if task.is_active:
        watch_tasks(workspace, {task.name: ""})
    elif task.state == "finished" and on_result is not None:
        on_result(task)
    elif task.error and shows_failure:
        st.error(escape_markdown(f"{task.title}: {task.error}"), icon=":material/error:")
        render_dismiss(workspace, task)
    return task


def render_dismiss(workspace: Workspace, task: BackgroundTask, label: str = "Dismiss") -> None:
    """A button that forgets a task that has ended, with what it found."""
    st.button(
        label,
        icon=":material/close:",
        type="tertiary",
        key=f"dismiss-{task.name}",
        on_click=_act,
        args=(delete_task, workspace, task.name),
    )


@st.fragment(run_every=_REFRESH_S)
def watch_tasks(workspace: Workspace, titles: Mapping[str, str]) -> None:
    """Show how far tasks at work are, and draw the page anew as soon as one of them has ended.

    Args:
        workspace: where they work.
        titles: what each is called, by its name; empty where there is one.
    """
    with error_boundary():
        for name, title in titles.items():
            task = load_task(workspace, name)
            if not task.is_active:
                st.rerun()
            _render_progress(workspace, task, title)


def _render_progress(workspace: Workspace, task: BackgroundTask, title: str) -> None:
    progress = task.progress
    text = "cancelling…" if task.is_cancelling else progress.text or "starting…"
    is_named = ": " in text  # "fer-tiny on press: loading" keeps the model's name as it is
    words = text if is_named else text[:1].upper() + text[1:]
    st.progress(progress.share, escape_markdown(f"{title} · {text}" if title else words))
    st.button(
        "Cancel",
        icon=":material/stop_circle:",
        key=f"cancel-{task.name}",
        disabled=task.is_cancelling,
        on_click=_act,
        args=(cancel_task, workspace, task.name),
    )


def _act(action: Callable[[Workspace, str], None], workspace: Workspace, name: str) -> None:
    with error_boundary():
        action(workspace, name)


def open_asked_part(key: str, parts: Iterable[str]) -> None:
    """Open the part of a page that the link asks for (`?part=`), once; call it before the widget is drawn.

    Args:
        key: of the widget that chooses between the parts.
        parts: its options; the one that holds the asked word is opened.
    """
    asked = st.query_params.get(_PART, "")
    found = [part for part in parts if asked and asked in part]
    if found:
        del st.query_params[_PART]
        st.session_state[key] = found[0]


def render_at_work(workspace: Workspace, page: str) -> None:
    """What is at work, with the way back to it; for every page. Draws nothing where nothing is.

    Args:
        workspace: where it works.
        page: name of the page that is shown.
    """
    _prune(workspace)
    followed: dict[str, None] = st.session_state.setdefault(SharedKey.FOLLOWED_TASKS, {})
    shown = []
    for task in list_tasks(workspace):
        if task.is_active:
            followed[task.name] = None
        elif task.name in followed and _is_shown(task, page):
            del followed[task.name]  # the user sees the result
        if task.name in followed:
            shown.append(task)
    if any(task.is_active for task in shown):
        _watch_work(workspace, [task.name for task in shown])
    elif shown:
        _render_work(shown)


@st.cache_data(ttl=_PRUNE_EVERY_S, show_spinner=False)
def _prune(workspace: Workspace) -> None:
    prune_tasks(workspace)


def _parse_address(task: BackgroundTask) -> tuple[str, dict[str, list[str]]]:
    name, _, query = task.page.partition("?")
    return name, parse_qs(query)


def _is_shown(task: BackgroundTask, page: str) -> bool:
    name, query = _parse_address(task)
    return name == page and all(st.query_params.get_all(key) == query[key] for key in query if key != _PART)


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
    name, query = _parse_address(task)
    with st.container(gap="xxsmall"):
        if page := PAGES.get(name):
            st.page_link(page.build(), label=escape_markdown(task.title), icon=page.icon, query_params=query)
        st.caption(escape_markdown(state))
