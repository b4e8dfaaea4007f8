"""How fast a model is on this machine: torch against ONNX, by batch size and threads. Torch only if asked."""

import os
from typing import TYPE_CHECKING, Any

import streamlit as st

from app.models.state import Key
from app.models.wording import describe_size
from app.shared.charts import STATIC_CONFIG
from app.shared.messages import escape_markdown, show_error
from fer_core.errors import FerError
from fer_core.exchange.facts import ModelFacts
from fer_core.exported import list_exports
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from fer_core.export.benchmark import BenchmarkRow

_BATCH_SIZES = [1, 4, 8, 16, 32, 64]
_ALL_RUNTIMES = {"torch": "torch fp32", "fp32": "ONNX fp32", "int8": "ONNX int8"}


def render_benchmark(facts: ModelFacts, workspace: Workspace) -> None:
    """Choose what to time; then a chart and a table."""
    st.markdown("##### How fast it is here")
    cores = os.cpu_count() or 1
    with st.container(horizontal=True, gap="large"):
        batches = st.pills(
            "Faces at once",
            _BATCH_SIZES,
            default=[1, 8, 64],
            selection_mode="multi",
            key="models-speed-batches",
            width="content",
        )
        threads = st.pills(
            "CPU threads",
            sorted({1, 2, cores} & set(range(1, cores + 1))),
            default=[1],
            selection_mode="multi",
            key="models-speed-threads",
            width="content",
        )
        kinds = (
            st.pills(
                "Computed by",
                list(_ALL_RUNTIMES),
                default=list(_ALL_RUNTIMES),
                selection_mode="multi",
                format_func=_ALL_RUNTIMES.__getitem__,
                key="models-speed-kinds",
                width="content",
            )
            if facts.has_weights
            else ["fp32"]
        )
    st.caption(
        "All take turns on the same faces, so that what else the machine does disturbs all alike. What is "
        "not exported yet is exported for this and thrown away."
    )
    is_complete = bool(batches and threads and kinds)
    if st.button("Time it", icon=":material/speed:", key="models-speed", disabled=not is_complete):
        _measure(facts, workspace, batches=batches, threads=threads, kinds=kinds)
    known: dict[str, list[BenchmarkRow]] = st.session_state.get(Key.MODELS_BENCHMARK, {})
    if rows := known.get(facts.entry.info.weights_sha256):
        _render_rows(rows)


def _measure(
    facts: ModelFacts, workspace: Workspace, *, batches: list[int], threads: list[int], kinds: list[str]
) -> None:
    bar = st.progress(0.0, text="Loading torch and the faces…")
    from fer_core.export.benchmark import BenchmarkSettings, run_benchmark

    def show_progress(done: float, text: str) -> None:
        bar.progress(min(1.0, done), text=escape_markdown(f"{text[:1].upper()}{text[1:]}"))

    runtimes: list[Any] = ["torch"] * ("torch" in kinds) + ["onnx"] * any(kind != "torch" for kind in kinds)
    precisions: list[Any] = [kind for kind in kinds if kind != "torch"]
    reference = facts.key if facts.has_weights else str(list_exports(facts.entry.folder)[0].path)
    settings = BenchmarkSettings(
        batch_sizes=tuple(sorted(batches)),
        threads=tuple(sorted(threads)),
        runtimes=tuple(runtimes),
        precisions=tuple(precisions),
    )
    try:
        rows = run_benchmark([reference], workspace, settings, on_progress=show_progress)
    except FerError as error:
        bar.empty()
        show_error(error)
        return
    bar.empty()
    st.session_state.setdefault(Key.MODELS_BENCHMARK, {})[facts.entry.info.weights_sha256] = rows


def _render_rows(rows: "list[BenchmarkRow]") -> None:
    from fer_core.export.benchmark_chart import build_benchmark_figure

    best = max(rows, key=lambda row: row.faces_per_s)
    st.markdown(
        f"At best **{best.faces_per_s:,.0f} faces per second**: {escape_markdown(best.runtime)} "
        f"{best.precision}, {best.threads} thread{'s' * (best.threads > 1)}, {best.batch_size} at once."
    )
    st.plotly_chart(
        build_benchmark_figure(rows),
        config=STATIC_CONFIG,
        key="models-speed-chart",
        alt="Milliseconds per face by number of faces at once",
    )
    first = f"{rows[0].runtime} {rows[0].precision}"
    st.dataframe(
        [
            {
                "computed by": f"{row.runtime} {row.precision}",
                "size": describe_size(row.num_bytes),
                "threads": row.threads,
                "at once": row.batch_size,
                "ms": row.median_ms,
                "quartiles": f"{row.low_ms:.2f} to {row.high_ms:.2f}",
                "faces/s": round(row.faces_per_s),
                "speed": row.speed_ratio,
            }
            for row in rows
        ],
        hide_index=True,
        column_config={
            "ms": st.column_config.NumberColumn("ms", format="%.2f", help="Median of a whole batch."),
            "faces/s": st.column_config.NumberColumn("faces/s", format="localized"),
            "speed": st.column_config.NumberColumn(
                "speed", format="%.2f ×", help=f"Relative to {first}, in the same rounds."
            ),
        },
    )
