"""Kept analyses side by side."""

from collections.abc import Sequence

import streamlit as st

from app.analyze_media.kept_charts import build_share_bars
from app.analyze_media.kept_list import describe_sources, open_analyses
from app.shared.charts import STATIC_CONFIG
from fer_core.analyses import AnalysisComparison, KeptAnalysis, compare_analyses
from fer_core.escaping import escape_markdown
from fer_core.words import count as count_words


def render_comparison(kept: Sequence[KeptAnalysis]) -> None:
    """Show what differs, in a sentence and one plot.

    Raises:
        AnalysisError: one of them is damaged.
    """
    found = compare_analyses(kept)
    st.title("Kept analyses compared", anchor=False)
    st.markdown(f"#### {describe_difference(found)}")
    for item in kept:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            name = escape_markdown(item.name)
            st.button(name, type="tertiary", key=item.key, on_click=open_analyses, args=([item.key],))
            faces = count_words(item.facts.num_faces, "face")
            st.caption(f"{escape_markdown(describe_sources(item))} · {faces}", width="content")
    for setting, values in found.differences.items():
        words = " → ".join(escape_markdown(str(value)) for value in values)
        st.caption(f"{escape_markdown(setting.replace('_', ' '))}: {words}")
    st.plotly_chart(
        build_share_bars(found.mean_shares, [item.name for item in kept]),
        config=STATIC_CONFIG,
        key="kept-comparison",
        alt=f"Mean probability of each apparent expression: {describe_difference(found)}",
    )
    st.caption("Mean probability of each apparent expression, over all faces.")
    _render_agreement(found)


def describe_difference(found: AnalysisComparison) -> str:
    """The largest difference in a line of Markdown; of the same files also how many faces agree."""
    parts = []
    if found.agreement and found.agreement.num_matched:
        same = found.agreement
        parts.append(
            f"{same.num_same_label:,} of {count_words(same.num_matched, 'face')} with the same label"
        )
    shares = found.mean_shares.dropna()
    spread = shares.max(axis=1) - shares.min(axis=1)
    if len(spread):
        label = str(spread.idxmax())
        values = " → ".join(f"{100 * value:.0f} %" for value in shares.loc[[label]].to_numpy(float)[0])
        parts.append(f"largest difference: {escape_markdown(label)} {values}")
    text = " · ".join(parts) or "They share no expression"
    return text[:1].upper() + text[1:]


def _render_agreement(found: AnalysisComparison) -> None:
    same = found.agreement
    if same is None:
        if not found.same_sources:
            st.caption("They are of different files, so faces can't be compared one by one.")
        return
    only = [same.num_only_first, same.num_only_second]
    st.caption(f"Found in the first only: {only[0]:,} · in the second only: {only[1]:,}")
    if same.changes:
        st.dataframe(
            [{"first": old, "second": new, "faces": count} for (old, new), count in same.changes.items()],
            hide_index=True,
            width="content",
            alt="Faces whose label differs between the two",
        )
