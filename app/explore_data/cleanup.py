"""The deciding half of the data page: what is wrong with a data set, and what becomes of it."""

from collections.abc import Callable
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
    build_near,
    find_training_side,
)
from app.explore_data.cleanup_data import known_flaws, load_entropy, open_audited
from app.explore_data.cleanup_gallery import Desk, bulk_button, render_gallery, show_last_error, undo_button
from app.explore_data.cleanup_save import render_save
from app.explore_data.label_errors import render_errors
from app.explore_data.label_flow import render_flow
from app.explore_data.state import link_to
from app.shared.background import render_task
from app.shared.charts import STATIC_CONFIG
from app.shared.messages import empty_state, error_boundary
from fer_core.data.audit import Flaws
from fer_core.data.decisions import load_decisions
from fer_core.jobs.background import start_task
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_DISPUTED_BITS: Final[float] = 2.0
_SEARCH: Final[str] = "copies"


@st.fragment
def render(dataset_name: str) -> None:
    """Show the galleries of a data set and what was decided; the entry point for pages.

    Args:
        dataset_name: name of a data set of the workspace.
    """
    with error_boundary():
        workspace = Workspace.default()
        audited = open_audited(dataset_name, workspace)
        desk = Desk(audited, workspace, load_decisions(audited.dataset, workspace))
        kind: Kind = st.segmented_control(
            "What to look at",
            list(TITLES),
            format_func=TITLES.__getitem__,
            default="copies",
            required=True,
            key="audit_kind",
            label_visibility="collapsed",
        )
        show_last_error()
        _RENDERERS[kind](desk)
        if kind != "flow":
            render_save(desk)


def _require_flaws(desk: Desk) -> Flaws | None:
    """Copies and blank images; None, with a button, while nobody has looked for them."""
    audited, workspace = desk.audited, desk.workspace
    facts = {"fingerprint": audited.dataset.info.fingerprint}
    task = render_task(workspace, _SEARCH, facts)
    if task is not None and task.is_active:
        return None
    flaws = known_flaws(audited, workspace)
    if flaws is not None:
        return flaws
    empty_state(
        "Nobody has looked yet",
        f"Copies, near copies and blank images among {len(audited.dataset.images):,} images are looked for "
        "once, in some seconds, and kept until the data set changes.",
        icon=":material/search:",
    )
    if st.button("Look for them", type="primary", icon=":material/search:", key="audit_look"):
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


def _render_copies(desk: Desk) -> None:
    flaws = _require_flaws(desk)
    if flaws is None:
        return
    splits, found = desk.audited.splits, flaws.duplicates
    leaks = found.find_leaks(splits)
    st.markdown(
        f"**{len(found.groups):,} groups of exactly equal images** hold {found.num_repeats:,} repeats; "
        f"{len(leaks):,} images outside the training split are copies of a training image."
    )
    if not found.groups:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        which = _choose_which("copies")
        bulk_button(
            desk,
            f"Exclude the {len(leaks):,} copies of training images from the other splits",
            leaks,
            "copies",
            "leaks",
            "The training split stays whole; validation and test lose what a model has seen.",
        )
        repeats = found.repeats(splits, desk.kept)
        bulk_button(
            desk,
            f"Keep one of each group: exclude {len(repeats):,}",
            repeats,
            "copies",
            "repeats",
            "What models are scored on stays: test is kept before valid before train. Images that you marked "
            "to keep stay in any case.",
        )
        undo_button(desk, "copies")
    _show(desk, build_copies(flaws, splits, desk.audited.classes, which), "copies")


def _render_near(desk: Desk) -> None:
    flaws = _require_flaws(desk)
    if flaws is None:
        return
    audited, pairs = desk.audited, flaws.duplicates.near_pairs
    num_across = int((audited.splits[pairs[:, 0]] != audited.splits[pairs[:, 1]]).sum()) if len(pairs) else 0
    st.markdown(
        f"**{len(pairs):,} pairs look the same** without being equal; {num_across:,} of them lie in two "
        "splits."
    )
    if not len(pairs):
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        which = _choose_which("near")
        cases = build_near(flaws, audited.splits, audited.classes, which)
        side = find_training_side(cases, audited.splits)
        bulk_button(
            desk,
            f"Exclude the training side of the pairs across splits: {len(side):,}",
            side,
            "near",
            "near",
            "A near copy may be another moment of the same person: look through some pages first.",
        )
        undo_button(desk, "near")
    _show(desk, cases, "near")


def _render_blank(desk: Desk) -> None:
    flaws = _require_flaws(desk)
    if flaws is None:
        return
    rows = flaws.blank.tolist()
    st.markdown(
        f"**{len(rows):,} images show nothing** but one value or smooth shading; {len(flaws.constant):,} of "
        "them are constant."
    )
    if not rows:
        return
    with st.container(horizontal=True):
        bulk_button(desk, f"Exclude all {len(rows):,}", rows, "blank", "blank", "There is no face to see.")
        undo_button(desk, "blank")
    _show(desk, build_blank(flaws), "blank")


def _render_disagreement(desk: Desk) -> None:
    audited = desk.audited
    if not audited.dataset.info.has_votes:
        empty_state(
            "No annotators' votes here",
            "How far annotators disagree is known only where their votes are stored, as with FER+.",
            icon=":material/groups:",
        )
        return
    entropy = load_entropy(audited, audited.key)
    left, right = st.columns([2, 3], vertical_alignment="center")
    with left:
        above = st.slider("At least so many bits", 0.0, 3.0, _DISPUTED_BITS, 0.1, key="audit_bits")
        split = st.selectbox("Split", ["all", *audited.dataset.info.split_counts], key="audit_bits_split")
    cases = build_disagreement(entropy, audited.splits, split, above=above)
    with right:
        _render_histogram(entropy, above)
    st.markdown(
        f"**{len(cases):,} images** whose votes have an entropy of {above:.1f} bits or more: 0 where all "
        "agree, 1 where two expressions share the votes evenly, 2 for four."
    )
    with st.container(horizontal=True):
        bulk_button(
            desk,
            f"Exclude all {len(cases):,}",
            [case.rows[0] for case in cases],
            "disagreement",
            "disagreement",
            "What is disputed may still teach a model how disputed it is: training on vote distributions "
            "keeps that. Exclude it for clear-cut sets.",
        )
        undo_button(desk, "disagreement")
    _show(desk, cases, "disagreement")


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
        height=170,
        bargap=0.05,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        xaxis_title="entropy of the votes, bits",
        yaxis_title="images",
    )
    st.plotly_chart(figure, width="stretch", config=STATIC_CONFIG, key="audit_histogram")


def _choose_which(kind: Kind) -> Which:
    which: Which = st.selectbox("Show", WHICH, key=f"audit_which_{kind}", width=200)
    return which


def _show(desk: Desk, cases: list[Case], kind: Kind) -> None:
    if cases:
        render_gallery(desk, cases, kind)
    else:
        st.caption("Nothing of this kind; choose another above.")


_RENDERERS: Final[dict[Kind, Callable[[Desk], None]]] = {
    "copies": _render_copies,
    "near": _render_near,
    "blank": _render_blank,
    "errors": render_errors,
    "disagreement": _render_disagreement,
    "flow": lambda desk: render_flow(desk.audited),
}
