"""`fer export`: a checkpoint as a file that runs elsewhere."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import OmitArgPrefixes, Positional, arg

from fer_core.cli.terminal import say, show_progress
from fer_core.export.formats import EXPORTS
from fer_core.export.options import ExportOptions
from fer_core.progress import keep_result
from fer_core.workspace import Workspace


def describe_formats() -> str:
    """Help of `--format`, with those of installed packages."""
    return "; ".join(f"{name}: {EXPORTS[name].summary}" for name in EXPORTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(ExportOptions):
    """The same as options of the command."""

    format: Annotated[str, arg(help=describe_formats, aliases=["--precision"])] = "fp32"


def main(
    model: Annotated[Positional[str], arg(metavar="MODEL")],
    *,
    options: OmitArgPrefixes[Options] = Options(),
    data: str | None = None,
    out: Path | None = None,
) -> int:
    """Write a model as ONNX, compare the file with torch on faces, and refuse it if they differ.

    The file holds its classes, preprocessing, calibration and checksum; examples/predict_onnx.py uses it with
    nothing but onnxruntime and numpy.

    Args:
        model: A shipped checkpoint's name, a run's name, or a folder.
        options: Format and form.
        data: Data set for calibration and check; the one the model learnt from, if it is here, else the
            built-in faces.
        out: Folder to write to; the checkpoint's own if not given, or workspace/exports/NAME where it ships.
    """
    from fer_core.export import export_checkpoint

    with show_progress(f"exporting {model}: loading torch") as show:
        record = export_checkpoint(
            model,
            Workspace.default(),
            options,
            data=data,
            out=out,
            progress=lambda text: show(0, 0, f"{model}: {text}"),
        )
    parity = record.parity
    keep_result({"file": record.path.name, "label_agreement": parity.label_agreement})
    say(f"{record.path}: {record.precision}, {record.num_bytes:,} bytes")
    say(
        f"on {parity.num_images:,} faces of {parity.dataset} {parity.split}: logits differ by at most "
        f"{parity.max_difference:.2g}, probabilities by {parity.max_probability_difference:.2g}, "
        f"{parity.label_agreement:.2%} of the labels agree"
    )
    say(
        f"accuracy {parity.accuracy:.4%}, torch {parity.accuracy_torch:.4%} ({parity.protocol}, "
        f"n = {parity.num_images:,})"
    )
    return 0
