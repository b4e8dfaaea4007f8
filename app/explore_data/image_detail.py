"""One image with all its data."""

from typing import TYPE_CHECKING, Final, get_args

import streamlit as st

from app.explore_data.cached_data import load_descriptors
from app.explore_data.cleanup_data import Audited
from app.explore_data.image_grid import render_grid
from app.explore_data.state import Key
from app.shared.charts import STATIC_CONFIG
from app.shared.samples import IMAGES, play_sample
from fer_core.config import LabelMode
from fer_core.escaping import escape_markdown
from fer_core.labels import FERPLUS_COLUMNS
from fer_core.palette import emotion_color

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import plotly.graph_objects as go

_IMAGE_PX: Final[int] = 260
_NUM_SIMILAR: Final[int] = 12


def render_detail(audited: Audited, row: int) -> None:
    """Show the image enlarged, its votes, the targets of each label mode, and similar images."""
    dataset = audited.dataset
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"##### {'Image' if dataset.clips is None else 'Clip'} {row:d}", width="content")
            st.button("Close", icon=":material/close:", type="tertiary", key="explore_close", on_click=_close)
        picture, votes, facts = st.columns([2, 3, 3], gap="medium")
        label = str(audited.classes[row]) or "no majority"
        with picture:
            st.image(dataset.images[row], width=_IMAGE_PX, alt=f"Image {row}: {label}")
            play_sample(dataset, row)
        with facts:
            _render_facts(audited, row, label)
        with votes:
            if dataset.info.has_votes:
                st.plotly_chart(
                    build_vote_chart(dataset.votes[row]),
                    config=STATIC_CONFIG,
                    width="stretch",
                    key="explore_votes",
                )
                st.caption("Votes of the annotators.")
        st.markdown(f"**Most similar {IMAGES[dataset.info.kind]}**")
        _render_similar(audited, row)


def _close() -> None:
    st.session_state[Key.EXPLORE_ROW] = None


def _render_facts(audited: Audited, row: int, label: str) -> None:
    dataset = audited.dataset
    sample = dataset.samples.iloc[row]
    lines = [
        f"Split **{escape_markdown(str(sample['split']))}**",
        f"Label in the source: **{escape_markdown(str(sample['label']))}**",
        f"Source: {escape_markdown(str(sample['source']))}",
    ]
    if name := str(sample["image_name"]):
        lines.insert(0, f"Name: {escape_markdown(name)}")
    if dataset.info.has_votes:
        rules = describe_rules(dataset.votes[row], dataset.info.classes)
        lines += [
            "Training target in each label mode:",
            *(f"- {escape_markdown(f'{mode}: {text}')}" for mode, text in rules.items()),
        ]
    else:
        lines.append(f"Counts as **{escape_markdown(label)}**")
    st.markdown("  \n".join(lines).replace("  \n- ", "\n- "))


def describe_rules(votes: "npt.NDArray[np.float64]", classes: tuple[str, ...]) -> dict[str, str]:
    """The target of every label mode for the votes of one image, 10: shares of classes, or `left out`."""
    import numpy as np

    from fer_core.data.ferplus import compute_distributions

    texts = {}
    for mode in get_args(LabelMode):
        shares = compute_distributions(votes[None], mode, classes)[0]
        if np.isnan(shares[0]):
            texts[mode] = "left out"
            continue
        order = [index for index in np.argsort(-shares, kind="stable") if shares[index] > 0]
        texts[mode] = ", ".join(f"{classes[index]} {shares[index]:.0%}" for index in order)
    return texts


def build_vote_chart(votes: "npt.NDArray[np.float64]") -> "go.Figure":
    """Horizontal bars of the votes, in the columns' order."""
    import plotly.graph_objects as go

    names = list(FERPLUS_COLUMNS)[::-1]
    values = votes[::-1]
    figure = go.Figure(
        go.Bar(
            x=values,
            y=names,
            orientation="h",
            marker_color=[emotion_color(name) for name in names],
            text=[f"{value:.0f}" if value else "" for value in values],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.0f}<extra></extra>",
        )
    )
    figure.update_layout(
        height=24 * len(names) + 16,
        margin={"l": 0, "r": 16, "t": 4, "b": 4},
        bargap=0.3,
        xaxis={"visible": False, "fixedrange": True, "range": [0, max(1.0, float(votes.max())) * 1.12]},
        yaxis={"fixedrange": True, "ticksuffix": "  "},
    )
    return figure


def _render_similar(audited: Audited, row: int) -> None:
    from fer_core.data.browsing import find_similar

    descriptors = load_descriptors(audited, audited.dataset.info.fingerprint)
    rows, similarity = find_similar(descriptors, row, _NUM_SIMILAR)
    if not len(rows):
        st.caption("There is no other image.")
        return
    render_grid(
        audited,
        [int(item) for item in rows],
        num_columns=_NUM_SIMILAR,
        key=f"similar_{row}",
        notes=[f"correlation {value:.2f}" for value in similarity],
    )
    st.caption(
        "By the correlation of their pixels at low resolution. At 0.99 and more it is often the same photo."
    )
