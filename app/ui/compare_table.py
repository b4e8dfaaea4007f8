"""The table of models: search it, sort it, choose from it; and reports for those without one."""

from typing import Any

import streamlit as st

from app.ui.compare_data import list_models, load_stored, report_stamp, start_evaluation
from app.ui.messages import empty_state, escape_markdown
from fer_core.checkpoint import CheckpointEntry
from fer_core.errors import FerError
from fer_core.evaluation.comparison import flatten, group_seeds
from fer_core.evaluation.figures import TITLES
from fer_core.runs.reader import load_run
from fer_core.workspace import Workspace

_DEFAULT_FIGURES = ["accuracy", "macro_f1", "log_loss", "ece"]


def choose_models(workspace: Workspace) -> list[str]:
    """Show the table and return the chosen models, in the table's order; they may lack reports."""
    models = list_models(workspace)
    if not models:
        empty_state(
            "Nothing to compare yet",
            "Train two models on the **Train** page, or with `fer train --preset quick`, and come back.",
        )
        return []
    rows = [_describe(key, entry, workspace) for key, entry in models.items()]
    words = st.text_input(
        "Search", key="compare_search", placeholder="name, tag, setting=value", help="All words must match."
    )
    shown = [row for row in rows if all(word in row["_text"] for word in words.lower().split())]
    if not shown:
        st.caption("No model matches; change the search.")
        return []
    figures = st.multiselect(
        "Columns",
        list(TITLES),
        default=_DEFAULT_FIGURES,
        format_func=TITLES.__getitem__,
        key="compare_columns",
    )
    shown.sort(key=lambda row: -(row.get("accuracy") or 0))
    _render(shown, figures)
    _render_seeds(shown)
    chosen = st.multiselect(
        "Models to compare; the first is the baseline",
        [row["model"] for row in shown],
        key="compare_models",
        placeholder="Choose two or more",
    )
    return list(chosen)


def _describe(key: str, entry: CheckpointEntry, workspace: Workspace) -> dict[str, Any]:
    stored = load_stored(key, report_stamp(entry, workspace), str(workspace.root))
    row: dict[str, Any] = {"model": key, "architecture": entry.info.architecture, "_config": {}, "tags": []}
    try:
        run = load_run(workspace.run(key))
        row |= {"_config": flatten(run.config), "tags": list(run.tags)}
    except FerError:
        row["tags"] = ["shipped"]
    row["parameters"] = entry.info.num_parameters
    row["report"] = "missing" if isinstance(stored, str) else f"n = {stored.report.n:,}"
    if not isinstance(stored, str):
        row |= {name: stored.report.figures[name].value for name in TITLES}
        row["protocol"] = stored.report.subject.describe()
    settings = [f"{name}={value}" for name, value in row["_config"].items()]
    row["_text"] = " ".join([key, entry.info.architecture, *row["tags"], *settings]).lower()
    return row


def _render(rows: list[dict[str, Any]], figures: list[str]) -> None:
    import pandas as pd

    columns = ["model", "tags", "architecture", "parameters", *figures, "report", "protocol"]
    table = pd.DataFrame(rows).reindex(columns=columns)
    formats: dict[str, Any] = {
        name: st.column_config.NumberColumn(TITLES[name], format="%.4f") for name in figures
    }
    formats["model"] = st.column_config.TextColumn("model", pinned=True)
    formats["parameters"] = st.column_config.NumberColumn("parameters", format="localized")
    st.dataframe(table, column_config=formats, hide_index=True, height=min(420, 38 + 35 * len(table)))


def _render_seeds(rows: list[dict[str, Any]]) -> None:
    values = {row["model"]: {"accuracy": row["accuracy"]} for row in rows if "accuracy" in row}
    for group in group_seeds({row["model"]: row["_config"] for row in rows}, values):
        st.caption(
            f"{len(group.keys)} seeds of one configuration ({escape_markdown(', '.join(group.keys))}): "
            f"accuracy {100 * group.mean['accuracy']:.2f} ± {100 * group.sd['accuracy']:.2f} %"
        )


def require_reports(keys: list[str], workspace: Workspace) -> bool:
    """Whether all have a usable report; otherwise say why not and offer to make them."""
    models = list_models(workspace)
    missing = {}
    for key in keys:
        stored = load_stored(key, report_stamp(models[key], workspace), str(workspace.root))
        if isinstance(stored, str):
            missing[key] = stored
    if not missing:
        return True
    for reason in missing.values():
        st.warning(escape_markdown(reason), icon=":material/assignment_late:")
    if st.button(f"Evaluate {len(missing)} now", type="primary", icon=":material/calculate:"):
        bar = st.progress(0.0)
        failures = []
        for index, key in enumerate(missing):
            bar.progress(index / len(missing), text=f"Evaluating {escape_markdown(key)}…")
            process = start_evaluation(key)
            _, errors = process.communicate()
            if process.returncode:
                failures.append(errors.decode(errors="replace").strip()[-400:])
        bar.empty()
        for text in failures:
            st.error(escape_markdown(text))
        if not failures:
            st.rerun()
    return False
