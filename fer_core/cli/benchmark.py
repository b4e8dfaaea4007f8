"""`fer benchmark`: how fast models are."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import OmitArgPrefixes, Positional, arg

from fer_core.cli.terminal import build_console, format_table, show_progress, write_output
from fer_core.errors import ConfigError
from fer_core.export.benchmark import BenchmarkRow, BenchmarkSettings
from fer_core.progress import keep_result
from fer_core.workspace import Workspace

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

    Only the network is timed, on faces that are ready. The ratios are to the first model named.

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
    with show_progress("loading torch and the faces") as show:
        rows = run_benchmark(names, workspace, settings, on_progress=lambda done, text: show(done, 1, text))
    keep_result({"rows": [asdict(row) for row in rows]})
    _print_table(rows)
    if out is not None:
        _write(out, rows, build_benchmark_frame(rows))
    return 0


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
