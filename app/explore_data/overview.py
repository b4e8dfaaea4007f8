"""What a data set is made of: classes, agreement, the face of each class, light and sharpness."""

import math
from typing import TYPE_CHECKING, Final

import streamlit as st

from app.explore_data.cached_data import load_agreement, load_class_faces, load_counts, load_image_statistics
from app.explore_data.cleanup_data import Audited, open_audited
from app.explore_data.state import Key
from app.explore_data.wording import describe_format
from app.shared.charts import STATIC_CONFIG
from app.shared.terms import describe_terms, describe_use
from fer_core.escaping import escape_markdown, escape_plotly, quote_markdown
from fer_core.palette import UNKNOWN_COLOR, emotion_color
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    import plotly.graph_objects as go

_FACE_PX: Final[int] = 118
_UNEVEN: Final[float] = 1.5
"""From this ratio of the largest to the smallest class on, it is worth saying."""
_BLUE: Final[str] = "#3d9bd6"
_STATISTICS: Final[dict[str, tuple[str, str]]] = {
    "brightness": ("Brightness", "mean grey value, 0 black to 1 white"),
    "contrast": ("Contrast", "standard deviation of the grey values"),
    "sharpness": ("Sharpness", "standard deviation of the Laplacian; low is blurred"),
}


def render_facts(name: str, workspace: Workspace) -> None:
    """Show what the data set says about itself.

    Raises:
        DataError: it is damaged.
    """
    info = open_audited(name, workspace).dataset.info
    splits = " · ".join(f"{split} {count:,}" for split, count in info.split_counts.items())
    st.markdown(
        f"**{info.num_images:,}** {describe_format(info)} · "
        f"{len(info.classes)} classes · {escape_markdown(splits)}"
        + (" · with annotators' votes" if info.has_votes else "")
    )
    with st.expander("Origin, licence and history", icon=":material/history:"):
        st.markdown(
            f"Source: {escape_markdown(info.source)}  \n{describe_use(info.terms)}\n\n"
            f"{describe_terms(info.terms)}\n\nImported by {quote_markdown(info.importer)}, fingerprint "
            f"{quote_markdown(info.fingerprint[:16])}"
        )
        for step in info.history:
            operation = escape_markdown(str(step.get("operation", "")))
            st.markdown(
                f"- derived from **{escape_markdown(str(step.get('parent', '')))}** "
                f"({quote_markdown(str(step.get('fingerprint', ''))[:12])}): {operation}"
            )


def render_overview(name: str, workspace: Workspace) -> None:
    """Show the charts.

    Raises:
        DataError: the data set is damaged.
    """
    audited = open_audited(name, workspace)
    fingerprint = audited.dataset.info.fingerprint
    counts = load_counts(audited, fingerprint)
    balance, agreement = st.columns([3, 2], gap="medium")
    with balance:
        st.markdown("##### Classes")
        st.plotly_chart(
            build_balance_chart(counts), config=STATIC_CONFIG, width="stretch", key="explore_balance"
        )
        st.caption(describe_balance(counts))
    with agreement:
        st.markdown("##### Do annotators agree?")
        values = load_agreement(audited)
        if values is None:
            st.caption("This data set has one label an image and no annotators' votes, so nobody can tell.")
        else:
            st.plotly_chart(
                build_agreement_chart(values), config=STATIC_CONFIG, width="stretch", key="explore_agreement"
            )
            st.caption(describe_agreement(values))
    is_sound = audited.dataset.info.kind == "sound"
    st.markdown(f"##### The {'sound' if is_sound else 'face'} of each class")
    _render_faces(audited, fingerprint)
    if is_sound:
        return
    st.markdown("##### Light and sharpness")
    statistics = load_image_statistics(audited, fingerprint)
    for column, (field, (title, what)) in zip(st.columns(3, gap="medium"), _STATISTICS.items(), strict=True):
        with column:
            chart = build_histogram(statistics[field].to_numpy(), title)
            st.plotly_chart(chart, config=STATIC_CONFIG, width="stretch", key=f"explore_{field}")
            st.caption(f"{title}: {what}.")


def _render_faces(audited: Audited, fingerprint: str) -> None:
    shown = st.segmented_control(
        "Show",
        ["Mean", "Variation"],
        default="Mean",
        required=True,
        key=Key.EXPLORE_FACES,
        label_visibility="collapsed",
        persist_state="session",
    )
    faces = load_class_faces(audited, fingerprint)
    with st.container(horizontal=True, gap="small"):
        for face in faces:
            with st.container(width=_FACE_PX + 8, gap="xsmall"):
                picture = face.mean if shown == "Mean" else face.deviation
                st.image(picture, width=_FACE_PX, alt=f"{shown} of {face.name}")
                st.markdown(f":small[**{escape_markdown(face.name)}** · {face.num_images:,}]")
    if audited.dataset.info.kind == "sound":
        st.caption(
            "The mean spectrogram of all clips of a class: low tones at the bottom, time to the right."
        )
    elif shown == "Variation":
        st.caption("Bright where the images of a class differ most from each other.")
    else:
        st.caption(
            "The mean of all images of a class. A clear face means that they are cropped in the same way."
        )


def build_balance_chart(counts: "pd.DataFrame") -> "go.Figure":
    """Bars of each class, a group per split, in per cent of the split; the counts on hover and above."""
    import plotly.graph_objects as go

    figure = go.Figure()
    kept = counts[counts["share"].notna()]
    order = kept.groupby("class")["count"].sum().sort_values(ascending=False).index.tolist()
    splits = kept["split"].unique().tolist()
    for index, split in enumerate(splits):
        own = kept[kept["split"] == split].set_index("class").reindex(order)
        figure.add_bar(
            x=[escape_plotly(name) for name in order],
            y=100 * own["share"].to_numpy(),  # a column of pandas makes plotly import narwhals
            name=escape_plotly(str(split)),
            marker={
                "color": [emotion_color(name) for name in order],
                "opacity": 1 - 0.65 * index / max(1, len(splits) - 1) if len(splits) > 1 else 1,
            },
            customdata=own["count"].to_numpy(),
            text=["" if math.isnan(count) else f"{count:,.0f}" for count in own["count"]],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{x}, %{fullData.name}: %{customdata:,} images, %{y:.1f} %<extra></extra>",
        )
    figure.update_layout(
        barmode="group",
        height=300,
        margin={"l": 0, "r": 0, "t": 16, "b": 0},
        showlegend=False,
        yaxis={"title": "% of the split", "fixedrange": True},
        xaxis={"fixedrange": True},
        uniformtext={"minsize": 8, "mode": "hide"},
    )
    return figure


def describe_balance(counts: "pd.DataFrame") -> str:
    """The chart in words."""
    kept = counts[counts["share"].notna()]
    totals = kept.groupby("class")["count"].sum().sort_values()
    splits = ", ".join(str(split) for split in kept["split"].unique())
    text = f"For each class, from full to pale: {splits}. "
    ratio = totals.iloc[-1] / totals.iloc[0] if len(totals) > 1 else 1.0
    if ratio >= _UNEVEN:
        text += f"{totals.index[-1]} is {ratio:,.0f} times as frequent as {totals.index[0]}. "
    if discarded := int(counts.loc[counts["share"].isna(), "count"].sum()):
        text += (
            f"{discarded:,} images have no majority (no class with over half of the votes) and are left out."
        )
    return escape_markdown(text)


def build_agreement_chart(agreement: "npt.NDArray[np.float64]") -> "go.Figure":
    """Histogram of the share of votes that the most frequent answer got."""
    import numpy as np
    import plotly.graph_objects as go

    known = agreement[np.isfinite(agreement)]
    edges = np.linspace(0.05, 1.05, 11)
    counts, _ = np.histogram(known, edges)
    figure = go.Figure(
        go.Bar(
            x=100 * (edges[:-1] + edges[1:]) / 2,
            y=counts,
            marker_color=[_BLUE if low >= 0.5 else UNKNOWN_COLOR for low in edges[:-1]],
            hovertemplate="about %{x:.0f} % agree: %{y:,} images<extra></extra>",
        )
    )
    figure.update_layout(
        height=300,
        bargap=0.08,
        margin={"l": 0, "r": 0, "t": 16, "b": 0},
        xaxis={"title": "votes for the most frequent answer, %", "fixedrange": True, "dtick": 10},
        yaxis={"title": "images", "fixedrange": True},
    )
    return figure


def describe_agreement(agreement: "npt.NDArray[np.float64]") -> str:
    """The chart in words."""
    import numpy as np

    known = agreement[np.isfinite(agreement)]
    if not len(known):
        return "No image has a vote."
    return (
        f"On {np.mean(known >= 0.8):.0%} of the images at least eight in ten annotators say the same; on "
        f"{np.mean(known <= 0.5):.0%} the most frequent answer has half of the votes or fewer."
    )


def build_histogram(values: "npt.NDArray[np.float32]", title: str) -> "go.Figure":
    """Histogram of one figure of all images; binned here, so that the browser gets 50 numbers, not 30,000."""
    import numpy as np
    import plotly.graph_objects as go

    counts, edges = np.histogram(values, 50)
    figure = go.Figure(
        go.Bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=counts,
            marker_color=_BLUE,
            hovertemplate=f"{title} %{{x:.3f}}: %{{y:,}} images<extra></extra>",
        )
    )
    figure.update_layout(
        height=180,
        bargap=0,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        xaxis={"fixedrange": True},
        yaxis={"fixedrange": True},
    )
    return figure
