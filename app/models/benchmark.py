"""How fast a model is on this machine: torch against ONNX, by batch size and threads."""

from typing import TYPE_CHECKING

import streamlit as st

from app.models.wording import describe_size
from app.shared.background import render_task
from app.shared.charts import STATIC_CONFIG
from app.shared.messages import error_boundary
from app.shared.navigation import MODELS
from app.shared.tabs import open_tab
from fer_core.errors import RunError
from fer_core.escaping import escape_markdown
from fer_core.exchange.facts import ModelFacts
from fer_core.export.formats import EXPORTS
from fer_core.exported import list_exports
from fer_core.jobs.tasks import BackgroundTask, start_task
from fer_core.machine import count_cores
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from fer_core.export.benchmark import BenchmarkRow

_BATCH_SIZES = [1, 4, 8, 16, 32, 64]
_BATCHES_FIRST = [1, 8, 64]
_TIMED_FIRST = ["torch", "fp32", "int8"]


def render_benchmark(facts: ModelFacts, workspace: Workspace) -> None:
    """Choose what to time; then a chart and a table."""
    cores = count_cores()
    onnx = [name for name in EXPORTS if EXPORTS[name].suffix == ".onnx"]
    runtimes = {"torch": "torch fp32", **{name: f"ONNX {name}" for name in onnx}}
    with st.container(horizontal=True, gap="large"):
        batches = st.pills(
            "Faces at once",
            _BATCH_SIZES,
            default=_BATCHES_FIRST,
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
                list(runtimes),
                default=_TIMED_FIRST,
                selection_mode="multi",
                format_func=runtimes.__getitem__,
                key="models-speed-kinds",
                width="content",
            )
            if facts.has_weights
            else ["fp32"]
        )
    st.caption(
        "All take turns on the same faces, so that other work on the machine affects all equally. What is "
        "not exported yet is exported for this and thrown away."
    )
    weights = facts.entry.info.weights_sha256
    task = render_task(workspace, "benchmark", {"weights": weights}, on_result=_render_result)
    is_ready = bool(batches and threads and kinds) and not (task and task.is_active)
    if st.button("Time it", icon=":material/speed:", key="models-speed", disabled=not is_ready):
        _start(facts, workspace, batches=batches, threads=threads, kinds=kinds)
        st.rerun()


def time_first(facts: ModelFacts, workspace: Workspace) -> None:
    """Time a model as the form first stands, and open the tab that shows it."""
    with error_boundary():
        kinds = _TIMED_FIRST if facts.has_weights else ["fp32"]
        _start(facts, workspace, batches=_BATCHES_FIRST, threads=[1], kinds=kinds)
        open_tab("Speed")


def _start(
    facts: ModelFacts, workspace: Workspace, *, batches: list[int], threads: list[int], kinds: list[str]
) -> None:
    start_task(
        workspace,
        kind="benchmark",
        title=f"Benchmark of {facts.title}",
        command=_build_command(facts, batches=batches, threads=threads, kinds=kinds),
        page=MODELS.address(model=facts.key, tab="Speed"),
        facts={"weights": facts.entry.info.weights_sha256},
    )


def _build_command(
    facts: ModelFacts, *, batches: list[int], threads: list[int], kinds: list[str]
) -> list[str]:
    runtimes = ["torch"] * ("torch" in kinds) + ["onnx"] * any(kind != "torch" for kind in kinds)
    precisions = [kind for kind in kinds if kind != "torch"]
    reference = facts.key if facts.has_weights else str(list_exports(facts.entry.folder)[0].path)
    command = ["benchmark", reference, "--runtimes", *runtimes]
    command += ["--batch-sizes", *map(str, sorted(batches)), "--threads", *map(str, sorted(threads))]
    return [*command, "--precisions", *precisions] if precisions else command


def _render_result(task: BackgroundTask) -> None:
    from fer_core.export.benchmark import BenchmarkRow

    try:
        rows = [BenchmarkRow(**row) for row in (task.result() or {})["rows"]]
    except (KeyError, TypeError) as cause:
        raise RunError(f"the result of {task.name} holds no benchmark; time the model again") from cause
    _render_rows(rows)


def _render_rows(rows: "list[BenchmarkRow]") -> None:
    from fer_core.export.benchmark_chart import build_benchmark_figure

    best = max(rows, key=lambda row: row.faces_per_s)
    st.markdown(
        f"At best **{best.faces_per_s:,.0f} faces per second**: "
        f"{escape_markdown(f'{best.runtime} {best.precision}')}, {best.threads:d} "
        f"thread{'s' * (best.threads > 1)}, {best.batch_size:d} at once."
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
