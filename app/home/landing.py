"""The landing page: what this is, what is on this machine, and three ways to go on. Never loads torch."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import parse_qs

import streamlit as st

from app.home.machine import Hardware, detect_hardware
from app.shared.messages import RESPONSIBLE_USE as IN_SHORT
from app.shared.model_picker import describe_accuracy, render_fetch_button
from app.shared.navigation import (
    ANALYZE_MEDIA,
    EXPLORE_DATA,
    LIVE_WEBCAM,
    MODELS,
    PAGES,
    RESPONSIBLE_USE,
    TRAIN,
    PageSpec,
)
from app.shared.page_header import page_header
from app.shared.run_format import STATE_ICONS, get_progress, order_by_interest
from fer_core.checkpoint import list_checkpoints
from fer_core.data.store import SCHEMATIC_FACES, list_datasets
from fer_core.escaping import escape_markdown
from fer_core.inference.downloads import YUNET, is_installed
from fer_core.jobs.tasks import list_tasks
from fer_core.runs.reader import list_runs
from fer_core.words import count as count_words
from fer_core.workspace import Workspace

_NUM_SHOWN: Final[int] = 3
_WIDTHS: Final[tuple[int, int]] = (2, 9)


def render() -> None:
    """Render the page."""
    page_header(
        "Facial expression recognition workbench",
        "Train a model, measure it honestly, and use it: it finds faces and reads their **apparent "
        "expressions**, which is how a face looks, not what a person feels.",
    )
    _render_ways()
    _render_machine(Workspace.default())
    st.caption(IN_SHORT)
    st.page_link(RESPONSIBLE_USE.build(), label="Law, consent, licences, and what is kept")


def _render_ways() -> None:
    analyze, live, train = st.columns(3, gap="medium")
    with analyze:
        _render_way(ANALYZE_MEDIA, "Analyze pictures and videos", "Upload some, or take the sample picture.")
    with live:
        _render_way(LIVE_WEBCAM, "Go live", "Point the webcam at a face.")
    with train:
        _render_way(TRAIN, "Train a model", "Watch one learn; the quick one takes a minute.")


def _render_way(page: PageSpec, title: str, text: str) -> None:
    with st.container(border=True, height="stretch", gap="small"):
        st.subheader(f"{page.icon} {title}", anchor=False)
        st.markdown(text)
        if st.button(f"Open {page.title}", key=page.file, type="primary"):
            st.switch_page(page.build())


def _render_machine(workspace: Workspace) -> None:
    """What is at work and what is here: a table of a row each, with links."""
    st.subheader("On this machine", anchor=False)
    with st.container(border=True, gap="xsmall"):
        _render_at_work(workspace)
        models = [
            f"**{escape_markdown(entry.key.removesuffix('/best'))}**, {describe_accuracy(entry.info)}"
            for entry in list_checkpoints(workspace)
        ]
        _render_row(MODELS, "Models", models or ["none yet: the Train page makes one"], len(models))
        datasets = [
            f"**{escape_markdown(info.name)}**, {count_words(info.num_images, 'image')}"
            for info in list_datasets(workspace)
        ]
        if not workspace.dataset(SCHEMATIC_FACES).exists():
            datasets.append(f"**{SCHEMATIC_FACES}**, built in")
        _render_row(EXPLORE_DATA, "Data sets", datasets, len(datasets))
        _render_runs(workspace)
        _render_equipment(workspace)


@contextmanager
def _row(page: PageSpec, label: str, count: int = 0, **link: Any) -> Iterator[None]:
    """A row of the table: a link to a page, and what the block puts beside it."""
    name, facts = st.columns(_WIDTHS, gap="small", vertical_alignment="center")
    badge = f" :gray-badge[{count}]" if count else ""
    name.page_link(page.build(), **{"label": f"{label}{badge}", "icon": page.icon, **link})
    with facts:
        yield


def _render_row(page: PageSpec, label: str, facts: Sequence[str], count: int) -> None:
    """The first few facts in a line, and how many there are beside them."""
    rest = f" · and {len(facts) - _NUM_SHOWN} more" if len(facts) > _NUM_SHOWN else ""
    with _row(page, label, count):
        st.markdown(" · ".join(facts[:_NUM_SHOWN]) + rest)


def _render_at_work(workspace: Workspace) -> None:
    """Background tasks at work, with the way back to them; runs have a row of their own."""
    for task in list_tasks(workspace):
        name, _, query = task.page.partition("?")
        page = PAGES.get(name)
        if task.is_active and page is not None:
            icon = ":material/progress_activity:"
            with _row(page, "At work", icon=icon, query_params=parse_qs(query)):
                st.markdown(f"{escape_markdown(task.title)} · {task.progress.share:.0%}")


def _render_runs(workspace: Workspace) -> None:
    """Links to the runs that are active, then to the newest."""
    runs = sorted(list_runs(workspace), key=order_by_interest)
    with _row(TRAIN, "Training runs", len(runs)), st.container(horizontal=True, gap="small"):
        if not runs:
            st.markdown("none yet")
        for run in runs[:_NUM_SHOWN]:
            progress = f" {get_progress(run):.0%}" if run.is_active else ""
            st.page_link(
                TRAIN.build(),
                label=f"{escape_markdown(run.title)} · {escape_markdown(run.state)}{progress}",
                icon=STATE_ICONS[run.state],
                query_params={"run": run.name},
            )


@st.cache_data(ttl=300, show_spinner=False)
def _hardware() -> Hardware:
    return detect_hardware()


def _render_equipment(workspace: Workspace) -> None:
    """Which detector there is, and what computes."""
    hardware = _hardware()
    accelerator = ", ".join(hardware.accelerators) or "no GPU"
    name, facts = st.columns(_WIDTHS, gap="small", vertical_alignment="center")
    name.markdown("&nbsp;&nbsp;:material/memory:&nbsp; Computer")
    with facts, st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"{hardware}, {escape_markdown(accelerator)}", width="content")
        if is_installed(YUNET, workspace):
            st.markdown("· face detector YuNet", width="content")
        else:
            st.markdown("· face detector Haar: upright, frontal faces only; YuNet is better", width="content")
            render_fetch_button(workspace)
