"""Compare runs: which model is better, whether that is real, and where each errs."""

import streamlit as st

from app.compare_runs.findings import render_headline
from app.compare_runs.model_table import choose_conditions, choose_models
from app.compare_runs.published import render_published
from app.compare_runs.tabs import render_questions
from app.shared.evaluation import render_evaluation
from app.shared.messages import describe_error, empty_state
from app.shared.navigation import COMPARE_RUNS
from app.shared.page_header import page_header
from app.shared.reports import (
    Conditions,
    list_models,
    list_names,
    load_comparison,
    load_stored,
    load_summary,
    report_stamp,
)
from fer_core.checkpoint import CheckpointEntry
from fer_core.evaluation.comparison import Comparison
from fer_core.workspace import Workspace


def main() -> None:
    page_header(
        "Compare runs", "Which model is better at **apparent expressions**, and is the difference real?"
    )
    workspace = Workspace.default()
    models = list_models(workspace)
    if not models:
        empty_state(
            "Nothing to compare yet",
            "Train two models on the **Train** page, or with `fer train --preset quick`, and come back.",
        )
        return
    conditions = choose_conditions(models, workspace)
    keys = choose_models(models, conditions, workspace)
    if not keys:
        st.info(
            "Tick models in the table: one shows its report, two tell you which is better. The first one "
            "ticked is the baseline.",
            icon=":material/check_box:",
        )
        return
    comparison = _load({key: models[key] for key in keys}, conditions, workspace)
    if comparison is not None:
        render_headline(comparison)
        render_questions(comparison, workspace)


def _load(
    chosen: dict[str, CheckpointEntry], conditions: Conditions, workspace: Workspace
) -> Comparison | None:
    """Compare those with a report of these conditions, and offer to evaluate the others."""
    root = str(workspace.root)
    stamps = {key: report_stamp(entry, conditions, workspace) for key, entry in chosen.items()}
    stored = {key: load_stored(key, stamp, conditions, root) for key, stamp in stamps.items()}
    reasons = {key: item for key, item in stored.items() if isinstance(item, str)}
    absent = [key for key in reasons if load_summary(key, chosen[key], conditions, workspace) == ""]
    for key, reason in reasons.items():
        if key not in absent:
            st.warning(describe_error(reason), icon=":material/assignment_late:")
    if reasons and render_published({key: chosen[key] for key in absent}, conditions, workspace):
        render_evaluation(list(reasons), conditions, workspace, COMPARE_RUNS.address_here())
    usable = tuple(key for key in chosen if key not in reasons)
    if not usable:
        return None
    names = list_names(workspace)
    return load_comparison(
        {key: names[key] for key in usable}, tuple(stamps[key] for key in usable), conditions, root
    )


if __name__ == "__main__":
    main()
