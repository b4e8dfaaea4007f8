"""Confusion matrices side by side; a click on a cell chooses its faces."""

import html
from typing import Any, Final

import streamlit as st

from app.compare_runs.state import Key
from app.shared.callbacks import uninterrupted
from app.shared.charts import STATIC_CONFIG
from fer_core.evaluation.comparison import Comparison
from fer_core.evaluation.matrix_chart import build_matrix
from fer_core.evaluation.stored_reports import StoredEvaluation

ANY: Final[str] = "any"
_BY: Final[dict[str, str]] = {
    "truth": "share of the truth",
    "prediction": "share of the predictions",
    "counts": "counts",
}


def render_matrices(comparison: Comparison, what: str = "faces") -> None:
    """Every model's matrix, or its difference to the baseline's; `what` its samples are called."""
    kind, by = _choose(what, has_others=len(comparison.evaluations) > 1)
    first, *others = comparison.evaluations
    if kind == "differences":
        for column, item in zip(_columns(len(others)), others, strict=False):
            title = f"{item.key} minus {first.key}"
            figure = build_matrix(
                item.report.confusion,
                item.report.classes,
                by=by,
                difference_to=first.report.confusion,
                title=title,
            )
            with column:
                st.plotly_chart(figure, config=STATIC_CONFIG, key=f"compare-difference-{item.key}")
        return
    for column, item in zip(_columns(len(comparison.evaluations)), comparison.evaluations, strict=False):
        with column, st.container(key=f"compare-matrix-{item.key}"):
            _render_matrix(item, by)


def _choose(what: str, *, has_others: bool) -> tuple[str, str]:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        kind = "matrices"
        if has_others:
            kind = st.segmented_control(
                "Show",
                ["matrices", "differences"],
                default="matrices",
                required=True,
                format_func={"matrices": "each model", "differences": "minus the baseline"}.__getitem__,
                key=Key.COMPARE_SHOWN,
            )
        by = st.segmented_control(
            "Colour",
            list(_BY),
            default="truth",
            required=True,
            format_func=_BY.__getitem__,
            key=Key.COMPARE_BY,
            help="Share of the truth is recall, share of the predictions precision. Numbers are counts.",
        )
        st.caption(f"Click a cell to see its {what}.")
    return kind or "matrices", by or "truth"


def _columns(count: int) -> list["st.delta_generator.DeltaGenerator"]:
    """A place for each of `count` matrices, two or three beside each other."""
    width = 2 if count <= 4 else 3
    places = []
    for _ in range(0, max(count, 1), width):
        places += st.columns(width, gap="small")
    return places


def _render_matrix(item: StoredEvaluation, by: str) -> None:
    is_shown = st.session_state.get(Key.COMPARE_FIRST) == item.key
    classes = item.report.classes
    names = (st.session_state.get(Key.COMPARE_TRUTH), st.session_state.get(Key.COMPARE_PREDICTION))
    marked = None
    if is_shown and names[0] in classes and names[1] in classes:
        marked = (classes.index(names[0]), classes.index(names[1]))
    right = sum(row[index] for index, row in enumerate(item.report.confusion))
    key = f"compare-cells-{item.key}"
    st.plotly_chart(
        build_matrix(item.report.confusion, classes, by=by, marked=marked, title=item.key),
        config=STATIC_CONFIG,
        key=key,
        on_select=lambda: _take_cell(key, item.key),
        selection_mode="points",
        alt=f"Confusion matrix of {item.key}: {right:,} of {item.report.n:,} right",
    )


def _take_cell(widget: str, model: str) -> None:
    """Choose the faces of the cell that was clicked; the same cell once more lets go of it."""
    chosen: dict[str, Any] = {}

    @uninterrupted
    def take() -> None:
        if not chosen:  # decided once: what is chosen half way must not count as chosen before
            chosen.update(_choose_cell(widget, model))
        for key, value in chosen.items():
            st.session_state[key] = value

    take()


def _choose_cell(widget: str, model: str) -> dict[str, Any]:
    """What a click asks for, by key of the session; nothing where no cell was hit."""
    state = st.session_state
    points = state[widget]["selection"]["points"]
    if not points:
        return {}
    cell = (model, html.unescape(points[0]["y"]), html.unescape(points[0]["x"]))
    keys = (Key.COMPARE_FIRST, Key.COMPARE_TRUTH, Key.COMPARE_PREDICTION)
    if tuple(state.get(key) for key in keys) == cell:
        cell = (model, ANY, ANY)
    chosen: dict[str, Any] = dict(zip(keys, cell, strict=True))
    return {**chosen, Key.COMPARE_OUTCOME: "all", Key.COMPARE_CONFIDENCE: (0.0, 1.0)}
