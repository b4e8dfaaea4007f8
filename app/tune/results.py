"""What a search has found so far: progress, which settings matter, and the best runs."""

from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from app.shared.background import render_task
from app.shared.messages import error_boundary
from app.shared.navigation import TRAIN
from fer_core.escaping import escape_markdown, escape_plotly
from fer_core.jobs.tasks import cancel_task, find_task
from fer_core.sweeps import Sweep, launch_worker, load_sweep, read_study, stop_workers
from fer_core.sweeps.trials import RUN_KEY
from fer_core.sweeps.worker import list_workers
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from optuna import Study

_REFRESH_S: Final[int] = 3
_FEWEST_FOR_IMPORTANCE: Final[int] = 4
_MORE_TRIALS: Final[int] = 10


def render_sweep(name: str, workspace: Workspace) -> None:
    """Show a search; it follows the trials by itself while a worker is at work."""
    sweep = load_sweep(name, workspace)
    is_active = _is_active(sweep, workspace)
    if not is_active:
        render_task(workspace, "sweep", {"sweep": name})  # tells why the last worker failed, if it did
    st.fragment(_render, run_every=_REFRESH_S if is_active else None)(sweep, workspace, is_active)


def _render(sweep: Sweep, workspace: Workspace, was_active: bool) -> None:
    with error_boundary():
        is_active = _is_active(sweep, workspace)
        if is_active != was_active:
            st.rerun()  # starts or stops the timer
        study = read_study(sweep)
        counts = _count_states(study)
        _render_head(sweep, study, counts, is_active)
        _render_actions(sweep, workspace, is_active)
        if not counts["COMPLETE"]:
            st.caption(
                "The first trial is starting; this takes a few seconds."
                if is_active
                else "No trial has finished yet. Go on searching, or see the log: `fer tasks`."
            )
            return
        _render_charts(study)
        _render_trials(study)


def _is_active(sweep: Sweep, workspace: Workspace) -> bool:
    task = find_task(workspace, "sweep", {"sweep": sweep.name})
    return bool(list_workers(sweep)) or (task is not None and task.is_active)


def _count_states(study: "Study") -> dict[str, int]:
    states = [trial.state.name for trial in study.get_trials(deepcopy=False)]
    return {name: states.count(name) for name in ("COMPLETE", "PRUNED", "FAIL", "RUNNING")}


def _render_head(sweep: Sweep, study: "Study", counts: dict[str, int], is_active: bool) -> None:
    columns = st.columns(5)
    columns[0].metric("State", "searching" if is_active else "idle")
    columns[1].metric("Finished", counts["COMPLETE"])
    columns[2].metric("Pruned", counts["PRUNED"])
    columns[3].metric("Failed", counts["FAIL"])
    best = f"{study.best_value:.4f}" if counts["COMPLETE"] else "—"
    columns[4].metric(
        f"Best validation {escape_markdown(sweep.settings.base.monitor.replace('_', ' '))}", best
    )


def _render_actions(sweep: Sweep, workspace: Workspace, is_active: bool) -> None:
    if is_active:
        if st.button("Stop searching", icon=":material/stop:"):
            task = find_task(workspace, "sweep", {"sweep": sweep.name})
            if not stop_workers(sweep) and task is not None:
                cancel_task(workspace, task.name)  # it was about to begin
            st.toast("The trial in progress is being stopped.")
    elif st.button(f"Try {_MORE_TRIALS} more", icon=":material/play_arrow:"):
        launch_worker(sweep, workspace, num_trials=_MORE_TRIALS)
        st.rerun()


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
            "state": trial.state.name.lower(),
            "score": trial.value,
            **trial.params,
            "run": _link(trial.user_attrs.get(RUN_KEY)),
        }
        for trial in study.get_trials(deepcopy=False)
    ]
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
