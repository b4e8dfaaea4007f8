"""A workspace with one file of each kind, and how each is read."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fer_core.checkpoint import find_checkpoint
from fer_core.data.builtin import write_schematic_faces
from fer_core.data.decisions import Decision, decide, decisions_path, load_decisions
from fer_core.data.flaws import find_flaws, flaws_path, load_flaws
from fer_core.data.store import Dataset, load_dataset, verify_dataset
from fer_core.data.suspected_labels import Suspect, load_suspects, note_suspects, suspects_path
from fer_core.evaluation.report import build_report
from fer_core.evaluation.stored_reports import load_evaluation, save_report
from fer_core.exported import list_exports
from fer_core.runs.notes import save_notes
from fer_core.runs.reader import load_run
from fer_core.sweeps.store import load_sweep
from fer_core.workspace import Workspace
from tests.faults.operations import _add_export, _create_sweep, _read_state, _save_state
from tests.small_models import save_small_model
from tests.small_runs import save_small_run
from tests.unit.evaluation.makers import make_random, make_subject

GOOD = "good"


def make_world(workspace: Workspace) -> Dataset:
    """Write one of everything, all called `good`."""
    write_schematic_faces(workspace, GOOD, num_images=24)
    dataset = load_dataset(workspace.dataset(GOOD))
    writer = save_small_run(workspace, GOOD)
    save_notes(writer.folder, ["tag"], "a note")
    best = save_small_model(workspace, GOOD)
    (best / "model-fp32.onnx").write_bytes(b"onnx")
    shutil.move(best / "model-fp32.onnx", workspace.root / "model-fp32.onnx")
    _add_export("fp32", workspace)
    predictions = make_random()
    save_report(build_report(predictions, make_subject(), num_resamples=0), predictions, writer.folder)
    _save_state(3, workspace)
    decide(dataset, workspace, {1: Decision(action="exclude")})
    note_suspects(workspace, GOOD, dataset.info.fingerprint, [Suspect(row=1, source="a person")])
    find_flaws(dataset, workspace)
    _create_sweep(workspace)
    return dataset


@dataclass(frozen=True)
class Kind:
    """A kind of file."""

    name: str
    locate: Callable[[Workspace], Path]
    read: Callable[[Workspace], Any]
    is_tolerant: bool = False
    """Whether a reader makes do with what is left, as with a log of lines or a cache."""


def _in_dataset(name: str) -> Callable[[Workspace], Path]:
    return lambda workspace: workspace.dataset(GOOD) / name


def _in_run(name: str) -> Callable[[Workspace], Path]:
    return lambda workspace: workspace.run(GOOD) / name


def _open(workspace: Workspace) -> Dataset:
    dataset = load_dataset(workspace.dataset(GOOD))
    verify_dataset(dataset)
    return dataset


def _locate_weights(workspace: Workspace) -> Path:
    return next((workspace.run(GOOD) / "best").glob("model-*.safetensors"))


def _load_model(workspace: Workspace) -> Any:
    from fer_core.models import load_checkpoint

    return load_checkpoint(find_checkpoint(f"{GOOD}/best", workspace).folder)


def _dataset(workspace: Workspace) -> Dataset:
    return load_dataset(workspace.dataset(GOOD))


def _load_report(workspace: Workspace) -> Any:
    return load_evaluation(workspace.run(GOOD), GOOD)


KINDS = (
    Kind("dataset.json", _in_dataset("dataset.json"), _open),
    Kind("images.npy", _in_dataset("images.npy"), _open),
    Kind("samples.parquet", _in_dataset("samples.parquet"), _open),
    Kind(
        "config.toml",
        _in_run("config.toml"),
        lambda workspace: load_run(workspace.run(GOOD)),
        is_tolerant=True,  # what is cut at the end of a line is TOML as well
    ),
    Kind("status.json", _in_run("status.json"), lambda workspace: load_run(workspace.run(GOOD))),
    Kind("meta.json", _in_run("meta.json"), lambda workspace: load_run(workspace.run(GOOD)).meta),
    Kind("notes.json", _in_run("notes.json"), lambda workspace: load_run(workspace.run(GOOD))),
    Kind(
        "metrics.jsonl",
        _in_run("metrics.jsonl"),
        lambda workspace: load_run(workspace.run(GOOD)).load_metrics(),
        is_tolerant=True,
    ),
    Kind(
        "gradients.jsonl",
        _in_run("gradients.jsonl"),
        lambda workspace: load_run(workspace.run(GOOD)).load_gradients(),
        is_tolerant=True,
    ),
    Kind(
        "validation.json",
        _in_run("validation.json"),
        lambda workspace: load_run(workspace.run(GOOD)).load_validation(),
    ),
    Kind("report.json", _in_run("report.json"), _load_report),
    Kind("predictions.parquet", _in_run("predictions.parquet"), _load_report),
    Kind("model.json", _in_run("best/model.json"), _load_model),
    Kind("safetensors", _locate_weights, _load_model),
    Kind("state.safetensors", lambda workspace: workspace.root / "state.safetensors", _read_state),
    Kind(
        "exports.json",
        lambda workspace: workspace.root / "exports.json",
        lambda workspace: list_exports(workspace.root),
    ),
    Kind(
        "decisions",
        lambda workspace: decisions_path(_dataset(workspace), workspace),
        lambda workspace: load_decisions(_dataset(workspace), workspace),
    ),
    Kind(
        "suspects",
        lambda workspace: suspects_path(workspace, GOOD),
        lambda workspace: load_suspects(_dataset(workspace), workspace),
    ),
    Kind(
        "flaws",
        lambda workspace: flaws_path(_dataset(workspace), workspace),
        lambda workspace: load_flaws(_dataset(workspace), workspace),
        is_tolerant=True,
    ),
    Kind(
        "sweep.toml",
        lambda workspace: workspace.root / "sweeps" / "sweep" / "sweep.toml",
        lambda workspace: load_sweep("sweep", workspace),
    ),
)


def empty(path: Path) -> None:
    """As a crash of the machine leaves a file whose name arrived and whose content did not."""
    path.write_bytes(b"")


def truncate(path: Path) -> None:
    """As a copy that was broken off."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def zero(path: Path) -> None:
    """As some file systems leave it after a power cut."""
    path.write_bytes(bytes(path.stat().st_size))


def make_folder(path: Path) -> None:
    """As a program that misunderstood leaves it."""
    path.unlink()
    path.mkdir()


def flip(path: Path, share: float, bit: int = 0x10) -> None:
    """One byte is not what it was."""
    content = bytearray(path.read_bytes())
    content[int(share * (len(content) - 1))] ^= bit
    path.write_bytes(content)


DAMAGES = (empty, truncate, zero, make_folder)
