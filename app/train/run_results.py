"""The charts and tables of a run: how it learned, what its gradients do, where its best epoch errs."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import streamlit as st

from app.shared.charts import STATIC_CONFIG
from app.shared.messages import empty_state, error_boundary
from app.shared.run_charts import (
    OTHER_COLOR,
    TRAIN_COLOR,
    VALID_COLOR,
    add_steps,
    build_curves,
    build_gradient_map,
    build_small_curve,
)
from app.shared.run_data import load_gradients, load_metrics, load_steps, load_validation
from app.shared.samples import IMAGES, find_kind
from app.train.run_samples import render_samples
from app.train.state import Key
from fer_core.escaping import escape_markdown
from fer_core.evaluation.matrix_chart import build_matrix
from fer_core.results import format_frame
from fer_core.runs.reader import Run, load_status
from fer_core.runs.records import EpochRecord, RunStatus
from fer_core.words import count
from fer_core.workspace import Workspace

_REFRESH_S: Final[float] = 1.0


def render_curves(run: Run) -> None:
    """Loss and accuracy, from the first step on; they follow a run that goes on."""
    st.fragment(_render_curves, run_every=_REFRESH_S if run.is_active else None)(run)


def _render_curves(run: Run) -> None:
    with error_boundary():
        records, steps = load_metrics(run), load_steps(run)
        status = load_status(run.folder)
        if not records and not steps:
            _render_nothing_yet(run, status)
            return
        smoothing = st.session_state.get(Key.RUN_SMOOTHING, 0.0)
        both = ("train", TRAIN_COLOR), ("validation", VALID_COLOR)
        charts = ("Loss", "train_loss", "valid_loss"), ("Accuracy", "train_accuracy", "valid_accuracy")
        for place, (title, *keys) in zip(st.columns(2, gap="medium"), charts, strict=True):
            names = dict(zip(keys, both, strict=True))
            style: dict[str, Any] = {"smoothing": smoothing, "as_percent": title == "Accuracy"}
            figure = build_curves(records, names, title=title, num_epochs=status.num_epochs, **style)
            if steps and status.num_steps:
                add_steps(figure, steps, status.num_steps, names, **style)
            with place:
                _chart(figure, title.lower(), records)
        st.slider(
            "Smoothing",
            0.0,
            0.95,
            0.0,
            step=0.05,
            key=Key.RUN_SMOOTHING,
            persist_state="session",
            help="Weight of what came before; the raw values of epochs stay visible, faintly.",
            width=320,
        )


def _render_nothing_yet(run: Run, status: RunStatus) -> None:
    if run.is_active:
        empty_state(
            "The first step is near" if run.state != "queued" else "Not begun yet",
            "The curve begins with the first step; this page updates itself. You can also close it.",
            icon=":material/show_chart:",
        )


@st.fragment
def render_more_curves(run: Run) -> None:
    """What else changes over the epochs."""
    with error_boundary():
        records = load_metrics(run)
        if not records:
            st.caption("Appears after the first epoch.")
            return
        smoothing = st.session_state.get(Key.RUN_SMOOTHING, 0.0)
        _render_small(records, {"num_epochs": run.status.num_epochs, "smoothing": smoothing})


def _render_small(records: Sequence[EpochRecord], shared: dict[str, Any]) -> None:
    first, second = st.columns(2, gap="medium")
    with first:
        names = {
            "valid_macro_f1": ("macro-F1", VALID_COLOR),
            "valid_balanced_accuracy": ("balanced accuracy", OTHER_COLOR),
        }
        figure = build_curves(
            records, names, title="Mean over classes", as_percent=True, height_px=220, **shared
        )
        _chart(figure, "macro-f1", records)
    plain = {"num_epochs": shared["num_epochs"]}
    with second:
        _chart(build_small_curve(records, "learning_rate", "Learning rate", **plain), "rate", records)
    has_memory = any(record.device_memory_mb is not None for record in records)
    first, second = st.columns(2, gap="medium")
    with first:
        _chart(build_small_curve(records, "images_per_s", "Images per second", **plain), "speed", records)
    with second:
        if has_memory:
            figure = build_small_curve(records, "device_memory_mb", "Device memory (MB)", **plain)
            _chart(figure, "memory", records)
        else:
            _chart(build_small_curve(records, "seconds", "Seconds per epoch", **plain), "seconds", records)


def _chart(figure: Any, name: str, records: Sequence[EpochRecord]) -> None:
    title = figure.layout.title.text
    st.plotly_chart(
        figure, config=STATIC_CONFIG, key=f"run-{name}", alt=f"{title} over {count(len(records), 'epoch')}"
    )


def render_gradients(run: Run) -> None:
    """The heat map of gradient norms, and what it warns of."""
    records = load_gradients(run)
    if not records:
        is_on = run.config.get("log", {}).get("gradients", True)
        st.caption(
            "Gradient norms appear after the first epoch."
            if is_on and run.is_active
            else "This run has no gradient norms: it was made without `log.gradients`, or ended before its "
            "first epoch."
        )
        return
    st.plotly_chart(
        build_gradient_map(records),
        config=STATIC_CONFIG,
        key="run-gradients",
        alt=f"Gradient norm of every layer over {count(len(records), 'epoch')}",
    )
    st.caption(
        "Mean norm of each layer's gradient over an epoch, before clipping. Empty: the layer was frozen."
    )


def list_warnings(run: Run) -> tuple[str, ...]:
    """What the gradients of the last epoch warn of."""
    records = load_gradients(run)
    return records[-1].warnings if records else ()


def render_best_epoch(run: Run, workspace: Workspace) -> None:
    """Confusion matrix and sample predictions of the best epoch so far."""
    validation = load_validation(run)
    if validation is None:
        st.caption("Appears after the first epoch.")
        return
    confusion = validation.confusion
    total = sum(map(sum, confusion))
    right = sum(row[index] for index, row in enumerate(confusion))
    protocol = next((item.protocol for item in load_metrics(run)), "")
    kind = find_kind(str(run.config.get("data", {}).get("dataset", "")), workspace)
    st.markdown(
        f"Epoch **{validation.epoch:d}**: {right:,} of {total:,} validation {IMAGES[kind]} right, "
        f"**{100 * right / total:.1f} %** ({escape_markdown(protocol)})."
        if total
        else f"No validation {IMAGES[kind].removesuffix('s')}."
    )
    matrix, samples = st.columns([5, 6], gap="large")
    with matrix:
        st.plotly_chart(
            build_matrix(confusion, validation.classes),
            config=STATIC_CONFIG,
            key="run-confusion",
            alt=f"Confusion matrix: {right} of {total} right",
        )
    with samples:
        render_samples(run, validation, workspace)


def render_epochs(run: Run) -> None:
    """Every epoch's numbers, the last on top."""
    records = load_metrics(run)
    if not records:
        st.caption("No epoch is finished yet.")
        return
    import pandas as pd

    table = pd.DataFrame([asdict(record) for record in reversed(records)]).drop(columns="protocol")
    names = [str(name) for name in table]
    percent = [name for name in names if "accuracy" in name or "f1" in name]
    columns: dict[str, Any] = {
        name: st.column_config.NumberColumn(_title(name), format="percent") for name in percent
    }
    columns |= {
        name: st.column_config.NumberColumn(_title(name), format="%.4g")
        for name in names
        if name not in percent and name not in ("epoch", "is_best", "valid_n")
    }
    columns["is_best"] = st.column_config.CheckboxColumn("best so far")
    columns["epoch"] = st.column_config.NumberColumn("epoch", pinned=True)
    columns["valid_n"] = st.column_config.NumberColumn("validation n", format="localized")
    st.dataframe(table, column_config=columns, hide_index=True, height=min(420, 38 + 35 * len(table)))
    st.download_button(
        "Download as CSV",
        format_frame(table.iloc[::-1]),
        file_name=f"{run.name}-metrics.csv",
        mime="text/csv",
        icon=":material/download:",
    )


def _title(name: str) -> str:
    return name.replace("_", " ").replace("f1", "F1").replace("valid ", "validation ")
