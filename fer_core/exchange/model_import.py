"""Bringing in a model that somebody else made. Everything is checked before anything is put in place."""

import contextlib
import dataclasses
import datetime
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, cast

from fer_core.checkpoint import (
    CARD_FILE,
    INFO_FILE,
    CheckpointEntry,
    CheckpointInfo,
    load_checkpoint_info,
    save_checkpoint_info,
)
from fer_core.errors import CheckpointError, ConfigError
from fer_core.exchange.card import load_card
from fer_core.exchange.checking import (
    check_info,
    check_onnx_prediction,
    check_prediction,
    check_weights,
    read_foreign_info,
)
from fer_core.exchange.unpack import StagedFiles, refuse_pickles, stage_files
from fer_core.exported import EXPORTS_FILE, ExportRecord, Parity, save_exports
from fer_core.io import atomic_directory, sha256_file, write_text
from fer_core.onnx_file import load_onnx_info
from fer_core.workspace import Workspace, validate_name

OnStep = Callable[[str], None]
_STAGING_PREFIX: Final[str] = ".incoming-"
_STALE_S: Final[float] = 24 * 3600.0
UNCHECKED: Final[Parity] = Parity(
    **{item.name: cast(type, item.type)() for item in dataclasses.fields(Parity)}
)
"""Of an ONNX file that came without the weights it could be compared with: no image, no figure."""


@dataclass(frozen=True, slots=True)
class ImportedModel:
    """A model that was imported."""

    entry: CheckpointEntry
    ignored: tuple[str, ...]
    """Files that came with it and are no part of a model."""
    left_out: tuple[str, ...] = ()
    """Parts of the model that were not taken: ONNX files beside weights, or weights where nothing
    can check them."""

    def explain_left_out(self) -> str:
        """Why parts of the model were not taken, and what to do, in words."""
        if any(name.endswith(".safetensors") for name in self.left_out):
            return "torch is not installed here, so the ONNX file is the model"
        command = shlex.join(["fer", "export", self.entry.key])
        return f"ONNX files are made anew of checked weights, with {command}"


def import_model(
    sources: Sequence[Path],
    workspace: Workspace,
    *,
    name: str = "",
    on_step: OnStep | None = None,
) -> ImportedModel:
    """Check a model and put it into the workspace's `models/`.

    Args:
        sources: a zip, a folder, or the files: model.json and its .safetensors, or an .onnx that describes
            itself, as `fer export` writes it; perhaps MODEL_CARD.md. Beside weights, ONNX files are left out:
            whether they compute the same would be a third party's word, and exporting again is quick. Where
            torch is not installed, weights can be neither checked nor used: there the ONNX file is the model.
        workspace: where it goes.
        name: what to call it; what it calls itself, if not given.
        on_step: told in words what is done next.

    Raises:
        CheckpointError: anything about it is not as it should be, or the name is taken; nothing was kept.
        ConfigError: the name can't be that of a folder.
    """
    report = on_step or (lambda text: None)
    if name:
        require_free_name(name, workspace)
    with _staging_folder(workspace) as folder:
        report("Unpacking")
        staged = stage_files(sources, folder)
        has_graph = bool(staged.with_suffix(".onnx"))
        if not has_graph or (staged.with_suffix(".safetensors") and find_spec("torch") is not None):
            name, files = _prepare_weights(staged, sources[0].name, name, workspace, report)
        else:
            name, files = _prepare_onnx(staged, sources[0].name, name, workspace, report)
        parts = (".safetensors", ".onnx", ".onnx.data")
        left = sorted(item.name for item in folder.iterdir() if item.name.endswith(parts))
        left = [item for item in left if item not in files]
        if text := load_card(folder):
            write_text(folder / CARD_FILE, text)
            files.append(CARD_FILE)
        target = workspace.model(name)
        with atomic_directory(target) as ready:
            for file in files:
                (folder / file).rename(ready / file)
    entry = CheckpointEntry(name, target, load_checkpoint_info(target))
    return ImportedModel(entry, staged.ignored, tuple(left))


def require_free_name(name: str, workspace: Workspace) -> None:
    """Check that a model may be called so.

    Raises:
        ConfigError: it can't be the name of a folder.
        CheckpointError: a model or a run has it already.
    """
    validate_name(name, "model")
    for folder, what in (
        (workspace.checkpoints, "a shipped model"),
        (workspace.models, "a model"),
        (workspace.runs, "a run"),
    ):
        if (folder / name).exists():
            raise CheckpointError(f"there is {what} called {name!r} already; choose another name")


@contextlib.contextmanager
def _staging_folder(workspace: Workspace) -> Iterator[Path]:
    """A folder beside the final place, so that files move there in one step; gone at the end."""
    try:
        workspace.models.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(workspace.models)
        folder = Path(tempfile.mkdtemp(prefix=_STAGING_PREFIX, dir=workspace.models))
    except OSError as cause:
        raise CheckpointError(f"{workspace.models} can't be written: {cause.strerror or cause}") from cause
    try:
        yield folder
    except OSError as cause:
        raise CheckpointError(
            f"the model can't be kept in {workspace.models}: {cause.strerror or cause}; make room there"
        ) from cause
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_leftovers(parent: Path) -> None:
    """Clear away what an import left that was killed long ago."""
    for folder in parent.glob(f"{_STAGING_PREFIX}*"):
        with contextlib.suppress(FileNotFoundError):  # another import has ended and taken its own away
            if time.time() - folder.stat().st_mtime > _STALE_S:
                shutil.rmtree(folder, ignore_errors=True)


def _choose_name(name: str, info: CheckpointInfo, workspace: Workspace) -> str:
    if name:
        return name
    try:
        require_free_name(info.name, workspace)
    except (ConfigError, CheckpointError) as cause:
        raise CheckpointError(f"the model calls itself {info.name[:100]!r}: {cause}") from cause
    return info.name


def _prepare_weights(
    staged: StagedFiles, source: str, name: str, workspace: Workspace, report: OnStep
) -> tuple[str, list[str]]:
    """Check description and weights, and write the former anew; returns the model's name and its files."""
    weights = staged.with_suffix(".safetensors")
    if not weights:
        refuse_pickles(staged.ignored)
    if INFO_FILE not in staged.names or len(weights) != 1:
        raise CheckpointError(
            f"expected {INFO_FILE} and one .safetensors, and there are {', '.join(sorted(staged.names))}; "
            "ask for both, or for a zip of all files"
        )
    info = read_foreign_info(staged.folder / INFO_FILE)
    name = _choose_name(name, info, workspace)
    report("Checking the weights against the architecture")
    num_parameters = check_weights(weights[0], info)
    weights[0].rename(staged.folder / info.weights_file)
    _write_info(staged.folder, info, source, name=name, num_parameters=num_parameters)
    report("Trying it on a picture")
    check_prediction(staged.folder)
    return name, [INFO_FILE, info.weights_file]


def _prepare_onnx(
    staged: StagedFiles, source: str, name: str, workspace: Workspace, report: OnStep
) -> tuple[str, list[str]]:
    """The same for a model that is an ONNX file and nothing else; its own description is what counts."""
    graphs = staged.with_suffix(".onnx")
    if staged.with_suffix(".safetensors"):  # of several exports of these weights the exact one
        graphs = [item for item in graphs if item.name == "model-fp32.onnx"] or graphs
    if len(graphs) != 1:
        raise CheckpointError(f"there are {len(graphs)} .onnx files and no weights to use; give one of them")
    report("Checking the ONNX file")
    found = load_onnx_info(graphs[0])
    check_info(found.checkpoint)
    name = _choose_name(name, found.checkpoint, workspace)
    report("Trying it on a picture")
    check_onnx_prediction(graphs[0])
    extras = ["embedding"] * found.embedding + ["uint8"] * found.uint8_input
    path = staged.folder / ("-".join(["model", found.precision, *extras]) + ".onnx")
    # Of an export that is not taken the data are not either.
    others = {f"{item.name}.data" for item in staged.with_suffix(".onnx")} - {f"{graphs[0].name}.data"}
    data = [item for item in staged.with_suffix(".onnx.data") if item.name not in others]
    if any(item.name != f"{path.name}.data" for item in data):
        raise CheckpointError(
            f"beside the graph lies {data[0].name}; expected {path.name}.data, as `fer export` names it"
        )
    graphs[0].rename(path)
    record = ExportRecord(
        path=path,
        precision=found.precision,
        embedding=found.embedding,
        uint8_input=found.uint8_input,
        num_bytes=sum(item.stat().st_size for item in (path, *data)),
        sha256=sha256_file(path),
        weights_sha256=found.checkpoint.weights_sha256,
        parity=UNCHECKED,
        created=_now(),
    )
    save_exports(staged.folder, [record])
    _write_info(staged.folder, found.checkpoint, source, name=name)
    return name, [INFO_FILE, EXPORTS_FILE, path.name, *(item.name for item in data)]


def _write_info(folder: Path, info: CheckpointInfo, source: str, **changes: Any) -> None:
    """Write the description anew: nothing of a third party's file is kept unread."""
    origin = {**info.origin, "imported_from": source, "imported": _now()}
    save_checkpoint_info(folder, dataclasses.replace(info, origin=origin, **changes))


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
