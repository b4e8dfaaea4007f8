"""Scoring models in the background, for two pages. Never loads torch."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from app.shared.background import render_task
from app.shared.reports import Conditions, list_names
from fer_core.escaping import escape_markdown
from fer_core.jobs.tasks import BackgroundTask, start_task
from fer_core.workspace import Workspace

EVALUATE: Final[str] = "evaluate"
ROBUSTNESS: Final[str] = "robustness"
_DONE: Final[Mapping[str, str]] = {EVALUATE: "evaluated", ROBUSTNESS: "measured on corrupted images"}
"""What a model was, by the command that scores it."""


def render_evaluation(
    missing: Sequence[str], conditions: Conditions, workspace: Workspace, page: str
) -> None:
    """Offer to evaluate models that have no usable report; show their progress and what failed.

    Args:
        missing: keys of the models.
        conditions: under which they are scored.
        workspace: where they are.
        page: address of the page.
    """
    if render_scoring(EVALUATE, missing, conditions, workspace):
        return
    if missing and st.button(
        f"Evaluate {len(missing)} now" if len(missing) > 1 else "Evaluate now",
        type="primary",
        icon=":material/calculate:",
        key="compare_evaluate",
        help="Scores every face in the background and stores the report, like `fer evaluate --save`.",
    ):
        options = [f"--{name}={value}" for name, value in conditions._asdict().items()]
        start_scoring(EVALUATE, missing, conditions, workspace, page, options)


def render_scoring(kind: str, missing: Sequence[str], conditions: Conditions, workspace: Workspace) -> bool:
    """Show how far the newest scoring under these conditions is, or which models failed in it.

    Returns:
        Whether it is at work.
    """
    task = render_task(workspace, kind, conditions._asdict(), shows_failure=False)
    if task is None or task.is_active:
        return task is not None
    names = list_names(workspace)
    for key, reason in _find_failures(task).items():
        if key in missing:
            text = (
                f"**{escape_markdown(names.get(key, key))}** was not {_DONE[kind]}: {escape_markdown(reason)}"
            )
            st.error(text, icon=":material/error:")
    return False


def _find_failures(task: BackgroundTask) -> dict[str, Any]:
    """Why models could not be scored."""
    result = task.result()
    if result is None and task.error:  # it was killed, or died of something that it did not foresee
        return dict.fromkeys(task.facts["models"], task.error)
    return dict((result or {}).get("failures", {}))


def start_scoring(
    kind: str,
    models: Sequence[str],
    conditions: Conditions,
    workspace: Workspace,
    page: str,
    options: Sequence[str],
) -> None:
    """Score models in the background, and draw the page anew.

    Args:
        kind: EVALUATE or ROBUSTNESS: the command.
        models: their keys.
        conditions: under which they are scored, for the page.
        workspace: where they are.
        page: address of the page.
        options: of the command.
    """
    verb = "Evaluate" if kind == EVALUATE else "Measure robustness of"
    start_task(
        workspace,
        kind=kind,
        title=f"{verb} {', '.join(models)}",
        command=[kind, *models, *options, "--save"],
        page=page,
        facts={"models": list(models), **conditions._asdict()},
    )
    st.rerun()
