"""The landing page: what this is, what is on this machine, and three ways to go on. Never loads torch."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from app.home.machine import Hardware, detect_hardware
from app.shared.messages import RESPONSIBLE_USE as IN_SHORT
from app.shared.model_picker import describe_accuracy, render_fetch_button
from app.shared.navigation import (
    ANALYZE_MEDIA,
    EXPLORE_DATA,
    LIVE_WEBCAM,
    MODELS,
    RESPONSIBLE_USE,
    TRAIN,
    PageSpec,
)
from app.shared.page_header import page_header
from app.shared.run_format import STATE_ICONS, order_by_interest
from fer_core.checkpoint import list_checkpoints
from fer_core.data.store import SCHEMATIC_FACES, list_datasets
from fer_core.escaping import escape_markdown
from fer_core.inference.downloads import YUNET, is_installed
from fer_core.runs.reader import list_runs
from fer_core.workspace import Workspace

_NUM_SHOWN: Final[int] = 3


def render() -> None:
    """Render the page."""
    page_header(
        "Facial expression recognition workbench",
        "Train a model, measure it honestly, and use it on pictures, videos and the live webcam: it finds "
        "faces and reads their **apparent expressions**.",
    )
    _render_ways()
    _render_machine(Workspace.default())
    st.caption(IN_SHORT)
    st.page_link(RESPONSIBLE_USE.build(), label="Law, consent, licences, and what is kept")


def _render_ways() -> None:
    analyze, live, train = st.columns(3, gap="medium")
    with analyze:
        _render_way(
            ANALYZE_MEDIA,
            "Analyze pictures and videos",
            "Upload pictures or a video, or take the sample picture.",
        )
    with live:
        _render_way(LIVE_WEBCAM, "Go live", "Point the webcam at a face and watch its apparent expression.")
    with train:
        _render_way(
            TRAIN,
            "Train a model",
            "Start a run and watch it learn; the quick one takes about a minute.",
        )


def _render_way(page: PageSpec, title: str, text: str) -> None:
    with st.container(border=True, height="stretch"):
        st.subheader(f"{page.icon} {title}", anchor=False)
        st.markdown(text)
        if st.button(f"Open {page.title}", key=page.file, type="primary"):
            st.switch_page(page.build())


def _render_machine(workspace: Workspace) -> None:
    st.header("On this machine", anchor=False)
    models, datasets, runs = st.columns(3, gap="medium")
    with models:
        lines = [
            f"**{escape_markdown(entry.key)}** · {describe_accuracy(entry.info)}"
            for entry in list_checkpoints(workspace)
        ]
        _render_list(":material/neurology: Models", lines, "None yet: the Train page makes one.", page=MODELS)
    with datasets:
        lines = [
            f"**{escape_markdown(info.name)}** · {info.num_images:,} images, {len(info.classes)} classes"
            for info in list_datasets(workspace)
        ]
        if not workspace.dataset(SCHEMATIC_FACES).exists():
            lines.append(f"**{SCHEMATIC_FACES}** · built in, drawn when first used")
        _render_list(":material/dataset: Data sets", lines, page=EXPLORE_DATA, label="Look, or add your own")
    with runs:
        _render_runs(workspace)
    _render_equipment(workspace)


def _render_list(
    title: str, lines: Sequence[str], nothing: str = "", *, page: PageSpec, label: str = ""
) -> None:
    """A card with the first few of `lines`, the others on demand, or `nothing`; a link to their page."""
    with st.container(border=True, height="stretch", gap="small"):
        count = f" :gray-badge[{len(lines)}]" if lines else ""
        st.markdown(f"##### {title}{count}")
        st.markdown("\n".join(f"- {line}" for line in lines[:_NUM_SHOWN]) if lines else nothing)
        if len(lines) > _NUM_SHOWN:
            with st.expander(f"{len(lines) - _NUM_SHOWN} more"):
                st.markdown("\n".join(f"- {line}" for line in lines[_NUM_SHOWN:]))
        st.page_link(page.build(), label=label or f"Open {page.title}", icon=page.icon)


def _render_runs(workspace: Workspace) -> None:
    """A card with links to the runs that are active, then to the newest."""
    runs = sorted(list_runs(workspace), key=order_by_interest)
    with st.container(border=True, height="stretch", gap="small"):
        st.markdown(f"##### :material/timeline: Training runs{f' :gray-badge[{len(runs)}]' if runs else ''}")
        if not runs:
            st.markdown("None yet.")
            st.page_link(TRAIN.build(), label="Start one", icon=TRAIN.icon)
        for run in runs[:_NUM_SHOWN]:
            st.page_link(
                TRAIN.build(),
                label=f"{escape_markdown(run.title)} · {escape_markdown(run.state)}",
                icon=STATE_ICONS[run.state],
                query_params={"run": run.name},
            )


@st.cache_data(ttl=300, show_spinner=False)
def _hardware() -> Hardware:
    return detect_hardware()


def _render_equipment(workspace: Workspace) -> None:
    hardware = _hardware()
    accelerator = ", ".join(hardware.accelerators) or "no GPU: the processor does the work"
    computer, detector = st.columns(2, gap="medium")
    with computer, st.container(border=True, height="stretch", gap="small"):
        st.markdown("##### :material/memory: Computer")
        st.markdown(f"{hardware}, {escape_markdown(accelerator)}")
    with detector, st.container(border=True, height="stretch", gap="small"):
        st.markdown("##### :material/face: Face detector")
        if is_installed(YUNET, workspace):
            st.markdown("YuNet is installed: it finds small, turned and partly hidden faces.")
        else:
            st.markdown("Haar, which finds upright frontal faces. YuNet is better and is fetched once.")
            render_fetch_button(workspace)
