"""Handing on what a study found: the report, tables, files of other tools; made in the background."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import streamlit as st

from app.shared.background import render_task
from app.shared.messages import empty_state, error_boundary
from app.shared.navigation import STUDIES
from app.shared.tabs import TAB
from fer_core.escaping import escape_markdown
from fer_core.jobs.tasks import BackgroundTask, discard_task, find_task, start_task
from fer_core.studies import Study, StudyState
from fer_core.studies.report import describe_methods
from fer_core.workspace import Workspace

_KIND: Final[str] = "study-export"


@dataclass(frozen=True, slots=True)
class _Product:
    """Something that a study can be made into."""

    title: str
    file: str
    mime: str
    help: str
    command: str
    options: tuple[str, ...] = ()


_PRODUCTS: Final[tuple[_Product, ...]] = (
    _Product("Report", "report.html", "text/html", "Methods, means and curves in one file.", "report"),
    _Product("All faces (CSV)", "faces.csv", "text/csv", "One row per face and frame.", "export"),
    _Product(
        "All faces (Parquet)",
        "faces.parquet",
        "application/octet-stream",
        "The same, smaller and exact.",
        "export",
    ),
    _Product(
        "Recordings (CSV)",
        "recordings.csv",
        "text/csv",
        "One row per recording, with mean shares.",
        "export",
        ("--part=recordings",),
    ),
    _Product("Events (CSV)", "events.csv", "text/csv", "One row per event.", "export", ("--part=events",)),
    *(
        _Product(
            title, f"{name}.zip", "application/zip", "A file per recording.", "export", (f"--files={suffix}",)
        )
        for title, name, suffix in (
            ("ELAN", "elan", ".eaf"),
            ("Praat TextGrid", "praat", ".TextGrid"),
            ("WebVTT", "subtitles", ".vtt"),
        )
    ),
)


def render_exports(study: Study, state: StudyState, workspace: Workspace) -> None:
    """Offer everything that the study can be made into, and the paragraph for the methods section."""
    if not state.counts["done"]:
        empty_state(
            "Nothing to hand on yet",
            "Add recordings and press **Run**. Report and exports hold what is done.",
            icon=":material/ios_share:",
        )
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        titles = [product.title for product in _PRODUCTS]
        title = st.selectbox("What", titles, key="study_product", width=260)
        item = next(item for item in _PRODUCTS if item.title == title)
        # The same for every product: a help of its own makes another button, and a click on the old is lost.
        if st.button("Make it", type="primary", icon=":material/build:"):
            with error_boundary():
                _start(study, item, workspace)
                st.rerun()
    if item.help:
        st.caption(item.help)
    for item in _PRODUCTS:
        facts = {"study": study.name, "file": item.file}
        if find_task(workspace, _KIND, facts) is not None:
            render_task(workspace, _KIND, facts, on_result=_offer)
    st.markdown("##### For the methods section")
    st.code(describe_methods(study), language=None, wrap_lines=True)


def _start(study: Study, product: _Product, workspace: Workspace) -> None:
    facts = {"study": study.name, "file": product.file}
    if (old := find_task(workspace, _KIND, facts)) is not None:
        discard_task(workspace, old.name)
    start_task(
        workspace,
        kind=_KIND,
        title=f"Study: {product.title}",
        command=["study", product.command, study.name, f"{{files}}/{product.file}", *product.options],
        page=STUDIES.address(study=study.name, **{TAB: "Report and export"}),
        facts=facts,
    )


def _offer(task: BackgroundTask) -> None:
    product = next(item for item in _PRODUCTS if item.file == task.facts["file"])
    path: Path = task.files / product.file
    if path.is_file():
        st.download_button(
            f"Download {escape_markdown(product.file)}",
            path.read_bytes,
            file_name=f"{task.facts['study']}-{product.file}",
            mime=product.mime,
            on_click="ignore",
            icon=":material/download:",
            key=f"study_download_{product.file}",
        )
