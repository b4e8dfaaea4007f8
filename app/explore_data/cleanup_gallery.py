"""A paged gallery of images with a decision on each, kept on disk as it is made."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import streamlit as st

from app.explore_data.cleanup_cases import REASONS, Case, Kind
from app.explore_data.cleanup_data import Audited
from app.shared.callbacks import uninterrupted
from app.shared.messages import show_error
from fer_core.data.decisions import Action, Decision, decide
from fer_core.errors import FerError
from fer_core.escaping import escape_markdown
from fer_core.labels import FERPLUS_COLUMNS
from fer_core.workspace import Workspace

FACES_PER_PAGE: Final[int] = 18
_MOST_FACES_PER_CASE: Final[int] = 6
_LARGE_PX: Final[int] = 150
_FACE_PX: Final[int] = 120
_ERROR: Final[str] = "audit_error"
_ICONS: Final[dict[Action, str]] = {
    "keep": ":material/check:",
    "exclude": ":material/block:",
    "relabel": ":material/edit:",
}
_KEYS: Final[dict[Action, str]] = {"keep": "K", "exclude": "E", "relabel": "L"}
"""Keyboard shortcuts: R and C are Streamlit's own."""
_STYLE: Final[str] = (
    "<style>.st-key-cleanup-grid {display: grid; gap: .6rem;"
    " grid-template-columns: repeat(auto-fill, minmax(8.6rem, 1fr));}"
    ".st-key-cleanup-grid > * {width: auto !important; min-width: 0;}"
    ".st-key-cleanup-grid p {white-space: nowrap; overflow: hidden; text-overflow: ellipsis;}"
    ".st-key-cleanup-grid > * > [data-testid=stVerticalBlock] {padding: .5rem;}"
    ".st-key-cleanup-grid [role=radiogroup] {flex-wrap: nowrap;}"
    ".st-key-cleanup-grid [role=radiogroup] > * {padding: 0 .4rem; min-width: 0; flex: 1 1 0;}"
    ".st-key-cleanup-current {outline: 3px solid #3d9bd6; border-radius: .5rem;}</style>"
)
"""Cells of one size, whatever is written in them, and a frame around the face that the keys decide on."""


@dataclass(frozen=True, slots=True)
class _Face:
    """A face of the gallery."""

    row: int
    case: Case
    place: str
    """Number of its group and what is written above it, as plain text."""


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
    """Show one page of cases, with a decision on every face; returns the cases of the page.

    One face is the current one: a large picture of it and the keys that decide on it are above the grid.
    """
    faces_per_case = min(_MOST_FACES_PER_CASE, max((len(case.rows) for case in cases), default=1))
    per_page = max(1, FACES_PER_PAGE // faces_per_case)
    num_pages = max(1, -(-len(cases) // per_page))
    page = _choose_page(kind, num_pages, review.audited.key)
    shown = list(cases[(page - 1) * per_page : page * per_page])
    faces = [
        _Face(row, case, _describe_place(case, (page - 1) * per_page + number))
        for number, case in enumerate(shown, 1)
        for row in case.rows[:_MOST_FACES_PER_CASE]
    ]
    cursor = _Cursor(review, kind, [face.row for face in faces])
    with st.container(key="cleanup-now", gap="small"):
        _render_current(review, faces, kind, cursor)
    st.html(_STYLE)
    with st.container(key="cleanup-grid"):
        for index, face in enumerate(faces):
            is_current = index == cursor.index
            with st.container(
                border=True, gap="xsmall", key="cleanup-current" if is_current else f"cleanup-face-{index}"
            ):
                _render_face(review, face, kind)
    return shown


def _describe_place(case: Case, number: int) -> str:
    more = len(case.rows) - _MOST_FACES_PER_CASE
    note = case.note + (f", {more} more not shown" if more > 0 else "")
    return f"{number}: {note}" if len(case.rows) > 1 else note


class _Cursor:
    """Which face of a page the keys decide on; kept per gallery and page.

    Looked up whenever it is asked for: a key may be pressed before the page shows what the last one did.
    """

    def __init__(self, review: Review, kind: Kind, rows: Sequence[int]) -> None:
        self._key = f"audit_cursor_{kind}_{review.audited.key}"
        self._review, self._rows = review, rows

    @property
    def index(self) -> int:
        """Its place on the page."""
        row = st.session_state.get(self._key)
        return self._rows.index(row) if row in self._rows else self._find_open(0)

    def _find_open(self, start: int) -> int:
        """The next face without a decision; the one at `start` if there is none."""
        order = [*range(start, len(self._rows)), *range(start)]
        return next((place for place in order if self._rows[place] not in self._review.decisions), start)

    def move(self, step: int) -> None:
        """Go on by so many faces, round the page."""
        st.session_state[self._key] = self._rows[(self.index + step) % len(self._rows)]

    def go_on(self) -> None:
        """Go to the next face without a decision."""
        following = (self.index + 1) % len(self._rows)
        st.session_state[self._key] = self._rows[self._find_open(following)]


def _render_current(review: Review, faces: Sequence[_Face], kind: Kind, cursor: _Cursor) -> None:
    """The current face, large, with all that is known of it and the keys."""
    face = faces[cursor.index]
    label = str(review.audited.classes[face.row]) or "no majority"
    picture, words = st.columns([2, 5], gap="medium", vertical_alignment="center")
    picture.image(review.audited.dataset.images[face.row], width=_LARGE_PX, alt=f"The current image: {label}")
    with words:
        st.markdown(f"**{escape_markdown(label)}** · {escape_markdown(face.place)}")
        st.caption("  \n".join(_describe_facts(review, face.row)))
        decision = review.decisions.get(face.row)
        with st.container(horizontal=True, gap="small"):
            for action, key in _KEYS.items():
                is_chosen = decision is not None and decision.action == action
                st.button(
                    action.capitalize(),
                    icon=_ICONS[action],
                    shortcut=key,
                    type="primary" if is_chosen else "secondary",
                    key=f"audit_now_{action}",
                    on_click=_decide_now,
                    args=(review, faces, kind, action, cursor),
                )
            for title, key, step in (("Back", "B", -1), ("Next", "N", 1)):
                st.button(title, shortcut=key, key=f"audit_now_{title}", on_click=cursor.move, args=(step,))


def _decide_now(review: Review, faces: Sequence[_Face], kind: Kind, action: Action, cursor: _Cursor) -> None:
    face = faces[cursor.index]
    _save_action(review, face.row, face.case, kind, action)
    cursor.go_on()


def _choose_page(kind: Kind, num_pages: int, dataset_key: str) -> int:
    if num_pages == 1:
        return 1
    key = f"audit_page_{kind}_{dataset_key}"
    if st.session_state.get(key, 1) > num_pages:
        st.session_state[key] = num_pages
    return int(st.pagination(num_pages, key=key))


def _render_face(review: Review, face: _Face, kind: Kind) -> None:
    audited, row = review.audited, face.row
    label = str(audited.classes[row]) or "no majority"
    st.caption(escape_markdown(face.place))
    st.image(audited.dataset.images[row], width=_FACE_PX, alt=f"Image {row}: {label}")
    st.markdown(
        f":small[**{escape_markdown(label)}** · {escape_markdown(str(audited.splits[row]))} · {row:d}]"
    )
    _render_decision(review, row, face.case, kind)


def _describe_facts(review: Review, row: int) -> list[str]:
    """Where an image is, and what people said of it, as Markdown."""
    audited = review.audited
    own = str(audited.dataset.samples["label"].iat[row])
    facts = [f"{escape_markdown(str(audited.splits[row]))}, image {row}"]
    if audited.dataset.info.has_votes:
        facts.append(f"Votes: {_describe_votes(audited, row)}")
        if own and own != str(audited.classes[row]):
            facts.append(f"Label: {escape_markdown(own)}")
    return facts


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


@uninterrupted
def _on_action(review: Review, row: int, case: Case, kind: Kind, key: str) -> None:
    _save_action(review, row, case, kind, st.session_state[key])


def _save_action(review: Review, row: int, case: Case, kind: Kind, action: Action | None) -> None:
    label = suggest_label(review.audited, row, case) if action == "relabel" else ""
    save_decisions(
        review, {row: Decision(action=action, label=label, reason=REASONS[kind]) if action else None}
    )


@uninterrupted
def _on_label(review: Review, row: int, kind: Kind, key: str) -> None:
    decision = Decision(action="relabel", label=st.session_state[key], reason=REASONS[kind])
    save_decisions(review, {row: decision})


def suggest_label(audited: Audited, row: int, case: Case) -> str:
    """What a relabelled image is called first: what was suggested, its twin's class, or any other class."""
    own = str(audited.classes[row])
    others = [case.suggestion, *(str(audited.classes[other]) for other in case.rows)]
    known = audited.dataset.info.classes
    return next((name for name in [*others, *known] if name in known and name != own), own)
