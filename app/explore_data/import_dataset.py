"""Importing a data set on the page: the same code as `fer import`."""

from typing import TYPE_CHECKING, Final

import streamlit as st

from app.explore_data.import_form import Plan, render_form
from app.explore_data.import_job import Job, Report, StoppedError
from app.explore_data.import_source import DOWNLOAD, Found, choose_source, describe_source, hide_folder
from app.shared.charts import STATIC_CONFIG
from app.shared.messages import error_boundary, escape_markdown, show_error
from app.shared.session_end import at_session_end
from fer_core.data.importers.pictures import ImportReport
from fer_core.data.importing import import_source
from fer_core.errors import DataError
from fer_core.palette import emotion_color
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    import plotly.graph_objects as go

_JOB: Final[str] = "import_job"
_REFRESH_S: Final[float] = 0.5
_SHOWN_SKIPPED: Final[int] = 1000


def render() -> None:
    """Show the import, from the source to the finished data set; the entry point for pages."""
    workspace = Workspace.default()
    above = st.container()
    job: Job[ImportReport] | None = st.session_state.get(_JOB)
    with above:
        if job is not None and not job.is_running:
            _render_end(job)
    # While something runs the questions stay on the page, or Streamlit would forget the answers.
    found = choose_source()
    with above:
        _watch(_JOB)
        _watch(DOWNLOAD)
    if found is None:
        return
    st.markdown(describe_source(found.source))
    plan = render_form(found, workspace)
    st.button(
        "Import",
        type="primary",
        icon=":material/download:",
        key="import_start",
        disabled=plan is None or (job is not None and job.is_running),
        on_click=_start,
        args=(found, plan, workspace),
    )


def _watch(key: str) -> None:
    """Show how far a job is, if one runs under this key."""
    job: Job[object] | None = st.session_state.get(key)
    if job is not None:
        at_session_end(f"{key}-{id(job)}", job.stop)
        if job.is_running:
            st.fragment(_render_progress, run_every=_REFRESH_S)(job, key)


def _start(found: Found, plan: Plan, workspace: Workspace) -> None:
    target = workspace.dataset(plan.name)

    def work(report: Report) -> ImportReport:
        options = None if found.source.scan is None else plan.build_options(workspace)
        try:
            return import_source(
                found.source, target, options, votes=plan.votes, replace=plan.replace, on_progress=report
            )
        except DataError as error:
            raise error if found.upload is None else hide_folder(error, found.upload.path) from None

    st.session_state[_JOB] = Job(work, title=f"Importing {found.source.path.name}")


def _render_progress(job: Job[object], key: str) -> None:
    """How far it is, and a way to stop; reruns by itself, and the page once it has ended."""
    with error_boundary():
        if not job.is_running:
            st.rerun()
        done, total = job.progress
        title = escape_markdown(job.title)
        if job.is_stopping:
            st.progress(0.0, "Stopping; nothing is kept…")
        else:
            text = f"{title}: {done / total:.0%}" if total else f"{title}…"
            st.progress(done / total if total else 0.0, text)
        if key == DOWNLOAD:
            st.caption("The hub's client does not say how far it is; what it has fetched it keeps.")
            if st.button("Stop waiting", icon=":material/stop_circle:", key="import_stop_download"):
                del st.session_state[DOWNLOAD]
                st.rerun()
        elif st.button(
            "Cancel", icon=":material/stop_circle:", key="import_cancel", disabled=job.is_stopping
        ):
            job.stop()
            st.rerun(scope="fragment")


def _render_end(job: Job[ImportReport]) -> None:
    """What came of it; stays until the next import."""
    if isinstance(job.error, StoppedError):
        st.info("Stopped; nothing was kept.", icon=":material/stop_circle:")
    elif job.error is not None:
        show_error(job.error)
    elif job.result is not None:
        _render_report(job.result)


def _render_report(report: ImportReport) -> None:
    info = report.info
    counts = ", ".join(f"{split} {count:,}" for split, count in info.split_counts.items())
    color = "grey" if info.color == "gray" else "RGB"
    st.success(
        f"**{escape_markdown(info.name)}** has {info.num_images:,} images of {info.height} × {info.width} px "
        f"{color} ({counts}). [Look at it](/explore_data?dataset={info.name})",
        icon=":material/check:",
    )
    if report.num_without_face:
        total = info.num_images + report.num_without_face
        st.warning(
            f"No face was found on {report.num_without_face:,} of {total:,} pictures "
            f"({report.num_without_face / total:.1%}); they were left out.",
            icon=":material/face:",
        )
    st.plotly_chart(_build_counts(info.name), width="stretch", config=STATIC_CONFIG, key="import_counts")
    if report.skipped:
        with st.expander(f"{len(report.skipped):,} files were left out"):
            shown = report.skipped[:_SHOWN_SKIPPED]
            st.dataframe(
                {"file": [file for file, _ in shown], "why": [why for _, why in shown]}, hide_index=True
            )
            if len(report.skipped) > _SHOWN_SKIPPED:
                st.caption(f"The first {_SHOWN_SKIPPED:,}.")


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
