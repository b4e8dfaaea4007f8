"""Deleting a model."""

import shlex

from fer_core.checkpoint import DEFAULT_CHECKPOINT, CheckpointEntry
from fer_core.errors import CheckpointError
from fer_core.exchange.facts import ModelKind, get_kind
from fer_core.exported import get_exports_folder
from fer_core.io import remove_directory
from fer_core.workspace import Workspace


def explain_protection(entry: CheckpointEntry, workspace: Workspace) -> str:
    """Why a model can't be deleted; empty if it can."""
    kind = get_kind(entry.folder, workspace)
    if kind is ModelKind.TRAINED:
        run = entry.folder.resolve().parent.name
        return (
            f"{entry.key} is the best epoch of the run {run} and goes with it: delete the run on the Train "
            f"page, or with `fer runs delete {shlex.quote(run)}`"
        )
    if kind is ModelKind.SHIPPED and entry.folder.name == DEFAULT_CHECKPOINT:
        return f"{entry.key} ships with the program and is used wherever nobody chose a model, so it stays"
    if entry.folder.resolve().parent not in (workspace.models.resolve(), workspace.checkpoints.resolve()):
        return f"{entry.folder} lies outside the workspace; delete it with the tools of your system"
    return ""


def explain_loss(entry: CheckpointEntry, workspace: Workspace) -> str:
    """What deleting a model means beyond this workspace, as a sentence and a space; empty for most."""
    if get_kind(entry.folder, workspace) is not ModelKind.SHIPPED:
        return ""
    return f"It ships with the project, in {entry.folder}: whoever gets a copy from here on lacks it. "


def delete_model(entry: CheckpointEntry, workspace: Workspace) -> None:
    """Remove a brought-in or published model with everything in its folder.

    Raises:
        CheckpointError: it is protected, or can't be removed.
    """
    reason = explain_protection(entry, workspace)
    if reason:
        raise CheckpointError(reason)
    exports = get_exports_folder(entry.folder, workspace)
    if exports != entry.folder and exports.is_dir():
        remove_directory(exports, f"exports of {entry.key}", CheckpointError)
    remove_directory(entry.folder, entry.key, CheckpointError)
