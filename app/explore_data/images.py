"""The images of a data set: filters, a grid to look through, and one image with all that is known of it."""

from typing import TYPE_CHECKING, Final

import streamlit as st

from app.explore_data.cached_data import load_agreement
from app.explore_data.cleanup_data import Audited, open_audited
from app.explore_data.image_detail import render_detail
from app.explore_data.image_grid import render_grid
from app.explore_data.state import Key
from app.shared.callbacks import uninterrupted
from app.shared.messages import empty_state, error_boundary
from app.shared.page_header import is_phone
from fer_core.words import count
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from fer_core.data.browsing import ImageFilter

_PER_PAGE: Final[int] = 60
_COLUMNS: Final[tuple[int, ...]] = (4, 6, 12, 15)


@st.fragment
def render_images(name: str, workspace: Workspace) -> None:
    """Show filters, the images that pass them, and the chosen one; a change redraws only this part."""
    with error_boundary():
        audited = open_audited(name, workspace)
        agreement = load_agreement(audited)
        wanted, num_columns = _choose(audited, has_votes=agreement is not None)
        _render_found(audited, agreement, wanted, num_columns)
        row = st.session_state.get(Key.EXPLORE_ROW)
        if row is not None and 0 <= row < len(audited.dataset.images):
            render_detail(audited, int(row))


def _choose(audited: Audited, *, has_votes: bool) -> "tuple[ImageFilter, int]":
    from fer_core.data.browsing import ORDERS, ImageFilter

    info = audited.dataset.info
    first = st.columns([2, 3, 2], gap="small")
    splits = first[0].multiselect(
        "Splits", list(info.split_counts), placeholder="All", key="explore_splits", on_change=_to_first_page
    )
    classes = first[1].multiselect(
        "Classes", list(info.classes), placeholder="All", key="explore_classes", on_change=_to_first_page
    )
    text = first[2].text_input(
        "Name or source contains", placeholder="Anything", key="explore_text", on_change=_to_first_page
    )
    second = st.columns([3, 2, 2], gap="small")
    low, high = 0, 100
    if has_votes:
        low, high = second[0].slider(
            "Votes for the most frequent answer",
            0,
            100,
            (0, 100),
            step=5,
            format="%d %%",
            key="explore_agreement_range",
            on_change=_to_first_page,
        )
    order = second[1].selectbox(
        "Order", ORDERS if has_votes else ("file", "shuffled"), key="explore_order", on_change=_to_first_page
    )
    num_columns = second[2].select_slider(
        "Images per row", _COLUMNS, 6 if is_phone() else 12, key="explore_columns"
    )
    wanted = ImageFilter(
        splits=tuple(splits),
        classes=tuple(classes),
        agreement=(low / 100, high / 100),
        text=text,
        order=order,
    )
    return wanted, num_columns


@uninterrupted
def _to_first_page() -> None:
    st.session_state.pop(Key.EXPLORE_PAGE, None)


def _render_found(
    audited: Audited,
    agreement: "npt.NDArray[np.float64] | None",
    wanted: "ImageFilter",
    num_columns: int,
) -> None:
    from fer_core.data.browsing import find_images

    rows = find_images(audited.dataset, audited.classes, agreement, wanted)
    if not len(rows):
        empty_state("No image matches these filters", "Remove one of them to see more.")
        return
    num_pages = -(-len(rows) // _PER_PAGE)
    if st.session_state.get(Key.EXPLORE_PAGE, 1) > num_pages:
        _to_first_page()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**{len(rows):,}** of {count(len(audited.dataset.images), 'image')}. Click one for its details."
        )
        page = st.pagination(num_pages, key=Key.EXPLORE_PAGE) if num_pages > 1 else 1
    shown = rows[(page - 1) * _PER_PAGE : page * _PER_PAGE]
    notes = [] if agreement is None else [f"{agreement[row]:.0%} of the votes agree" for row in shown]
    render_grid(audited, [int(row) for row in shown], num_columns=num_columns, key="grid", notes=notes)
