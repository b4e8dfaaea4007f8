"""Bringing in a model that somebody else made. Everything is checked before anything is put in place."""

import dataclasses
import datetime
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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
from fer_core.exchange.checking import check_prediction, check_weights, read_foreign_info
from fer_core.exchange.unpack import StagedFiles, stage_files
from fer_core.io import atomic_directory, write_text
from fer_core.workspace import Workspace, validate_name

OnStep = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ImportedModel:
    """A model that was brought in."""

    entry: CheckpointEntry
    ignored: tuple[str, ...]
    """Files that came with it and are no part of a model."""


def import_model(
    sources: Sequence[Path],
    workspace: Workspace,
    *,
    name: str = "",
    on_step: OnStep | None = None,
) -> ImportedModel:
    """Check a model and put it into the workspace's `models/`.

    Args:
        sources: a zip, a folder, or the files: model.json and its .safetensors, perhaps MODEL_CARD.md.
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
        if INFO_FILE not in staged.names:
            raise CheckpointError(
                f"there is no {INFO_FILE} with the model; ask for it, or for a zip of all files"
            )
        info = read_foreign_info(folder / INFO_FILE)
        name = _choose_name(name, info, workspace)
        report("Checking the weights against the architecture")
        info = _accept_weights(staged, info, sources[0].name, name)
        report("Trying it on a picture")
        check_prediction(folder)
        _accept_card(folder)
        target = workspace.model(name)
        with atomic_directory(target) as ready:
            for file in (INFO_FILE, info.weights_file, CARD_FILE):
                if (folder / file).is_file():
                    (folder / file).rename(ready / file)
    return ImportedModel(CheckpointEntry(name, target, load_checkpoint_info(target)), staged.ignored)


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


@contextmanager
def _staging_folder(workspace: Workspace) -> Iterator[Path]:
    """A folder beside the final place, so that files move there in one step; gone at the end."""
    workspace.models.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".incoming-", dir=workspace.models))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _choose_name(name: str, info: CheckpointInfo, workspace: Workspace) -> str:
    if name:
        return name
    try:
        require_free_name(info.name, workspace)
    except (ConfigError, CheckpointError) as cause:
        raise CheckpointError(f"the model calls itself {info.name[:100]!r}: {cause}") from cause
    return info.name


def _accept_weights(staged: StagedFiles, info: CheckpointInfo, source: str, name: str) -> CheckpointInfo:
    """Check the weights, and write the description anew: nothing of a stranger's file is kept unread."""
    weights = staged.with_suffix(".safetensors")
    if len(weights) != 1:
        seen = f"{len(weights)} of them" if weights else "none"
        raise CheckpointError(f"expected one .safetensors file beside {INFO_FILE}, and there is {seen}")
    num_parameters = check_weights(weights[0], info)
    time = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    info = dataclasses.replace(
        info,
        name=name,
        num_parameters=num_parameters,
        origin={**info.origin, "imported_from": source, "imported": time},
    )
    weights[0].rename(staged.folder / info.weights_file)
    save_checkpoint_info(staged.folder, info)
    return info


def _accept_card(folder: Path) -> None:
    if text := load_card(folder):
        write_text(folder / CARD_FILE, text)
