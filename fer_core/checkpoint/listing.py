"""The checkpoints on this machine: listed, found by name, and the one that is used when nobody names one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fer_core.checkpoint.info import INFO_FILE, CheckpointInfo, load_checkpoint_info, require_kind
from fer_core.checkpoint.specs import InputKind
from fer_core.errors import CheckpointError
from fer_core.io import write_text
from fer_core.titles import find_titled_run
from fer_core.workspace import Workspace, expand_home

HUB: Final[str] = "hub"
"""In place of a checkpoint's name: timm's own weights of a backbone."""
WEIGHT_SUFFIXES: Final[tuple[str, ...]] = (".safetensors", ".pt", ".pth", ".bin")
"""Of files with nothing but weights."""


@dataclass(frozen=True, slots=True)
class CheckpointEntry:
    """A checkpoint that can be chosen: where it is, what it is, and what to call it."""

    key: str
    """What a person types: name of a shipped or brought-in model, or `<run>/best`."""
    folder: Path
    info: CheckpointInfo


DEFAULT_CHECKPOINT: Final[str] = "fer-small"
"""The shipped model that is used when nobody chose one."""
_DEFAULT_FILE: Final[str] = "default-model.txt"
"""In the workspace: the key of the model that the user chose instead; not there as long as nobody did."""


def get_default_key(workspace: Workspace) -> str:
    """Key of the model that is used when nobody names one: the user's choice, else `DEFAULT_CHECKPOINT`."""
    try:
        return (workspace.root / _DEFAULT_FILE).read_text(encoding="utf-8")[
            :300
        ].strip() or DEFAULT_CHECKPOINT
    except (OSError, ValueError):
        return DEFAULT_CHECKPOINT


def choose_default(key: str, workspace: Workspace) -> None:
    """Use this model from now on wherever nobody names one; choosing another is the way back.

    Raises:
        CheckpointError: there is no such model, or it reads voices.
        StorageError: the workspace can't be written.
    """
    entry = find_listed_checkpoint(key, workspace)
    require_kind(entry.info, "image")
    write_text(workspace.root / _DEFAULT_FILE, entry.key + "\n")


def list_checkpoints(workspace: Workspace, kind: InputKind | None = None) -> list[CheckpointEntry]:
    """Every readable checkpoint: the default, the shipped ones, imported ones, then those of runs.

    Named ones are in the order of their names, those of runs newest first.

    A damaged one is left out here; naming it to `find_checkpoint` says what is wrong with it.

    Args:
        workspace: where imported ones and runs are.
        kind: only those that read this; all if not given.
    """
    entries = []
    for key, folder in list_checkpoint_folders(workspace):
        try:
            entries.append(CheckpointEntry(key, folder, load_checkpoint_info(folder)))
        except CheckpointError:
            continue
    return [entry for entry in entries if kind in (None, entry.info.input.kind)]


def list_checkpoint_folders(workspace: Workspace) -> list[tuple[str, Path]]:
    """Key and folder of every checkpoint, readable or not, in the order of `list_checkpoints`."""
    named = [
        sorted(path.parent for path in parent.glob(f"*/{INFO_FILE}"))
        for parent in (workspace.checkpoints, workspace.models)
    ]
    named[0].sort(key=lambda path: path.name != DEFAULT_CHECKPOINT)
    default = get_default_key(workspace)
    runs = [path.parent for path in workspace.runs.glob(f"*/best/{INFO_FILE}")]
    runs.sort(key=lambda path: (_made_at(path.parent), path.parent.name), reverse=True)
    found = [(path.name, path) for part in named for path in part]
    found += [(f"{path.parent.name}/{path.name}", path) for path in runs]
    found.sort(key=lambda item: item[0] != default)
    return [item for item in found if not item[0].startswith(".")]  # a dot: being written right now


def _made_at(run: Path) -> float:
    """When a run was made: its settings are written once. Unix time; 0 if they are gone."""
    try:
        return (run / "config.toml").stat().st_mtime
    except OSError:
        return 0.0


def default_checkpoint(workspace: Workspace) -> CheckpointEntry:
    """The checkpoint to use when nobody names one: the user's or the shipped default, else the first.

    Raises:
        CheckpointError: there is none at all.
    """
    entries = list_checkpoints(workspace)
    if not entries:
        raise CheckpointError("there is no model yet; train one with: fer train --preset quick")
    return entries[0]


def find_checkpoint(reference: str, workspace: Workspace) -> CheckpointEntry:
    """Resolve what a person typed: a key of `list_checkpoints`, a run's name or title, or a folder.

    Raises:
        CheckpointError: nothing there, or it is damaged.
    """
    candidates = [
        workspace.checkpoints / reference,
        workspace.models / reference,
        workspace.runs / reference,
        workspace.runs / reference / "best",
        expand_home(reference),
    ]
    for folder in candidates:
        try:
            is_there = (folder / INFO_FILE).is_file()
        except OSError:  # too long for a name, or in a folder that may not be looked into
            continue
        if is_there:
            return CheckpointEntry(reference, folder, load_checkpoint_info(folder))
    run = find_titled_run(reference.removesuffix("/best"), workspace)
    if run is not None and (run / "best" / INFO_FILE).is_file():
        return CheckpointEntry(f"{run.name}/best", run / "best", load_checkpoint_info(run / "best"))
    raise CheckpointError(
        f"no checkpoint {reference[:200]!r}; expected a folder with {INFO_FILE}, or one of: "
        f"{_list_keys(workspace)}"
    )


def find_listed_checkpoint(key: str, workspace: Workspace) -> CheckpointEntry:
    """Like `find_checkpoint`, but of the workspace's own only: for keys out of an address or an upload.

    Raises:
        CheckpointError: there is none of that key, or it is damaged.
    """
    for name, folder in list_checkpoint_folders(workspace):
        if name == key:
            return CheckpointEntry(key, folder, load_checkpoint_info(folder))
    raise CheckpointError(f"no model {key[:200]!r} is on this machine; there are: {_list_keys(workspace)}")


def _list_keys(workspace: Workspace) -> str:
    return ", ".join(entry.key for entry in list_checkpoints(workspace)[:12]) or "none yet"
