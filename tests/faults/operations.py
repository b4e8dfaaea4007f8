"""What the program writes, one operation each: how it is prepared, its steps, and how its result is read."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache, partial
from pathlib import Path
from typing import Any

from fer_core.config import dump_config, load_preset
from fer_core.data.builtin import write_schematic_faces
from fer_core.data.decisions import Decision, decide, load_decisions
from fer_core.data.derive import Derivation, derive_dataset
from fer_core.data.store import list_datasets, load_dataset, verify_dataset
from fer_core.data.suspected_labels import Suspect, load_suspects, note_suspects
from fer_core.evaluation.predictions import Predictions
from fer_core.evaluation.report import Report, build_report
from fer_core.evaluation.stored_reports import load_evaluation, save_report
from fer_core.exchange.model_import import import_model
from fer_core.exchange.removal import delete_model
from fer_core.exported import ExportRecord, Parity, add_export, list_exports
from fer_core.jobs import delete_run
from fer_core.jobs.control import requeue_run
from fer_core.runs.notes import save_notes
from fer_core.runs.reader import load_run
from fer_core.runs.records import EpochRecord, GradientRecord, ValidationRecord
from fer_core.runs.writer import RunWriter
from fer_core.sweeps.space import read_space
from fer_core.sweeps.store import SweepSettings, create_sweep, list_sweeps
from fer_core.workspace import Workspace
from tests.small_models import save_small_model
from tests.small_runs import save_small_run
from tests.unit.evaluation.makers import make_random, make_subject

NUM_FACES = 16


@dataclass(frozen=True)
class Operation:
    """Steps that each leave one more thing that a person was told is done."""

    name: str
    steps: tuple[Callable[[Workspace], object], ...]
    read: Callable[[Workspace], Any]
    """What a reader finds, as values that can be compared. Must always succeed: that is what is tested."""
    prepare: Callable[[Workspace], object] = lambda workspace: None


def _read_datasets(workspace: Workspace) -> Any:
    found = {}
    for info in list_datasets(workspace):
        dataset = load_dataset(workspace.dataset(info.name))
        verify_dataset(dataset)
        found[info.name] = dataset.info.fingerprint
    return found


def _write_faces(workspace: Workspace, *, seed: int = 0, replace: bool = False) -> None:
    write_schematic_faces(workspace, "faces", num_images=NUM_FACES, seed=seed, replace=replace)


def _derive(workspace: Workspace, *, exclude: int, replace: bool = False) -> None:
    derive_dataset(
        load_dataset(workspace.dataset("faces")),
        workspace.dataset("derived"),
        Derivation(exclude=frozenset({exclude})),
        replace=replace,
    )


def _create_run(workspace: Workspace) -> None:
    RunWriter.create(workspace, "run", config_toml=dump_config(load_preset("quick")), meta={"seed": 1})


def _set_state(state: Any, workspace: Workspace) -> None:
    RunWriter.attach(workspace.run("run")).set_state(state)


def _add_epoch(epoch: int, workspace: Workspace) -> None:
    RunWriter.attach(workspace.run("run")).append_metrics(EpochRecord(epoch, valid_accuracy=epoch / 10))


def _add_gradients(workspace: Workspace) -> None:
    RunWriter.attach(workspace.run("run")).append_gradients(GradientRecord(1))


def _add_validation(workspace: Workspace) -> None:
    RunWriter.attach(workspace.run("run")).write_validation(ValidationRecord(1, ("a",), ((1,),), ()))


def _add_notes(workspace: Workspace) -> None:
    save_notes(workspace.run("run"), ["tag"], "a note")


def _read_run(workspace: Workspace) -> Any:
    if not workspace.run("run").exists():
        return None
    run = load_run(workspace.run("run"))
    return (
        run.status.state,
        run.config["epochs"],
        run.meta.seed,
        [record.epoch for record in run.load_metrics()],
        [record.epoch for record in run.load_gradients()],
        run.load_validation(),
        run.tags,
    )


def _read_checkpoint(workspace: Workspace) -> Any:
    from fer_core.models import load_checkpoint

    folder = workspace.run("run") / "best"
    return load_checkpoint(folder)[1].weights_sha256 if (folder / "model.json").is_file() else None


def _save_state(step: int, workspace: Workspace) -> None:
    from fer_core.training.recording import Progress, save_state

    model, optimizer = _build_learner()
    save_state(workspace.root / "state.safetensors", Progress(step=step), model, None, optimizer)


def _read_state(workspace: Workspace) -> Any:
    from fer_core.training.recording import load_state

    path = workspace.root / "state.safetensors"
    model, optimizer = _build_learner()
    return load_state(path, model, None, optimizer).step if path.exists() else None


def _build_learner() -> Any:
    import torch

    torch.manual_seed(0)
    model = torch.nn.Linear(50, 50)
    return model, torch.optim.SGD(model.parameters(), lr=0.1)


@cache
def _build_evaluation(seed: int) -> tuple[Report, Predictions]:
    predictions = make_random(seed=seed)
    return build_report(predictions, make_subject(), num_resamples=0), predictions


def _evaluate(seed: int, workspace: Workspace) -> None:
    save_report(*_build_evaluation(seed), workspace.root / "report")


def _read_evaluation(workspace: Workspace) -> Any:
    folder = workspace.root / "report"
    if not (folder / "report.json").is_file():
        return None
    stored = load_evaluation(folder, "model")
    return stored.report.predictions_sha256, float(stored.predictions.probabilities.sum())


_PARITY = Parity(
    **{
        item.name: 1 if item.type is int else 1.0 if item.type is float else "faces"
        for item in fields(Parity)
    }
)


def _add_export(precision: Any, workspace: Workspace) -> None:
    folder = workspace.root
    record = ExportRecord(
        path=folder / f"model-{precision}.onnx",
        precision=precision,
        embedding=False,
        uint8_input=False,
        num_bytes=4,
        sha256="0" * 64,
        weights_sha256="1" * 64,
        parity=_PARITY,
        created="2026-01-01T00:00:00+00:00",
    )
    add_export(folder, record)


def _make_exported_files(workspace: Workspace) -> None:
    workspace.root.mkdir(parents=True)
    for precision in ("fp32", "fp16"):
        (workspace.root / f"model-{precision}.onnx").write_bytes(b"onnx")


def _decide(changes: dict[int, Decision | None], workspace: Workspace) -> None:
    decide(load_dataset(workspace.dataset("faces")), workspace, changes)


def _read_decisions(workspace: Workspace) -> Any:
    return {
        row: item.action
        for row, item in load_decisions(load_dataset(workspace.dataset("faces")), workspace).items()
    }


def _note_suspect(row: int, workspace: Workspace) -> None:
    info = load_dataset(workspace.dataset("faces")).info
    note_suspects(workspace, "faces", info.fingerprint, [Suspect(row=row, source="a person")])


def _read_suspects(workspace: Workspace) -> Any:
    return [item.row for item in load_suspects(load_dataset(workspace.dataset("faces")), workspace)]


def _create_sweep(workspace: Workspace) -> None:
    space = read_space({"optimizer.learning_rate": {"low": 1e-4, "high": 1e-1, "log": True}})
    create_sweep("sweep", SweepSettings(base=load_preset("quick"), space=space), workspace)


def _make_foreign_model(workspace: Workspace) -> None:
    folder = save_small_model(workspace, "made")
    shutil.move(folder, workspace.root / "foreign")
    shutil.rmtree(workspace.runs)


def _import_model(workspace: Workspace) -> None:
    import_model([workspace.root / "foreign"], workspace, name="imported")


def _delete_model(workspace: Workspace) -> None:
    from fer_core.checkpoint import find_checkpoint

    delete_model(find_checkpoint("imported", workspace), workspace)


def _read_models(workspace: Workspace) -> Any:
    from fer_core.checkpoint import list_checkpoint_folders
    from fer_core.models import load_checkpoint

    brought = [
        folder for _, folder in list_checkpoint_folders(workspace) if folder.parent == workspace.models
    ]
    return [load_checkpoint(folder)[1].weights_sha256 for folder in brought]


def _requeue(workspace: Workspace) -> None:
    requeue_run("run", workspace, is_launched=False)


OPERATIONS = (
    Operation("new data set", (_write_faces,), _read_datasets),
    Operation(
        "replaced data set", (partial(_write_faces, seed=1, replace=True),), _read_datasets, _write_faces
    ),
    Operation(
        "derived data set",
        (partial(_derive, exclude=1), partial(_derive, exclude=2, replace=True)),
        _read_datasets,
        _write_faces,
    ),
    Operation(
        "run",
        (
            _create_run,
            partial(_set_state, "running"),
            _add_validation,
            _add_gradients,
            partial(_add_epoch, 1),
            partial(_add_epoch, 2),
            _add_notes,
            partial(_set_state, "stopped"),
            _requeue,
        ),
        _read_run,
    ),
    Operation(
        "deleted run",
        (partial(delete_run, "run"),),
        lambda workspace: (
            workspace.run("run").exists() and len(load_run(workspace.run("run")).load_metrics())
        ),
        lambda workspace: save_small_run(workspace, "run"),
    ),
    Operation(
        "checkpoint",
        tuple(
            partial(lambda seed, workspace: save_small_model(workspace, "run", seed=seed), seed)
            for seed in (0, 1, 1)
        ),
        _read_checkpoint,
    ),
    Operation("training state", (partial(_save_state, 1), partial(_save_state, 2)), _read_state),
    Operation("evaluation", (partial(_evaluate, 1), partial(_evaluate, 2)), _read_evaluation),
    Operation(
        "export records",
        (partial(_add_export, "fp32"), partial(_add_export, "fp16")),
        lambda workspace: [item.precision for item in list_exports(workspace.root)],
        _make_exported_files,
    ),
    Operation(
        "decisions",
        (
            partial(_decide, {1: Decision(action="exclude")}),
            partial(_decide, {1: Decision(action="keep"), 2: Decision(action="exclude")}),
            partial(_decide, {1: None}),
        ),
        _read_decisions,
        _write_faces,
    ),
    Operation(
        "suspects", (partial(_note_suspect, 3), partial(_note_suspect, 5)), _read_suspects, _write_faces
    ),
    Operation("sweep", (_create_sweep,), lambda workspace: [item.name for item in list_sweeps(workspace)]),
    Operation("model", (_import_model, _delete_model), _read_models, _make_foreign_model),
)
BY_NAME = {operation.name: operation for operation in OPERATIONS}


def prepare_once(operation: Operation, folder: Path) -> Workspace:
    """The workspace that an operation begins with."""
    workspace = Workspace(folder.resolve() / "workspace")
    operation.prepare(workspace)
    workspace.root.mkdir(parents=True, exist_ok=True)
    return workspace


def copy_workspace(workspace: Workspace, target: Path) -> Workspace:
    """A workspace of one's own with the same content."""
    return Workspace(shutil.copytree(workspace.root, target / workspace.root.name).resolve())
