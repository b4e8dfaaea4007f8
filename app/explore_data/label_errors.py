"""Doubtful labels: those that were noted, and a search for more with a model that is at hand."""

from typing import Final, get_args

import streamlit as st

from app.explore_data.cleanup_cases import Case, build_errors
from app.explore_data.cleanup_gallery import (
    Desk,
    act,
    bulk_button,
    render_gallery,
    suggest_label,
    undo_button,
)
from app.explore_data.label_search import LabelSearch
from app.shared.messages import empty_state, error_boundary, escape_markdown, show_error
from app.shared.session_end import at_session_end
from fer_core.checkpoint import CheckpointEntry, list_checkpoints
from fer_core.data.decisions import Decision
from fer_core.data.suspects import load_suspects
from fer_core.errors import DataError, FerError
from fer_core.evaluation.label_errors import METHODS, Method, default_splits, describe_exposure

_SEARCH: Final[str] = "audit_search"
_REFRESH_S: Final[float] = 1.0
_ALL: Final[str] = "everybody"


def render_errors(desk: Desk) -> None:
    """Show the noted suspects, and the way to more."""
    try:
        suspects = load_suspects(desk.audited.dataset, desk.workspace)
    except DataError as error:
        show_error(error)
        suspects = []
    search: LabelSearch | None = st.session_state.get(_SEARCH)
    is_mine = search is not None and search.dataset == desk.audited.dataset.name
    with st.expander(
        "Look for doubtful labels with a model", expanded=not suspects or is_mine, icon=":material/search:"
    ):
        _render_search(desk, search if is_mine else None)
    if not suspects:
        empty_state(
            "No label is under suspicion yet",
            "Start a search above, run `fer datasets label-errors "
            f"{desk.audited.dataset.name}`, or send faces here from the Compare runs page.",
            icon=":material/label_off:",
        )
        return
    sources = sorted({item.finder for item in suspects})
    with st.container(horizontal=True, vertical_alignment="bottom"):
        source = st.selectbox("Suspected by", [_ALL, *sources], key="audit_errors_source", width=360)
        cases = build_errors(suspects, "" if source == _ALL else source)
        rows = [case.rows[0] for case in cases]
        bulk_button(
            desk,
            f"Exclude all {len(rows):,}",
            rows,
            "errors",
            "errors",
            "A suspicion is no proof: look through some pages first.",
        )
        undo_button(desk, "errors")
    st.caption(f"{len(cases):,} images; those that people noted first, then the most suspicious.")
    shown = render_gallery(desk, cases, "errors")
    _render_page_actions(desk, shown)


def _render_page_actions(desk: Desk, shown: list[Case]) -> None:
    """Decide on all faces of a page at once."""
    open_cases = [case for case in shown if case.rows[0] not in desk.decisions]
    with_name = [case for case in open_cases if case.suggestion]
    with st.container(horizontal=True):
        st.button(
            f"Relabel the {len(with_name)} undecided as suggested",
            icon=":material/edit:",
            key="audit_errors_relabel",
            disabled=not with_name,
            on_click=_relabel,
            args=(desk, with_name),
        )
        st.button(
            f"Keep the {len(open_cases)} undecided of this page",
            icon=":material/check:",
            key="audit_errors_keep",
            disabled=not open_cases,
            on_click=_keep,
            args=(desk, open_cases),
        )


def _relabel(desk: Desk, cases: list[Case]) -> None:
    audited = desk.audited
    act(
        desk,
        {
            case.rows[0]: Decision(
                action="relabel", label=suggest_label(audited, case.rows[0], case), reason="label error"
            )
            for case in cases
        },
    )


def _keep(desk: Desk, cases: list[Case]) -> None:
    act(desk, {case.rows[0]: Decision(action="keep", reason="label error") for case in cases})


def _render_search(desk: Desk, search: LabelSearch | None) -> None:
    if search is not None and search.is_running:
        st.fragment(_render_progress, run_every=_REFRESH_S)(search)
        return
    if search is not None:
        _render_outcome(search)
    entries = {entry.key: entry for entry in list_checkpoints(desk.workspace)}
    if not entries:
        st.caption("There is no model yet; train one on the Train page, or with `fer train --preset quick`.")
        return
    dataset = desk.audited.dataset
    left, middle, right = st.columns(3)
    entry = entries[left.selectbox("Judge", list(entries), key="audit_judge")]
    method: Method = middle.selectbox("By", get_args(Method), key="audit_method", help=_HELP)
    splits = right.multiselect(
        "In",
        list(dataset.info.split_counts),
        default=list(default_splits(entry.info, dataset, method)),
        key=f"audit_splits_{desk.audited.key}_{entry.key}_{method}",
    )
    for caution in describe_exposure(entry.info, dataset, method, splits):
        st.caption(f":material/warning: {escape_markdown(caution)}")
    st.button(
        "Search",
        type="primary",
        icon=":material/search:",
        disabled=not splits,
        key="audit_search_start",
        on_click=_start,
        args=(desk, entry, method, splits),
    )


_HELP: Final[str] = "\n".join(f"- **{name}**: {text}" for name, text in METHODS.items())


def _start(desk: Desk, entry: CheckpointEntry, method: Method, splits: list[str]) -> None:
    previous: LabelSearch | None = st.session_state.pop(_SEARCH, None)
    if previous is not None:
        previous.close()
    st.session_state[_SEARCH] = LabelSearch(
        desk.workspace, desk.audited.dataset.name, entry.key, method, splits
    )


def _render_progress(search: LabelSearch) -> None:
    with error_boundary():
        at_session_end(f"label-search-{id(search)}", search.close)
        if not search.is_running:
            st.rerun()
        fraction = search.fraction
        st.progress(fraction, "Judging the labels…" if fraction else "Loading the model…")
        if st.button("Cancel", icon=":material/stop_circle:", key="audit_search_cancel"):
            search.close()
            st.session_state.pop(_SEARCH, None)
            st.rerun()


def _render_outcome(search: LabelSearch) -> None:
    if search.failed:
        show_error(FerError(search.message or "The search ended without a word; try again."))
    else:
        st.success(escape_markdown(search.message).replace("\n", "  \n"), icon=":material/check:")
