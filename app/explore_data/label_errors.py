"""Doubtful labels: those that were noted, and a search for more with a model that is at hand."""

import shlex
from typing import Final, get_args

import streamlit as st

from app.explore_data.cleanup_cases import Case, build_errors
from app.explore_data.cleanup_gallery import (
    Review,
    bulk_button,
    render_gallery,
    save_decisions,
    suggest_label,
    undo_button,
)
from app.explore_data.state import link_to
from app.shared.background import render_task
from app.shared.messages import empty_state, show_error
from fer_core.checkpoint import list_checkpoints
from fer_core.data.decisions import Decision
from fer_core.data.suspected_labels import load_suspects
from fer_core.errors import DataError
from fer_core.escaping import escape_markdown, quote_markdown
from fer_core.evaluation.label_errors import METHODS, Method, default_splits, describe_exposure
from fer_core.jobs.tasks import BackgroundTask, find_task, start_task
from fer_core.words import count

_SEARCH: Final[str] = "label-search"
_ALL: Final[str] = "everybody"


def render_errors(review: Review) -> None:
    """Show the noted suspects, and the way to more."""
    try:
        suspects = load_suspects(review.audited.dataset, review.workspace)
    except DataError as error:
        show_error(error)
        suspects = []
    facts = {"fingerprint": review.audited.dataset.info.fingerprint}
    is_known = find_task(review.workspace, _SEARCH, facts) is not None
    with st.expander(
        "Look for doubtful labels with a model", expanded=not suspects or is_known, icon=":material/search:"
    ):
        task = render_task(review.workspace, _SEARCH, facts, on_result=_render_found)
        if task is None or not task.is_active:
            _render_search(review, facts)
    if not suspects:
        command = shlex.join(["fer", "datasets", "label-errors", review.audited.dataset.name])
        empty_state(
            "No label is under suspicion yet",
            f"Start a search above, run {quote_markdown(command)}, or send faces here from the Compare runs "
            "page.",
            icon=":material/label_off:",
        )
        return
    sources = sorted({item.finder for item in suspects})
    with st.container(horizontal=True, vertical_alignment="bottom"):
        source = st.selectbox("Suspected by", [_ALL, *sources], key="audit_errors_source", width=360)
        cases = build_errors(suspects, "" if source == _ALL else source)
        rows = [case.rows[0] for case in cases]
        bulk_button(
            review,
            f"Exclude all {len(rows):,}",
            rows,
            "errors",
            "errors",
            "A suspicion is no proof: look through some pages first.",
        )
        undo_button(review, "errors")
    st.caption(f"{count(len(cases), 'image')}; those that people noted first, then the most suspicious.")
    shown = render_gallery(review, cases, "errors")
    _render_page_actions(review, shown)


def _render_page_actions(review: Review, shown: list[Case]) -> None:
    """Decide on all faces of a page at once."""
    open_cases = [case for case in shown if case.rows[0] not in review.decisions]
    with_name = [case for case in open_cases if case.suggestion]
    with st.container(horizontal=True):
        st.button(
            f"Relabel the {len(with_name)} undecided as suggested",
            icon=":material/edit:",
            key="audit_errors_relabel",
            disabled=not with_name,
            on_click=_relabel,
            args=(review, with_name),
        )
        st.button(
            f"Keep the {len(open_cases)} undecided of this page",
            icon=":material/check:",
            key="audit_errors_keep",
            disabled=not open_cases,
            on_click=_keep,
            args=(review, open_cases),
        )


def _relabel(review: Review, cases: list[Case]) -> None:
    audited = review.audited
    save_decisions(
        review,
        {
            case.rows[0]: Decision(
                action="relabel", label=suggest_label(audited, case.rows[0], case), reason="label error"
            )
            for case in cases
        },
    )


def _keep(review: Review, cases: list[Case]) -> None:
    save_decisions(review, {case.rows[0]: Decision(action="keep", reason="label error") for case in cases})


def _render_found(task: BackgroundTask) -> None:
    result = task.result() or {}
    lines = [result.get("text", ""), *(f"note: {caution}" for caution in result.get("cautions", []))]
    st.success(escape_markdown("\n".join(lines)).replace("\n", "  \n"), icon=":material/check:")


def _render_search(review: Review, facts: dict[str, str]) -> None:
    entries = {
        entry.key: entry for entry in list_checkpoints(review.workspace, review.audited.dataset.info.kind)
    }
    if not entries:
        st.caption("There is no model yet; train one on the Train page, or with `fer train --preset quick`.")
        return
    dataset = review.audited.dataset
    left, middle, right = st.columns(3)
    entry = entries[left.selectbox("Judge", list(entries), key="audit_judge")]
    method: Method = middle.selectbox("By", get_args(Method), key="audit_method", help=_HELP)
    splits = right.multiselect(
        "In",
        list(dataset.info.split_counts),
        default=list(default_splits(entry.info, dataset, method)),
        key=f"audit_splits_{review.audited.key}_{entry.key}_{method}",
    )
    for caution in describe_exposure(entry.info, dataset, method, splits):
        st.caption(f":material/warning: {escape_markdown(caution)}")
    if st.button(
        "Search", type="primary", icon=":material/search:", disabled=not splits, key="audit_search_start"
    ):
        options = [f"--model={entry.key}", f"--method={method}", "--splits", *splits]
        start_task(
            review.workspace,
            kind=_SEARCH,
            title=f"Looking for doubtful labels in {dataset.name}",
            command=["datasets", "label-errors", dataset.name, *options],
            page=link_to(dataset.name, "Clean up"),
            facts=facts,
        )
        st.rerun()


_HELP: Final[str] = "\n".join(f"- **{name}**: {text}" for name, text in METHODS.items())
