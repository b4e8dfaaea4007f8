"""From the label of the source to the majority of the annotators' votes, as a Sankey diagram."""

from typing import TYPE_CHECKING

import streamlit as st

from app.explore_data.cleanup_data import Audited
from app.shared.charts import STATIC_CONFIG
from app.shared.messages import empty_state
from fer_core.escaping import escape_plotly
from fer_core.palette import UNKNOWN_COLOR, emotion_color
from fer_core.words import count as count_words

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

_DISCARDED = "discarded"


def render_flow(audited: Audited) -> None:
    """Show the flow, or say why there is none."""
    from fer_core.data.label_quality import compute_label_flow

    if not audited.dataset.info.has_votes:
        empty_state(
            "No annotators' votes here",
            "The flow runs from each image's own label to the majority of its votes: the class with over "
            "half of them once single votes are dropped. Import FER2013 with its FER+ votes: "
            "`fer import fer2013.zip --votes fer2013new.csv`.",
            icon=":material/account_tree:",
        )
        return
    flow = compute_label_flow(audited.dataset)
    flow = flow.loc[flow.sum(axis=1) > 0, flow.sum() > 0]
    st.markdown(f"**{describe_flow(flow)}**")
    st.plotly_chart(build_flow(flow), width="stretch", config=STATIC_CONFIG, key="audit_flow")
    with st.expander("As a table: own label (rows), majority of the votes (columns)"):
        st.dataframe(flow)


def describe_flow(flow: "pd.DataFrame") -> str:
    """The chart in a sentence."""
    total = int(flow.to_numpy().sum())
    same = sum(int(flow.loc[name, name]) for name in flow.index if name in flow.columns)
    gone = int(flow[_DISCARDED].sum()) if _DISCARDED in flow else 0
    changed = total - same - gone
    return (
        f"Of {count_words(total, 'image')}, {same:,} ({same / total:.0%}) keep their label "
        "by the majority of the votes, "
        f"{changed:,} ({changed / total:.0%}) get another, and {gone:,} ({gone / total:.0%}) have none: no "
        "class has over half of the votes once single votes are dropped (FER+)."
    )


def build_flow(flow: "pd.DataFrame") -> "go.Figure":
    """Sankey diagram: own labels on the left, majorities on the right; bands have the left one's colour."""
    import plotly.graph_objects as go

    sources, targets = list(flow.index), list(flow.columns)
    colors = [_color(name) for name in (*sources, *targets)]
    links = [
        (row, len(sources) + column, count)
        for row, counts in enumerate(flow.to_numpy().tolist())
        for column, count in enumerate(counts)
        if count
    ]
    sums = [*flow.sum(axis=1).items(), *flow.sum().items()]
    labels = [f"{escape_plotly(str(name))}  {int(count):,}" for name, count in sums]
    figure = go.Figure(
        go.Sankey(
            node={"label": labels, "color": colors, "pad": 14, "thickness": 16, "line": {"width": 0}},
            link={
                "source": [link[0] for link in links],
                "target": [link[1] for link in links],
                "value": [link[2] for link in links],
                "color": [_fade(colors[link[0]]) for link in links],
                "hovertemplate": "%{source.label} → %{target.label}: %{value:,}<extra></extra>",
            },
        )
    )
    figure.update_layout(height=520, margin={"l": 8, "r": 8, "t": 8, "b": 8}, font_size=13)
    return figure


def _color(name: str) -> str:
    return UNKNOWN_COLOR if name == _DISCARDED else emotion_color(name)


def _fade(color: str) -> str:
    red, green, blue = (int(color[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.35)"
