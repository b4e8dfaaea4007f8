"""What a data set is made of: classes, agreement, the face of each class, light and sharpness."""

from collections import Counter
from typing import TYPE_CHECKING, Final

import streamlit as st

from app.explore_data.bars import Bar, build_columns, build_rows
from app.explore_data.cached_data import load_agreement, load_class_faces, load_counts, load_image_statistics
from app.explore_data.cleanup_data import Audited, open_audited
from app.explore_data.state import Key
from app.explore_data.wording import describe_format
from app.shared.terms import describe_terms, describe_use
from fer_core.escaping import escape_markdown, quote_markdown
from fer_core.palette import UNKNOWN_COLOR, emotion_color
from fer_core.words import count as count_words
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from fer_core.data.statistics import ClassCounts

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
        f"{describe_format(info)} · "
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
        st.html(build_balance_chart(counts))
        st.caption(escape_markdown(describe_balance(counts)))
    with agreement:
        st.markdown("##### Do annotators agree?")
        values = load_agreement(audited)
        if values is None:
            st.caption("This data set has one label an image and no annotators' votes, so nobody can tell.")
        else:
            st.html(build_agreement_chart(values))
            st.caption(describe_agreement(values))
    is_sound = audited.dataset.info.kind == "sound"
    st.markdown(f"##### The {'sound' if is_sound else 'face'} of each class")
    _render_faces(audited, fingerprint)
    if is_sound:
        return
    # Measured when it is opened: that takes a second and more of a large data set.
    light = st.expander(
        "Light and sharpness", icon=":material/light_mode:", key=Key.EXPLORE_LIGHT, on_change="rerun"
    )
    if light.open:
        with light:
            _render_light(audited, fingerprint)


def _render_light(audited: Audited, fingerprint: str) -> None:
    statistics = load_image_statistics(audited, fingerprint)
    for column, (field, (title, what)) in zip(st.columns(3, gap="medium"), _STATISTICS.items(), strict=True):
        with column:
            st.html(build_histogram(statistics[field].to_numpy(), title))
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


def build_balance_chart(counts: "ClassCounts") -> str:
    """Bars of each class, one a split: shares of the split's images that have a class, with their counts."""
    splits = list(counts)
    totals = {split: sum(_known(counts[split]).values()) for split in splits}
    groups = [
        (
            name,
            [
                Bar(
                    value=(count := counts[split].get(name, 0)) / max(1, totals[split]),
                    color=emotion_color(name),
                    opacity=1 - 0.65 * index / max(1, len(splits) - 1),
                    text=f"{count:,}",
                    hint=f"{name}, {split}: {count_words(count, 'image')}, "
                    f"{count / max(1, totals[split]):.1%}",
                )
                for index, split in enumerate(splits)
            ],
        )
        for name, _ in _count_all(counts).most_common()
    ]
    return build_rows(groups, describe_balance(counts))


def _known(counts: "Counter[str]") -> dict[str, int]:
    return {name: count for name, count in counts.items() if name}


def _count_all(counts: "ClassCounts") -> "Counter[str]":
    """Images of each class in all splits."""
    return sum((Counter(_known(own)) for own in counts.values()), Counter[str]())


def describe_balance(counts: "ClassCounts") -> str:
    """The chart in words."""
    totals = _count_all(counts).most_common()
    text = f"For each class, from full to pale: {', '.join(counts)}. "
    ratio = totals[0][1] / totals[-1][1] if totals else 1.0
    if ratio >= _UNEVEN:
        text += f"{totals[0][0]} is {ratio:,.0f} times as frequent as {totals[-1][0]}. "
    if discarded := sum(own[""] for own in counts.values()):
        left_out = count_words(discarded, "image is", "images are")
        text += f"{left_out} left out, for no class has over half of the votes once single votes are "
        text += "dropped (FER+)."
    return text


def build_agreement_chart(agreement: "npt.NDArray[np.float64]") -> str:
    """Histogram of the share of votes that the most frequent answer got."""
    import numpy as np

    known = agreement[np.isfinite(agreement)]
    edges = np.linspace(0.05, 1.05, 11)
    counts, _ = np.histogram(known, edges)
    bars = [
        Bar(
            value=count,
            color=_BLUE if low >= 0.5 else UNKNOWN_COLOR,
            text=f"{100 * low + 5:.0f}",
            hint=f"about {100 * low + 5:.0f} % agree: {count_words(count, 'image')}",
        )
        for low, count in zip(edges, counts, strict=False)
    ]
    axis = ["votes for the most frequent answer, %"]
    return build_columns(bars, axis, describe_agreement(agreement), height_px=220)


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


def build_histogram(values: "npt.NDArray[np.float32]", title: str) -> str:
    """Histogram of one figure of all images, binned here: the browser gets 50 numbers, not 30,000."""
    import numpy as np

    counts, edges = np.histogram(values, 50)
    bars = [
        Bar(value=count, color=_BLUE, hint=f"{title} {low:.3f} to {high:.3f}: {count_words(count, 'image')}")
        for low, high, count in zip(edges, edges[1:], counts, strict=False)
    ]
    ticks = [f"{value:.2f}" for value in np.linspace(edges[0], edges[-1], 5)]
    middle = f"{title} of the images, {np.median(values):.2f} in the middle" if len(values) else title
    return build_columns(bars, ticks, middle, height_px=120)
