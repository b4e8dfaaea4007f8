"""`fer benchmark`: how fast models are."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import OmitArgPrefixes, Positional, arg

from fer_core.checkpoint import find_checkpoint
from fer_core.cli.terminal import build_console, format_table, show_progress, write_output
from fer_core.errors import CheckpointError, ConfigError
from fer_core.export.benchmark import BenchmarkRow, BenchmarkSettings
from fer_core.exported import list_exports
from fer_core.latency import Latency, describe_now, describe_processor, is_machine_busy, save_latency
from fer_core.progress import keep_result
from fer_core.workspace import Workspace, expand_home

if TYPE_CHECKING:
    import pandas as pd

_SUFFIXES = (".csv", ".json", ".html")


def main(
    models: Annotated[Positional[tuple[str, ...]], arg(metavar="MODEL")] = (),
    *,
    settings: OmitArgPrefixes[BenchmarkSettings] = BenchmarkSettings(),  # noqa: B008  frozen
    out: Path | None = None,
) -> int:
    """Time models against each other on the same faces, in turns, and print medians with quartiles.

    Only the network is timed, on faces that are ready. The ratios are to the first model named. The time for
    one face is kept with machine and date: the Models page and `fer models show` show it.

    Args:
        models: Checkpoints, runs, .onnx files (anybody's, with one picture input), or architectures such as
            vgg13, which are timed with random weights; the shipped default, if none is named.
        settings: What is timed.
        out: Also write the figures here: .csv, .json, or .html for a chart.
    """
    if out is not None and out.suffix not in _SUFFIXES:
        raise ConfigError(f"--out {out} ends in {out.suffix!r}; expected one of {', '.join(_SUFFIXES)}")
    from fer_core.checkpoint import default_checkpoint
    from fer_core.export.benchmark import run_benchmark
    from fer_core.export.benchmark_chart import build_benchmark_frame

    workspace = Workspace.default()
    names = list(models) or [default_checkpoint(workspace).key]
    is_busy = is_machine_busy()
    with show_progress("loading torch and the faces") as show:
        rows = run_benchmark(names, workspace, settings, on_progress=lambda done, text: show(done, 1, text))
    if settings.clock == "wall":
        _keep_latencies(names, rows, workspace, is_busy=is_busy)
    keep_result({"rows": [asdict(row) for row in rows]})
    _print_table(rows)
    if out is not None:
        _write(out, rows, build_benchmark_frame(rows))
    return 0


def _keep_latencies(
    names: Sequence[str], rows: Sequence[BenchmarkRow], workspace: Workspace, *, is_busy: bool
) -> None:
    """Keep the time for one face of every checkpoint: torch's where it was timed, on the fewest threads."""
    for name in names:
        label = Path(name).stem if name.lower().endswith(".onnx") else name
        single = [row for row in rows if row.model == label and row.batch_size == 1]
        weights = _find_weights(name, workspace)
        if not single or weights is None:  # an architecture, or a file of somebody else
            continue
        row = min(single, key=lambda item: item.threads)
        latency = Latency(
            ms=row.median_ms,
            runtime=f"{row.runtime} {row.precision}",
            threads=row.threads,
            machine=_describe_machine(row.runtime),
            date=describe_now(),
            is_busy=is_busy,
        )
        save_latency(latency, weights, workspace)


def _find_weights(name: str, workspace: Workspace) -> str | None:
    """Checksum of the weights of a checkpoint, or of the one that an exported file lies in."""
    path = expand_home(name).resolve()
    is_file = name.lower().endswith(".onnx")
    if is_file and path not in [item.path.resolve() for item in list_exports(path.parent)]:
        return None
    try:
        return find_checkpoint(str(path.parent) if is_file else name, workspace).info.weights_sha256
    except CheckpointError:
        return None


def _describe_machine(runtime: str) -> str:
    if "cpu" in runtime.lower():
        return describe_processor()
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else describe_processor()


def _print_table(rows: list[BenchmarkRow]) -> None:
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for title in ("model", "runtime", "precision", "MB"):
        table.add_column(title)
    for title in ("threads", "batch", "ms", "quartiles", "ms/face", "faces/s", "ratio"):
        table.add_column(title, justify="right")
    for row in rows:
        table.add_row(
            row.model,
            row.runtime,
            row.precision,
            f"{row.num_bytes / 1e6:.2f}",
            str(row.threads),
            str(row.batch_size),
            f"{row.median_ms:.2f}",
            f"{row.low_ms:.2f} to {row.high_ms:.2f}",
            f"{row.median_ms / row.batch_size:.3f}",
            f"{row.faces_per_s:,.0f}",
            f"{row.speed_ratio:.2f}",
        )
    build_console(width=None if build_console().is_terminal else 130).print(table)


def _write(out: Path, rows: list[BenchmarkRow], frame: "pd.DataFrame") -> None:
    from fer_core.export.benchmark_chart import build_benchmark_figure

    if out.suffix == ".html":
        write_output(out, build_benchmark_figure(rows).to_html(include_plotlyjs=True))
    else:
        write_output(out, format_table(frame, out.suffix))
