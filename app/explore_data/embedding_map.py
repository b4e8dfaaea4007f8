"""A data set as a model sees it: similar to the model is near on the map."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

import streamlit as st

from app.explore_data.cleanup_data import Audited, open_audited
from app.explore_data.image_grid import render_grid
from app.explore_data.state import link_to
from app.shared.background import render_task
from app.shared.messages import empty_state, error_boundary
from fer_core.checkpoint import CheckpointEntry, list_checkpoints
from fer_core.escaping import escape_plotly
from fer_core.jobs.tasks import start_task
from fer_core.palette import UNKNOWN_COLOR, emotion_color
from fer_core.words import count as count_words
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from fer_core.evaluation.embedding_map import EmbeddingMap

_COUNTS: Final[tuple[int, ...]] = (500, 1000, 2000, 5000)
_COLORINGS: Final[tuple[str, ...]] = ("Class", "Right or wrong", "Predicted")
_MAX_FACES: Final[int] = 48
_RIGHT, _WRONG, _UNKNOWN = "right", "wrong", "a class that the model does not know"
_MAP: Final[str] = "map"


@st.fragment
def render_map(name: str, workspace: Workspace) -> None:
    """Show the choice, the map, and the faces of the points that are picked."""
    with error_boundary():
        audited = open_audited(name, workspace)
        entries = {entry.key: entry for entry in list_checkpoints(workspace, audited.dataset.info.kind)}
        if not entries:
            empty_state(
                "No model to compute it with",
                "Train one on the **Train** page, or with `fer train --preset quick`.",
            )
            return
        _render_with(audited, entries, workspace)


def _render_with(audited: Audited, entries: dict[str, CheckpointEntry], workspace: Workspace) -> None:
    import numpy as np

    from fer_core.evaluation.embedding_map import METHODS, choose_rows, load_map, locate_map

    first = st.columns([3, 2, 2, 2, 2], gap="small")
    key = first[0].selectbox("Model", list(entries), key="explore_map_model")
    splits = list(audited.dataset.info.split_counts)
    preferred = splits.index("valid") if "valid" in splits else 0
    split = first[1].selectbox("Split", splits, index=preferred, key="explore_map_split")
    count = first[2].selectbox("Images", _COUNTS, index=2, format_func="{:,}".format, key="explore_map_count")
    method = first[3].selectbox(
        "Layout",
        METHODS,
        key="explore_map_method",
        help="PCA is instant and keeps distances as well as two axes can. t-SNE keeps neighbours together "
        "and shows groups more clearly; it takes up to a minute, and distances between groups mean nothing.",
    )
    coloring = first[4].selectbox("Colour", _COLORINGS, key="explore_map_color")
    candidates = np.flatnonzero((audited.splits == split) & (audited.classes != ""))
    path = locate_map(entries[key], audited.dataset, choose_rows(candidates, count), method, workspace)
    task = render_task(workspace, _MAP, {"map": path.stem})
    if task is not None and task.is_active:
        return
    laid_out = load_map(path)
    if laid_out is None:
        st.caption("This map has not been computed yet. Once computed it is kept and opens at once.")
        if st.button("Make the map", type="primary", icon=":material/scatter_plot:", key="explore_map_make"):
            options = [f"--model={key}", f"--split={split}", f"--count={count}", f"--method={method}"]
            start_task(
                workspace,
                kind=_MAP,
                title=f"Mapping {audited.dataset.name} as {key} sees it",
                command=["datasets", "map", audited.dataset.name, *options],
                page=link_to(audited.dataset.name, "Embedding map"),
                facts={"map": path.stem},
            )
            st.rerun()
        return
    known = set(entries[key].info.classes)
    _render_points(audited, laid_out, known, coloring, f"{key}_{split}_{count}_{method}_{coloring}")


def _render_points(
    audited: Audited, laid_out: "EmbeddingMap", known: Collection[str], coloring: str, key: str
) -> None:
    chosen = st.plotly_chart(
        build_map_figure(audited, laid_out, coloring, known),
        width="stretch",
        on_select="rerun",
        selection_mode=("points", "box", "lasso"),
        key=f"explore_map_{audited.key}_{key}",
        config={"displaylogo": False, "scrollZoom": True},
    )
    pairs = [
        (str(audited.classes[row]), name)
        for row, name in zip(laid_out.rows, laid_out.predicted, strict=True)
        if str(audited.classes[row]) in known
    ]
    right = sum(truth == name for truth, name in pairs)
    others = f" of the {len(pairs):,} whose class it knows" if len(pairs) < len(laid_out.rows) else " of them"
    shares = laid_out.explained
    axes = (
        f" The axes hold {shares[0]:.0%} and {shares[1]:.0%} of the variance."
        if shares[0] == shares[0]
        else ""
    )
    st.caption(
        f"{count_words(len(laid_out.rows), 'image')}; the model names "
        f"{right / max(len(pairs), 1):.1%}{others} as the "
        f"data set does.{axes} Click a point, or draw a box or a lasso, to see the faces."
    )
    picked = list(dict.fromkeys(int(point["customdata"][0]) for point in chosen["selection"]["points"]))
    if not picked:
        return
    predicted = dict(zip(laid_out.rows.tolist(), laid_out.predicted, strict=True))
    shown = picked[:_MAX_FACES]
    more = f", the first {_MAX_FACES} shown" if len(picked) > _MAX_FACES else ""
    st.markdown(f"**{len(picked):,} picked**{more}")
    render_grid(
        audited,
        shown,
        num_columns=12,
        key=f"map_{key}",
        notes=[f"the model says {predicted[row]}" for row in shown],
    )


def build_map_figure(
    audited: Audited, laid_out: "EmbeddingMap", coloring: str, known: Collection[str]
) -> "go.Figure":
    """Points, a trace per group, with row, class and prediction on hover; `known`: the model's classes."""
    import numpy as np
    import plotly.graph_objects as go

    truth = [str(audited.classes[row]) for row in laid_out.rows]
    if coloring == "Class":
        groups = truth
    elif coloring == "Predicted":
        groups = list(laid_out.predicted)
    else:
        groups = [
            (_RIGHT if a == b else _WRONG) if a in known else _UNKNOWN
            for a, b in zip(truth, laid_out.predicted, strict=True)
        ]
    figure = go.Figure()
    names = sorted(set(groups), key=lambda name: -groups.count(name))
    members = np.asarray(groups)
    for name in names:
        where = np.flatnonzero(members == name)
        figure.add_trace(
            go.Scattergl(
                x=laid_out.points[where, 0],
                y=laid_out.points[where, 1],
                mode="markers",
                name=f"{escape_plotly(name)} ({len(where):,})",
                marker={"size": 6, "opacity": 0.75, "color": _color(name, coloring)},
                customdata=[
                    (int(laid_out.rows[i]), escape_plotly(truth[i]), escape_plotly(laid_out.predicted[i]))
                    for i in where
                ],
                hovertemplate="image %{customdata[0]}<br>%{customdata[1]}, model: %{customdata[2]}"
                "<extra></extra>",
            )
        )
    figure.update_layout(
        height=520,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        xaxis={"showticklabels": False, "zeroline": False, "showgrid": False},
        yaxis={"showticklabels": False, "zeroline": False, "showgrid": False, "scaleanchor": "x"},
        legend={"orientation": "h", "y": -0.02},
        dragmode="pan",
    )
    return figure


def _color(name: str, coloring: str) -> str:
    if coloring == "Right or wrong":
        return {_RIGHT: UNKNOWN_COLOR, _WRONG: "#d55e00"}.get(name, "#56b4e9")
    return emotion_color(name)
