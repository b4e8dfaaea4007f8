"""The models that a study was made with, found again by their weights, on whatever machine."""

from fer_core.checkpoint import CheckpointEntry, find_checkpoint, list_checkpoints
from fer_core.errors import CheckpointError, StudyError
from fer_core.exported import list_exports
from fer_core.workspace import Workspace


def find_model(name: str, weights_sha256: str, workspace: Workspace) -> CheckpointEntry:
    """The model that a study was made with: of its name or, on another machine, of the same weights.

    Returns:
        It, or the one that has its name and other weights, where there is no better one.

    Raises:
        StudyError: there is none of that name, and none with these weights.
        CheckpointError: the one of that name is damaged.
    """
    named: CheckpointEntry | None = None
    missing: CheckpointError | None = None
    try:
        named = find_checkpoint(name, workspace)
    except CheckpointError as error:
        missing = error
    if named is not None and named.info.weights_sha256 == weights_sha256:
        return named
    for entry in list_checkpoints(workspace):
        if entry.info.weights_sha256 == weights_sha256 and _is_exact(entry):
            return entry
    if named is not None:
        return named
    raise StudyError(
        f"the study's model {name!r} is not here, nor another one with its weights {weights_sha256[:12]}…. "
        "Write it with fer models zip on the machine that has it, and bring it here with fer models import"
    ) from missing


def _is_exact(entry: CheckpointEntry) -> bool:
    """Whether it computes what the weights do; an ONNX file in int8 names those that it was made of."""
    if (entry.folder / entry.info.weights_file).is_file():
        return True
    return any(record.precision == "fp32" for record in list_exports(entry.folder))
