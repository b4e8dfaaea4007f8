"""What a search has found so far: progress, which settings matter, and the best runs."""

import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from app.shared.background import render_task
from app.shared.messages import error_boundary
from app.shared.navigation import TRAIN
from app.shared.run_format import name_monitor
from fer_core.escaping import escape_markdown, escape_plotly
from fer_core.jobs.tasks import BackgroundTask, cancel_task, find_task
from fer_core.sweeps import Sweep, launch_worker, load_sweep, read_study, stop_workers
from fer_core.sweeps.study import STUDY_FILE
from fer_core.sweeps.trials import RUN_KEY, name_state
from fer_core.sweeps.worker import list_workers
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from optuna import Study

_REFRESH_S: Final[float] = 1.0
_ASK_AGAIN_S: Final[float] = 5.0
_FEWEST_FOR_IMPORTANCE: Final[int] = 4
_MORE_TRIALS: Final[int] = 10


def render_sweep(name: str, workspace: Workspace) -> None:
    """Show a search; it follows the trials by itself, whoever works on it."""
    sweep = load_sweep(name, workspace)
    work = _find_work(sweep, workspace)
    if not work.is_active:
        render_task(workspace, "sweep", {"sweep": name})  # tells why the last worker failed, if it did
    _watch(sweep, workspace, _compute_stamp(sweep, workspace))
    with error_boundary():
        _render_study(sweep, read_study(sweep), workspace, work)


def _render_study(sweep: Sweep, study: "Study", workspace: Workspace, work: "_Work") -> None:
    _render_head(sweep, study, work)
    _render_actions(sweep, workspace, work)
    if work.is_active:
        _render_running(study)
    if _count_states(study)["complete"]:
        _render_charts(study)
    elif not work.is_active:
        st.caption("No trial has finished yet. Continue the search, or see the log: `fer tasks`.")
    _render_trials(study)


@dataclass(frozen=True, slots=True)
class _Work:
    """Who works on a search."""

    task: BackgroundTask | None
    """The last worker that a page started."""
    num_workers: int
    """Processes that have begun, of this page or not."""

    @property
    def is_active(self) -> bool:
        return bool(self.num_workers) or (self.task is not None and self.task.is_active)

    @property
    def state(self) -> str:
        if self.task is not None and self.task.is_cancelling:
            return "stopping"
        if self.num_workers:
            return "searching"
        return "starting" if self.is_active else "idle"


def _find_work(sweep: Sweep, workspace: Workspace) -> _Work:
    return _Work(find_task(workspace, "sweep", {"sweep": sweep.name}), len(list_workers(sweep)))


@st.fragment(run_every=_REFRESH_S)
def _watch(sweep: Sweep, workspace: Workspace, stamp: tuple[object, ...]) -> None:
    """Draws nothing: the page is drawn again when there is something new, from wherever it came."""
    with error_boundary():
        if _compute_stamp(sweep, workspace) != stamp:
            st.rerun()


def _compute_stamp(sweep: Sweep, workspace: Workspace) -> tuple[object, ...]:
    """Equal as long as there is nothing new to show."""
    work = _find_work(sweep, workspace)
    try:
        changed: float = (sweep.folder / STUDY_FILE).stat().st_mtime_ns
    except OSError:  # in a database elsewhere: asked now and then while somebody works
        changed = time.time() // _ASK_AGAIN_S if work.is_active else 0
    return work.state, work.task and work.task.name, work.num_workers, changed


def _count_states(study: "Study") -> Counter[str]:
    return Counter(name_state(trial) for trial in study.get_trials(deepcopy=False))


def _render_head(sweep: Sweep, study: "Study", work: _Work) -> None:
    counts = _count_states(study)
    best = f"{study.best_value:.4f}" if counts["complete"] else "—"
    monitor = escape_markdown(name_monitor(sweep.settings.base.monitor))
    shown: dict[str, str | int] = {"State": escape_markdown(work.state)}
    shown |= {"Finished": counts["complete"], "Pruned": counts["pruned"]}
    shown |= {"Stopped": counts["stopped"]} if counts["stopped"] else {}
    shown |= {"Failed": counts["fail"], f"Best validation {monitor}": best}
    with st.container(horizontal=True, gap="medium"):
        for label, value in shown.items():
            st.metric(label, value, width="content")


def _render_running(study: "Study") -> None:
    running = [trial for trial in study.get_trials(deepcopy=False) if trial.state.name == "RUNNING"]
    for trial in running:
        run = trial.user_attrs.get(RUN_KEY)
        if run is not None:
            st.page_link(
                TRAIN.build(),
                label=f"Trial {trial.number:d} is running: watch {escape_markdown(str(run))}",
                icon=TRAIN.icon,
                query_params={"run": str(run)},
            )
    if not running:
        st.caption("The first trial is starting; this takes a few seconds.")


def _render_actions(sweep: Sweep, workspace: Workspace, work: _Work) -> None:
    if work.is_active:
        st.button(
            "Stop searching",
            icon=":material/stop:",
            disabled=work.state == "stopping",
            on_click=_stop,
            args=(sweep, workspace, work.task),
            help="The trial in progress is stopped; what the others found stays.",
        )
    elif st.button(f"Try {_MORE_TRIALS} more", icon=":material/play_arrow:"):
        launch_worker(sweep, workspace, num_trials=_MORE_TRIALS)
        st.rerun()


def _stop(sweep: Sweep, workspace: Workspace, task: BackgroundTask | None) -> None:
    with error_boundary():
        if task is not None:
            cancel_task(workspace, task.name)  # first: it may not have begun, and then no worker is listed
        stop_workers(sweep)


def _render_charts(study: "Study") -> None:
    from optuna import visualization

    score = st.columns(2)
    with score[0]:
        _show(
            visualization.plot_optimization_history(study, target_name="score"),
            "Score of every trial",
            "history",
        )
    with score[1]:
        complete = [trial for trial in study.get_trials(deepcopy=False) if trial.state.name == "COMPLETE"]
        if len(complete) < _FEWEST_FOR_IMPORTANCE or len({trial.value for trial in complete}) < 2:
            st.caption(f"Which settings matter shows after {_FEWEST_FOR_IMPORTANCE} finished trials.")
        else:
            _show(visualization.plot_param_importances(study), "Which settings matter", "importance")
    lines = visualization.plot_parallel_coordinate(study, target_name="score")
    for item in lines.data[0].dimensions:
        item.ticktext = item.ticktext and [escape_plotly(str(text)) for text in item.ticktext]
    lines.update_traces(labelangle=0, labelside="bottom")  # optuna's slant is cut off at the edge
    _show(lines, "Settings against the score", "parallel", side_px=110)


def _show(figure: Any, title: str, key: str, *, side_px: int = 40) -> None:
    figure.update_layout(title=title, height=360, margin={"l": side_px, "r": side_px, "t": 70, "b": 50})
    st.plotly_chart(figure, width="stretch", key=f"sweep-{key}")


def _render_trials(study: "Study") -> None:
    rows = [
        {
            "trial": trial.number,
            "state": name_state(trial),
            "score": trial.value,
            **trial.params,
            "run": _link(trial.user_attrs.get(RUN_KEY)),
        }
        for trial in study.get_trials(deepcopy=False)
    ]
    if not rows:
        return
    rows.sort(key=lambda row: (row["score"] is None, -(row["score"] or 0)))
    st.dataframe(
        rows,
        hide_index=True,
        column_config={
            "run": st.column_config.LinkColumn("Run", display_text=r"run=(.*)$"),
            "score": st.column_config.NumberColumn(format="%.4f"),
        },
    )


def _link(run: str | None) -> str | None:
    return None if run is None else f"{TRAIN.url_path}?run={run}"
