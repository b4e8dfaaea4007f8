"""Cleaning up a data set: galleries of its flaws, and the derived data set that decisions make."""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import streamlit as st

from app.explore_data.cleanup_cases import (
    TITLES,
    WHICH,
    Case,
    Kind,
    Which,
    build_blank,
    build_copies,
    build_disagreement,
    build_errors,
    build_near,
    find_training_side,
)
from app.explore_data.cleanup_data import known_flaws, load_entropy, open_audited
from app.explore_data.cleanup_gallery import Review, bulk_button, render_gallery, show_last_error, undo_button
from app.explore_data.cleanup_save import render_save
from app.explore_data.label_errors import render_errors
from app.explore_data.label_flow import render_flow
from app.explore_data.state import link_to
from app.shared.background import render_task
from app.shared.charts import STATIC_CONFIG
from app.shared.messages import empty_state, error_boundary
from fer_core.data.decisions import load_decisions
from fer_core.data.flaws import Flaws
from fer_core.data.suspected_labels import load_suspects
from fer_core.errors import DataError
from fer_core.jobs.tasks import start_task
from fer_core.words import count
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_DISPUTED_BITS: Final[float] = 2.0
_SEARCH: Final[str] = "copies"
_RAIL_STYLE: Final[str] = (
    "<style>@media (min-width: 640px) {"
    "[data-testid=stColumn]:has(> * > .st-key-audit_kind)"
    " {position: sticky; top: 4.5rem; align-self: flex-start;}"
    ".st-key-audit_kind [role=radiogroup] {flex-direction: column; gap: .3rem; width: 100%; mask: none;}"
    ".st-key-audit_kind [role=radiogroup] > * {width: 100% !important; justify-content: flex-start;"
    " margin: 0 !important; border: 1px solid rgba(128,128,128,.4);"
    " border-radius: .5rem !important;}}</style>"
)
"""One kind below the other beside the gallery; on a phone they wrap above it."""


@st.fragment
def render(dataset_name: str) -> None:
    """Show the galleries of a data set and the decisions; the entry point for pages.

    Args:
        dataset_name: name of a data set of the workspace.
    """
    with error_boundary():
        workspace = Workspace.default()
        audited = open_audited(dataset_name, workspace)
        review = Review(audited, workspace, load_decisions(audited.dataset, workspace))
        rail, gallery = st.columns([1, 4], gap="medium")
        with rail:
            kind = _choose_kind(review)
        with gallery:
            show_last_error()
            _RENDERERS[kind](review)
            if kind != "flow":
                render_save(review)


def _choose_kind(review: Review) -> Kind:
    """The rail: what to look at, and how many of each there are."""
    counts = _count_cases(review)
    st.html(_RAIL_STYLE)
    kind: Kind = st.segmented_control(
        "What to look at",
        list(TITLES),
        format_func=lambda item: TITLES[item] + (f" · {counts[item]:,}" if item in counts else ""),
        default="copies",
        required=True,
        key="audit_kind",
        label_visibility="collapsed",
        width="stretch",
    )
    return kind


def _count_cases(review: Review) -> dict[Kind, int]:
    """How many there are to look at, of what is known."""
    audited, counts = review.audited, dict[Kind, int]()
    flaws = known_flaws(audited, review.workspace)
    if flaws is not None:
        counts |= {"copies": len(flaws.duplicates.groups), "near": len(flaws.duplicates.near_pairs)}
        counts["blank"] = len(flaws.blank)
    with suppress(DataError):  # the gallery of doubtful labels says why
        counts["errors"] = len(build_errors(load_suspects(audited.dataset, review.workspace)))
    if audited.dataset.info.has_votes:
        counts["disagreement"] = int((load_entropy(audited, audited.key) >= _DISPUTED_BITS).sum())
    return counts


def _require_flaws(review: Review) -> Flaws | None:
    """Copies and blank images; None, with a button, before the search."""
    audited, workspace = review.audited, review.workspace
    facts = {"fingerprint": audited.dataset.info.fingerprint}
    task = render_task(workspace, _SEARCH, facts)
    if task is not None and task.is_active:
        return None
    flaws = known_flaws(audited, workspace)
    if flaws is not None:
        return flaws
    empty_state(
        "Not searched yet",
        f"Search {count(len(audited.dataset.images), 'image')} for copies, near copies and blank "
        "images. This takes some seconds; the result is kept until the data set changes.",
        icon=":material/search:",
    )
    if st.button("Search", type="primary", icon=":material/search:", key="audit_look"):
        name = audited.dataset.name
        start_task(
            workspace,
            kind=_SEARCH,
            title=f"Looking for copies in {name}",
            command=["datasets", "quality", name],
            page=link_to(name, "Clean up"),
            facts=facts,
        )
        st.rerun()
    return None


def _render_copies(review: Review) -> None:
    flaws = _require_flaws(review)
    if flaws is None:
        return
    splits, found = review.audited.splits, flaws.duplicates
    leaks = found.find_leaks(splits)
    st.markdown(
        f"**{count(len(found.groups), 'group')} of exactly equal images**, "
        f"{count(found.num_repeats, 'repeat')}; "
        f"{count(len(leaks), 'copy', 'copies')} of training images in other splits."
    )
    if not found.groups:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        which = _choose_which("copies")
        bulk_button(
            review,
            f"Exclude {count(len(leaks), 'copy', 'copies')} of training images from the other splits",
            leaks,
            "copies",
            "leaks",
            "The training split stays complete; validation and test lose the images that a model has seen.",
        )
        repeats = found.repeats(splits, review.kept)
        bulk_button(
            review,
            f"Keep one of each group: exclude {len(repeats):,}",
            repeats,
            "copies",
            "repeats",
            "Test images are kept before valid before train. Images marked to keep always stay.",
        )
        undo_button(review, "copies")
    _show(review, build_copies(flaws, splits, review.audited.classes, which), "copies")


def _render_near(review: Review) -> None:
    flaws = _require_flaws(review)
    if flaws is None:
        return
    audited, pairs = review.audited, flaws.duplicates.near_pairs
    num_across = int((audited.splits[pairs[:, 0]] != audited.splits[pairs[:, 1]]).sum()) if len(pairs) else 0
    st.markdown(
        f"**{count(len(pairs), 'pair')}** with the same look, but not equal; {num_across:,} across two "
        "splits."
    )
    if not len(pairs):
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        which = _choose_which("near")
        cases = build_near(flaws, audited.splits, audited.classes, which)
        side = find_training_side(cases, audited.splits)
        bulk_button(
            review,
            f"Exclude the training image of each pair across splits: {len(side):,}",
            side,
            "near",
            "near",
            "A near copy may be another moment of the same person: check some pages first.",
        )
        undo_button(review, "near")
    _show(review, cases, "near")


def _render_blank(review: Review) -> None:
    flaws = _require_flaws(review)
    if flaws is None:
        return
    rows = flaws.blank.tolist()
    st.markdown(
        f"**{count(len(rows), 'blank image')}**: smooth shading, or one value throughout "
        f"({len(flaws.constant):,})."
    )
    if not rows:
        return
    with st.container(horizontal=True):
        bulk_button(review, f"Exclude all {len(rows):,}", rows, "blank", "blank", "There is no face to see.")
        undo_button(review, "blank")
    _show(review, build_blank(flaws), "blank")


def _render_disagreement(review: Review) -> None:
    audited = review.audited
    if not audited.dataset.info.has_votes:
        empty_state(
            "No annotators' votes here",
            "Disagreement is known only where the annotators' votes are stored, as with FER+.",
            icon=":material/groups:",
        )
        return
    entropy = load_entropy(audited, audited.key)
    left, middle, right = st.columns([3, 2, 4], vertical_alignment="center")
    with left:
        above = st.slider(
            "Least disagreement (bits)",
            0.0,
            3.0,
            _DISPUTED_BITS,
            0.1,
            key="audit_bits",
            help="The entropy of the votes: 0 if all annotators agree, 1 if two expressions share the votes "
            "evenly, 2 for four, 3 for eight.",
        )
    with middle:
        split = st.selectbox("Split", ["all", *audited.dataset.info.split_counts], key="audit_bits_split")
    cases = build_disagreement(entropy, audited.splits, split, above=above)
    with right:
        _render_histogram(entropy, above)
    st.markdown(f"**{count(len(cases), 'image')}** on which annotators disagree by {above:.1f} bits or more.")
    with st.container(horizontal=True):
        bulk_button(
            review,
            f"Exclude all {len(cases):,}",
            [case.rows[0] for case in cases],
            "disagreement",
            "disagreement",
            "Disputed images are still useful when you train on the shares of the votes. Exclude them for a "
            "clear-cut data set.",
        )
        undo_button(review, "disagreement")
    _show(review, cases, "disagreement")


def _render_histogram(entropy: "npt.NDArray[np.float64]", above: float) -> None:
    import numpy as np
    import plotly.graph_objects as go

    counts, edges = np.histogram(entropy[np.isfinite(entropy)], bins=np.arange(0, 3.2, 0.1))
    colors = ["#d55e00" if edge >= above - 1e-9 else "#8a8d91" for edge in edges[:-1]]
    figure = go.Figure(
        go.Bar(
            x=edges[:-1] + 0.05, y=counts, marker_color=colors, hovertemplate="%{y:,} images<extra></extra>"
        )
    )
    figure.update_layout(
        height=130,
        bargap=0.05,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        xaxis_title="disagreement of the annotators, bits",
        yaxis_title="images",
    )
    st.plotly_chart(figure, width="stretch", config=STATIC_CONFIG, key="audit_histogram")


def _choose_which(kind: Kind) -> Which:
    which: Which = st.selectbox("Show", WHICH, key=f"audit_which_{kind}", width=200)
    return which


def _show(review: Review, cases: list[Case], kind: Kind) -> None:
    if cases:
        render_gallery(review, cases, kind)
    else:
        st.caption("No such images; choose another kind above.")


_RENDERERS: Final[dict[Kind, Callable[[Review], None]]] = {
    "copies": _render_copies,
    "near": _render_near,
    "blank": _render_blank,
    "errors": render_errors,
    "disagreement": _render_disagreement,
    "flow": lambda review: render_flow(review.audited),
}
