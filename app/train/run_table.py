"""The table of all runs. Fast with a thousand of them, and without torch."""

from collections.abc import Sequence
from typing import Any, Final

import streamlit as st

from app.shared.messages import empty_state
from app.shared.run_data import find_best, load_metrics
from app.shared.run_format import STATE_COLORS, get_progress, order_by_interest
from app.train.run_actions import NEW_PART, open_part, open_run
from app.train.state import Key
from fer_core.runs.reader import Run, list_runs
from fer_core.words import count
from fer_core.workspace import Workspace

_REFRESH_S: Final[float] = 2.0
_ROW_PX: Final[int] = 35
_MAX_ROWS_SHOWN: Final[int] = 16


def render_list(workspace: Workspace) -> None:
    """Show the runs; one that is clicked is opened."""
    runs = list_runs(workspace)
    if not runs:
        empty_state(
            "No runs yet",
            "Start one with **New run**: the quick preset learns from drawn faces in about a minute. "
            "In a terminal, `fer train --preset quick` does the same.",
            icon=":material/model_training:",
        )
        st.button("New run", icon=":material/add:", type="primary", on_click=open_part, args=(NEW_PART,))
        return
    words, states = _choose_filter(runs)
    is_active = any(run.is_active for run in runs)
    table = st.fragment(_render_table, run_every=_REFRESH_S if is_active else None)
    table(workspace, words, states)


def _choose_filter(runs: Sequence[Run]) -> tuple[str, list[str]]:
    present = [state for state in STATE_COLORS if any(run.state == state for run in runs)]
    search, choose = st.columns([2, 3], gap="medium", vertical_alignment="bottom")
    with search:
        words = st.text_input(
            "Filter",
            key=Key.RUN_FILTER,
            persist_state="session",
            icon=":material/search:",
            placeholder="name, model, data set or tag",
        )
    with choose:
        states = st.pills(
            "States",
            present,
            selection_mode="multi",
            key=Key.RUN_STATES,
            format_func=lambda state: f"{state} {sum(run.state == state for run in runs)}",
        )
    return words, list(states)


def matches(run: Run, words: str) -> bool:
    """Whether every word is part of the run's name, title, model, data set or tags."""
    settings = _setting(run, "model", "name"), _setting(run, "data", "dataset")
    text = " ".join([run.name, run.title, *settings, *run.tags])
    return all(word in text.lower() for word in words.lower().split())


def _setting(run: Run, section: str, name: str) -> str:
    table = run.config.get(section)
    return str(table.get(name, "")) if isinstance(table, dict) else ""


def _render_table(workspace: Workspace, words: str, states: Sequence[str]) -> None:
    """The table, which follows active runs by itself."""
    runs = list_runs(workspace)
    shown = [run for run in runs if matches(run, words) and (not states or run.state in states)]
    shown.sort(key=order_by_interest)
    if not shown:
        st.caption("No run matches; change the filter.")
        return
    chosen = st.dataframe(
        build_table(shown),
        column_config=_columns(),
        hide_index=True,
        height=_ROW_PX * (1 + min(len(shown), _MAX_ROWS_SHOWN)) + 3,
        on_select="rerun",
        selection_mode="single-cell",  # a click anywhere on a run opens it
        placeholder="",
        key=f"runs-{'-'.join(states)}-{words}",
    )
    st.caption(f"{len(shown):,} of {count(len(runs), 'run')}. Click one to open it.")
    cells = chosen["selection"]["cells"]
    if cells and cells[0][0] < len(shown):
        open_run(shown[cells[0][0]].name)
        st.rerun()


def _columns() -> dict[str, Any]:
    column = st.column_config
    return {
        "state": column.MultiselectColumn(
            "State", options=list(STATE_COLORS), color=list(STATE_COLORS.values()), width="small"
        ),
        "name": column.TextColumn("Run", width="medium"),
        "progress": column.ProgressColumn("Progress", format="%d %%", max_value=100, width="small"),
        "epoch": column.TextColumn("Epoch", width="small"),
        "accuracy": column.NumberColumn("Best accuracy", format="percent"),
        "macro_f1": column.NumberColumn("Its macro-F1", format="percent"),
        "model": column.TextColumn("Model", width="small"),
        "dataset": column.TextColumn("Data set", width="small"),
        "started": column.DatetimeColumn("Started", format="distance"),
        "tags": column.ListColumn("Tags"),
    }


def build_table(runs: Sequence[Run]) -> Any:
    """One row per run, as a pandas frame."""
    import pandas as pd

    return pd.DataFrame([_describe(run) for run in runs])


def _describe(run: Run) -> dict[str, Any]:
    best = find_best(load_metrics(run))
    return {
        "state": [run.state],
        "name": run.title,
        "progress": int(100 * get_progress(run)),
        "epoch": _describe_epoch(run),
        "accuracy": best and best.valid_accuracy,
        "macro_f1": best and best.valid_macro_f1,
        "model": _setting(run, "model", "name"),
        "dataset": _setting(run, "data", "dataset"),
        "started": run.created,
        "tags": list(run.tags),
    }


def _describe_epoch(run: Run) -> str:
    if run.queue_position:
        return f"queue: {run.queue_position}"
    return f"{run.status.epoch} / {run.status.num_epochs or '?'}"
