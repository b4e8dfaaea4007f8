"""`fer crosscheck`: models on data of other sources."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from fer_core.cli.terminal import (
    build_console,
    describe_detectors,
    format_table,
    pick_detector,
    say,
    show_progress,
    write_output,
)
from fer_core.errors import ConfigError, FerError
from fer_core.progress import keep_result
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fer_core.inference.crosscheck import SourceScore

_SUFFIXES = (".csv", ".json")


def main(  # noqa: PLR0913 - each argument is an option of the command
    models: Annotated[Positional[tuple[str, ...]], arg(metavar="MODEL")],
    *,
    datasets: tuple[str, ...],
    priors: tuple[str, ...] = ("general", "training", "uniform"),
    faces: Literal["stored", "cut"] = "stored",
    detector: Annotated[str, arg(help=describe_detectors)] = "",
    split: str = "",
    resamples: int = 1000,
    device: str = "auto",
    out: Path | None = None,
) -> int:
    """Score models on data of several sources: are they right, and as sure as they should be, off their own?

    Each source is scored over the classes that it and the model both have, in a row of its own.

    Args:
        models: Shipped checkpoints' names, runs' names, or checkpoint folders.
        datasets: Imported data sets, one for each source.
        priors: Expected shares of the classes: general, training, halfway, uniform, or class=share,...
        faces: `stored` takes the images of a data set as faces; `cut` finds the largest face on each first.
        detector: Finds it.
        split: Which split; all images if not given, of a data set that the model was trained on only `valid`.
        resamples: Resamples of the bootstrap; 0 leaves the intervals out.
        device: Where to compute: auto, cpu or cuda.
        out: Also write the figures to this .csv or .json file.
    """
    if not models or not datasets:
        raise ConfigError("expected a model and --datasets; `fer models` and `fer datasets` list them")
    if out is not None and out.suffix not in _SUFFIXES:
        raise ConfigError(f"--out {out} ends in {out.suffix!r}; expected one of {', '.join(_SUFFIXES)}")
    if resamples < 0:
        raise ConfigError(f"--resamples is {resamples}; expected 0 or more")
    from fer_core.checkpoint import find_checkpoint
    from fer_core.data.builtin import open_dataset
    from fer_core.evaluation.sources import find_training_data
    from fer_core.inference.crosscheck import crosscheck
    from fer_core.inference.detectors import build_detector
    from fer_core.inference.predictor import load_predictor

    workspace = Workspace.default()
    finder = build_detector(pick_detector(detector, workspace), workspace) if faces == "cut" else None
    scores: list[tuple[str, str, SourceScore]] = []
    failures: dict[str, str] = {}
    for part, (model, name) in enumerate(pairs := [(model, name) for model in models for name in datasets]):
        title = f"{model} on {name}"
        try:
            entry = find_checkpoint(model, workspace)
            cutter = None if finder is None else (finder, load_predictor(model, workspace, device=device))
            with show_progress(f"{title}: loading", part=part, of=len(pairs)) as show:
                found = crosscheck(
                    entry,
                    open_dataset(name, workspace),
                    training=find_training_data(entry.info, workspace),
                    split=split,
                    priors=priors,
                    cutter=cutter,
                    device=device,
                    num_resamples=resamples,
                    on_progress=lambda done, total, title=title: show(  # type: ignore[misc]
                        done, total, f"{title}: {done:,} of {total:,} faces"
                    ),
                )
            scores += [(model, prior, score) for prior, score in zip(priors, found, strict=True)]
        except FerError as error:  # the other sources are still worth having
            failures[title] = str(error)
            say(f"fer crosscheck: {title}: {error}", file=sys.stderr)
    rows = build_rows(scores)
    reliability = [score.report.reliability["as predicted"] for _, _, score in scores]
    risks = [
        {"by_confidence": asdict(score.by_confidence), "by_expected": asdict(score.by_expected)}
        for _, _, score in scores
    ]
    keep_result({"rows": rows, "reliability": reliability, "risks": risks, "failures": failures})
    if rows:
        _print(scores)
    if rows and out is not None:
        import pandas as pd

        write_output(out, format_table(pd.DataFrame(rows), out.suffix))
    return 1 if failures else 0


def build_rows(scores: "Sequence[tuple[str, str, SourceScore]]") -> list[dict[str, object]]:
    """A row per model, source and prior: names, protocol, n, figures with intervals, the surest faces."""
    import math

    from fer_core.evaluation.risk_coverage import COVERAGES
    from fer_core.inference.crosscheck import FIGURES

    rows = []
    for model, prior, (report, by_confidence, by_expected) in scores:
        row: dict[str, object] = {"model": model, "source": report.subject.dataset, "prior": prior}
        row |= {"protocol": f"{report.subject.split}, {report.subject.protocol}"}
        row |= {"n": report.n, "classes": len(report.classes)}
        for name in FIGURES:
            figure = report.figures[name]
            for end, value in (("", figure.value), ("_low", figure.low), ("_high", figure.high)):
                row[name + end] = value if math.isfinite(value) else None
        for name, risk in (("confidence", by_confidence), ("expected", by_expected)):
            row |= {f"accuracy_{share:.0%}_by_{name}": risk.accuracy_at(share) for share in COVERAGES[1:]}
            row[f"aurc_by_{name}"] = risk.aurc
        rows.append(row)
    return rows


def _print(scores: "Sequence[tuple[str, str, SourceScore]]") -> None:
    from rich.table import Table

    from fer_core.evaluation.figures import describe_figure
    from fer_core.evaluation.metrics import METRICS
    from fer_core.inference.crosscheck import FIGURES

    table = Table("model", "source", "expected", "n", *(METRICS[name].title for name in FIGURES), box=None)
    for model, prior, (report, _, _) in scores:
        cells = [describe_figure(name, report.figures[name]) for name in FIGURES]
        table.add_row(model, report.subject.dataset, prior, f"{report.n:,}", *cells)
    build_console(width=None if build_console().is_terminal else 200).print(table)
    for model, _, (report, by_confidence, by_expected) in scores:
        say(f"{model}: {report.subject.describe()}, n = {report.n:,}, {len(report.classes)} classes")
        say(f"  surest by confidence: {by_confidence.describe()}")
        say(f"  by expected correctness: {by_expected.describe()}")
