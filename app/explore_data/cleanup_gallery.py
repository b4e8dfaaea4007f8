"""A paged gallery of images with a decision on each, kept on disk as it is made."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import streamlit as st

from app.explore_data.cleanup_cases import REASONS, Case, Kind
from app.explore_data.cleanup_data import Audited
from app.shared.messages import show_error
from fer_core.data.decisions import Action, Decision, decide
from fer_core.errors import FerError
from fer_core.escaping import escape_markdown
from fer_core.labels import FERPLUS_COLUMNS
from fer_core.workspace import Workspace

FACE_PX: Final[int] = 150
FACES_PER_PAGE: Final[int] = 24
_MOST_FACES_PER_CASE: Final[int] = 6
_ERROR: Final[str] = "audit_error"
_ICONS: Final[dict[Action, str]] = {
    "keep": ":material/check:",
    "exclude": ":material/block:",
    "relabel": ":material/edit:",
}
LEGEND: Final[str] = (
    ":material/check: keep · :material/block: exclude · :material/edit: relabel. Decisions are saved "
    "at once; the data set itself changes only when you save a derived one below."
)


@dataclass(frozen=True, slots=True)
class Review:
    """A data set under review, with the decisions made so far."""

    audited: Audited
    workspace: Workspace
    decisions: Mapping[int, Decision]

    @property
    def kept(self) -> frozenset[int]:
        """Rows marked to keep; no bulk button excludes them."""
        return frozenset(row for row, item in self.decisions.items() if item.action == "keep")


def save_decisions(review: Review, changes: Mapping[int, Decision | None]) -> None:
    """Save decisions, in a widget's callback; an error is shown by the next run."""
    try:
        decide(review.audited.dataset, review.workspace, changes)
    except FerError as error:
        st.session_state[_ERROR] = error


def show_last_error() -> None:
    """Show once why the last decision could not be saved."""
    error: FerError | None = st.session_state.pop(_ERROR, None)
    if error is not None:
        show_error(error)


def exclude_rows(review: Review, rows: Iterable[int], kind: Kind) -> None:
    """Exclude these rows for one reason, replacing earlier ones; rows marked to keep stay."""
    reason = REASONS[kind]
    before = [
        row for row, item in review.decisions.items() if item.action == "exclude" and item.reason == reason
    ]
    changes: dict[int, Decision | None] = dict.fromkeys(before)
    changes |= {row: Decision(action="exclude", reason=reason) for row in rows if row not in review.kept}
    save_decisions(review, changes)


def bulk_button(
    review: Review, label: str, rows: Sequence[int], kind: Kind, key: str, help_text: str
) -> None:
    """A button that excludes many images at once."""
    st.button(
        label,
        key=f"audit_bulk_{key}",
        icon=":material/block:",
        help=help_text,
        disabled=not rows,
        on_click=exclude_rows,
        args=(review, rows, kind),
    )


def undo_button(review: Review, kind: Kind) -> None:
    """A button that undoes all decisions made for this reason."""
    mine = [row for row, item in review.decisions.items() if item.reason == REASONS[kind]]
    st.button(
        f"Undo {len(mine):,}",
        key=f"audit_undo_{kind}",
        icon=":material/undo:",
        help=f"Undo every decision made for the reason “{REASONS[kind]}”.",
        disabled=not mine,
        on_click=save_decisions,
        args=(review, dict.fromkeys(mine)),
    )


def render_gallery(review: Review, cases: Sequence[Case], kind: Kind) -> list[Case]:
    """Show one page of cases, with a decision on every face; returns the cases of the page."""
    faces_per_case = max((len(case.rows) for case in cases), default=1)
    per_page = FACES_PER_PAGE if faces_per_case == 1 else FACES_PER_PAGE // 2
    num_pages = max(1, -(-len(cases) // per_page))
    page = _choose_page(kind, num_pages, review.audited.key)
    shown = list(cases[(page - 1) * per_page : page * per_page])
    with st.container(horizontal=True, gap="small"):
        for case in shown:
            _render_case(review, case, kind)
    st.caption(LEGEND)
    return shown


def _choose_page(kind: Kind, num_pages: int, dataset_key: str) -> int:
    if num_pages == 1:
        return 1
    key = f"audit_page_{kind}_{dataset_key}"
    if st.session_state.get(key, 1) > num_pages:
        st.session_state[key] = num_pages
    page: int = st.number_input(f"Page, of {num_pages:,}", 1, num_pages, key=key, width=180)
    return page


def _render_case(review: Review, case: Case, kind: Kind) -> None:
    rows = case.rows[:_MOST_FACES_PER_CASE]
    width = len(rows) * (FACE_PX + 24) + 18
    with st.container(border=True, width=width, gap="xsmall"):
        more = f", {len(case.rows) - len(rows)} more not shown" if len(case.rows) > len(rows) else ""
        st.caption(escape_markdown(case.note + more))
        with st.container(horizontal=True, gap="small"):
            for row in rows:
                with st.container(width=FACE_PX + 8, gap="xsmall"):
                    _render_face(review, row, case, kind)


def _render_face(review: Review, row: int, case: Case, kind: Kind) -> None:
    audited = review.audited
    dataset = audited.dataset
    label = str(audited.classes[row]) or "no majority"
    st.image(dataset.images[row], width=FACE_PX, alt=f"Image {row}: {label}")
    own = str(dataset.samples["label"].iat[row])
    facts = [f"**{escape_markdown(label)}** · {escape_markdown(str(audited.splits[row]))} · {row}"]
    if dataset.info.has_votes:
        facts.append(
            _describe_votes(audited, row)
            + (f" · label {escape_markdown(own)}" if own and own != label else "")
        )
    st.markdown("  \n".join(f":small[{fact}]" for fact in facts))
    _render_decision(review, row, case, kind)


def _describe_votes(audited: Audited, row: int) -> str:
    values = audited.dataset.samples.iloc[row]
    votes = [(int(values[f"votes_{name}"]), name) for name in FERPLUS_COLUMNS]
    return ", ".join(f"{name} {count}" for count, name in sorted(votes, key=lambda item: -item[0]) if count)


def _render_decision(review: Review, row: int, case: Case, kind: Kind) -> None:
    decision = review.decisions.get(row)
    key = f"audit_{kind}_{review.audited.key}_{row}"
    # The file decides what is shown: a button for many, or another tab, may have changed it.
    st.session_state[key] = decision.action if decision else None
    st.segmented_control(
        f"Decision on image {row}",
        list(_ICONS),
        format_func=_ICONS.__getitem__,
        key=key,
        label_visibility="collapsed",
        on_change=_on_action,
        args=(review, row, case, kind, key),
    )
    if decision is not None and decision.action == "relabel":
        label_key = f"{key}_label"
        st.session_state[label_key] = decision.label
        st.selectbox(
            f"New label of image {row}",
            review.audited.dataset.info.classes,
            key=label_key,
            label_visibility="collapsed",
            on_change=_on_label,
            args=(review, row, kind, label_key),
        )


def _on_action(review: Review, row: int, case: Case, kind: Kind, key: str) -> None:
    action: Action | None = st.session_state[key]
    label = suggest_label(review.audited, row, case) if action == "relabel" else ""
    save_decisions(
        review, {row: Decision(action=action, label=label, reason=REASONS[kind]) if action else None}
    )


def _on_label(review: Review, row: int, kind: Kind, key: str) -> None:
    decision = Decision(action="relabel", label=st.session_state[key], reason=REASONS[kind])
    save_decisions(review, {row: decision})


def suggest_label(audited: Audited, row: int, case: Case) -> str:
    """What a relabelled image is called first: what was suggested, its twin's class, or any other class."""
    own = str(audited.classes[row])
    others = [case.suggestion, *(str(audited.classes[other]) for other in case.rows)]
    known = audited.dataset.info.classes
    return next((name for name in [*others, *known] if name in known and name != own), own)
