"""One run, live: it is watched by a small fragment, and the rest is redrawn only when files change."""

import math
from collections.abc import Callable
from typing import Final

import streamlit as st

from app.shared.adaptation import render_adaptation
from app.shared.messages import describe_error, empty_state, error_boundary, shorten_paths
from app.shared.run_data import compute_stamp, find_best, load_log_tail, load_metrics
from app.shared.run_format import (
    describe_duration,
    describe_number,
    describe_percent,
    describe_state,
    get_progress,
    name_monitor,
)
from app.shared.samples import IMAGES, find_kind
from app.train.run_actions import close_run, render_actions, render_notes
from app.train.run_results import (
    list_warnings,
    render_best_epoch,
    render_curves,
    render_epochs,
    render_gradients,
    render_more_curves,
)
from app.train.state import Key
from fer_core.errors import FerError
from fer_core.escaping import escape_markdown, quote_markdown
from fer_core.runs.reader import Run, list_runs, load_run
from fer_core.runs.run_files import RESUMABLE_STATES
from fer_core.workspace import Workspace

REFRESH_S: Final[float] = 0.5
_FAILED_LINES: Final[int] = 15


def render_run(name: str, workspace: Workspace) -> None:
    """Show the run called `name`, or say that there is none."""
    st.button("All runs", icon=":material/arrow_back:", type="tertiary", on_click=close_run)
    try:
        run = find_run(name, workspace)
    except FerError as error:
        empty_state("There is no such run", describe_error(error), icon=":material/search_off:")
        return
    st.title(escape_markdown(run.title), anchor=False)
    stamp = compute_stamp(run)
    st.fragment(_watch, run_every=_choose_interval(run))(name, workspace, stamp)
    render_actions(run, workspace)
    _render_trouble(run)
    with error_boundary():
        render_adaptation(run.folder, workspace)
    _render_numbers(run, workspace)
    _render_results(run, workspace)


def _choose_interval(run: Run) -> float | None:
    """Nothing happens to a finished run; any other may go on, or be resumed by another tab or a terminal."""
    return REFRESH_S if run.is_active or run.state in RESUMABLE_STATES else None


def find_run(name: str, workspace: Workspace) -> Run:
    """Read a run, with its place in the queue if it waits.

    Raises:
        FerError: there is none, it is damaged, or that is no name.
    """
    run = load_run(workspace.run(name))
    if run.state != "queued":
        return run
    return next((item for item in list_runs(workspace) if item.name == name), run)


def _watch(name: str, workspace: Workspace, stamp: tuple[object, ...]) -> None:
    """State, progress and time left. Redraws the whole page when there is more to show than that."""
    with error_boundary():
        if not workspace.run(name).is_dir():
            st.rerun()  # deleted elsewhere: the page says so
        run = find_run(name, workspace)
        if compute_stamp(run) != stamp:
            st.rerun()
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(describe_state(run), width="content")
            st.caption(_describe_where(run), width="content")
        if run.state != "finished":
            whole, epoch = st.columns(2, gap="medium")
            status, step, num_steps = run.status, run.status.step, run.status.num_steps
            # At work before its first or after its last epoch.
            is_apart = run.state in ("running", "stopping") and bool(status.message)
            whole.progress(status.share or 0.0 if is_apart else get_progress(run), _describe_progress(run))
            if not is_apart and num_steps and (run.is_active or step):
                epoch.progress(min(1.0, step / num_steps), f"Step {step:,} of {num_steps:,}")


def _describe_where(run: Run) -> str:
    facts = [escape_markdown(str(run.config.get("model", {}).get("name", "")))]
    facts.append(escape_markdown(str(run.config.get("data", {}).get("dataset", ""))))
    if run.status.device:
        facts.append(escape_markdown(run.status.device))
    if run.created is not None:
        facts.append(f"{run.created:%Y-%m-%d %H:%M} UTC")
    if run.title != run.name:
        facts.append(quote_markdown(run.name))
    facts += [f"#{escape_markdown(tag)}" for tag in run.tags]
    return " · ".join(facts)


def _describe_progress(run: Run) -> str:
    status = run.status
    if run.state == "queued":
        place = f"number {run.queue_position:d} in the queue" if run.queue_position else "in the queue"
        return f"Waiting for its device, {place}"
    if run.is_active and not status.num_steps:
        return "Starting: network and images are loaded"
    if run.is_active and status.message:
        left = "" if status.eta_s is None else f" · {describe_duration(status.eta_s)} left"
        return escape_markdown(status.message) + left
    is_within = run.is_active or status.step > 0
    number = min(status.epoch + is_within, status.num_epochs or math.inf)
    text = f"Epoch {number:d} of {f'{status.num_epochs:d}' if status.num_epochs else '?'}"
    if run.is_active and status.eta_s is not None:
        text += f" · {describe_duration(status.eta_s)} left"
    if run.state == "stopping":
        text += " · finishing the step"
    return text


def _render_trouble(run: Run) -> None:
    """Why it failed, and what its gradients warn of."""
    message = run.status.message
    if run.state == "failed":
        cause = escape_markdown(message or "it gave no cause")
        st.error(f"**The run failed.** {cause}", icon=":material/error:")
    elif run.state == "interrupted":
        st.error(
            "**The run was interrupted:** its process is gone. Resume continues from the last saved epoch.",
            icon=":material/power_off:",
        )
    if run.state in ("failed", "interrupted"):
        lines = load_log_tail(run)[-_FAILED_LINES:]
        if lines:
            st.code("\n".join(lines), language=None, wrap_lines=True)
    if run.state == "queued" and message:
        st.info(escape_markdown(message), icon=":material/hourglass_top:")
    for warning in list_warnings(run):
        st.warning(escape_markdown(warning), icon=":material/warning:")


def _render_numbers(run: Run, workspace: Workspace) -> None:
    records = load_metrics(run)
    best = find_best(records)
    if best is None:
        return
    last = records[-1]
    what = IMAGES[find_kind(str(run.config.get("data", {}).get("dataset", "")), workspace)]
    with st.container(horizontal=True, gap="small"):
        for label, value in {
            "Best accuracy": describe_percent(best.valid_accuracy),
            "Its macro-F1": describe_percent(best.valid_macro_f1),
            "Best epoch": f"{best.epoch:d}",
            f"{what.capitalize()} per second": describe_number(last.images_per_s),
            "An epoch takes": describe_duration(last.seconds or 0.0),
        }.items():
            st.metric(label, value, border=True, width="content")
    monitor = name_monitor(str(run.config.get("monitor", "")))
    st.caption(
        f"On {describe_number(last.valid_n)} validation {what}, "
        f"{escape_markdown(last.protocol)}. "
        f"The best epoch is that with the best {escape_markdown(monitor)}."
    )


def _render_results(run: Run, workspace: Workspace) -> None:
    render_curves(run)
    parts: dict[str, Callable[[], None]] = {
        ":material/grid_on: Best epoch": lambda: render_best_epoch(run, workspace),
        ":material/show_chart: More curves": lambda: render_more_curves(run),
        ":material/gradient: Gradients": lambda: render_gradients(run),
        ":material/table_rows: Every epoch": lambda: render_epochs(run),
        ":material/article: Log": lambda: _render_log(run),
        ":material/sell: Tags and notes": lambda: render_notes(run),
    }
    for tab, render in zip(st.tabs(list(parts), key=Key.RUN_PART), parts.values(), strict=True):
        with tab, error_boundary():  # a damaged file must not hide the rest
            render()


def _render_log(run: Run) -> None:
    lines = load_log_tail(run)
    st.code("\n".join(lines) or "Nothing yet.", language=None, wrap_lines=True, height=320)
    st.caption(f"The last lines of {quote_markdown(shorten_paths(str(run.folder / 'log.txt')))}")
