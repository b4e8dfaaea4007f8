"""Choosing what computes: torch or onnxruntime, behind one interface."""

import logging
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

from fer_core.checkpoint import CheckpointEntry, CheckpointInfo, InputKind, find_checkpoint, require_kind
from fer_core.errors import CheckpointError, ConfigError
from fer_core.exported import ExportRecord, find_exports
from fer_core.inference.interfaces import Predictor
from fer_core.onnx_file import load_onnx_info
from fer_core.workspace import Workspace, expand_home

logger = logging.getLogger(__name__)

Runtime = Literal["auto", "torch", "onnx"]
RUNTIMES: Final[tuple[Runtime, ...]] = ("auto", "torch", "onnx")


def load_predictor(
    reference: str,
    workspace: Workspace,
    *,
    device: str = "auto",
    runtime: Runtime = "auto",
    kind: InputKind = "image",
) -> Predictor:
    """Load the model that a person named.

    Args:
        reference: a shipped checkpoint's name, a run's name, a checkpoint's folder, or an exported .onnx
            file.
        workspace: where runs are.
        device: `auto` (CUDA where there is one, else the CPU) or `cpu`, `cuda`, `tensorrt` (ONNX only), or
            another name that torch knows.
        runtime: `torch`; `onnx` for the checkpoint's exported fp32 file; `auto` takes that file on a CPU,
            where it computes faster and spares loading torch, if it was checked against exactly these
            weights, or where torch is not installed; and torch otherwise.
        kind: what the model must read.

    Raises:
        CheckpointError: there is none, it is damaged, it has not been exported, or it reads something else.
        ConfigError: there is no such device here, or the runtime is unknown.
    """
    if runtime not in RUNTIMES:
        raise ConfigError(f"runtime {runtime!r} is unknown; expected one of {', '.join(RUNTIMES)}")
    if reference.lower().endswith(".onnx"):
        if runtime == "torch":
            raise ConfigError(f"{reference} is an ONNX file; torch needs the checkpoint it was exported from")
        predictor = _load_onnx(expand_home(reference), workspace, device)
        require_kind(predictor.info, kind)
        return predictor
    entry = find_checkpoint(reference, workspace)
    require_kind(entry.info, kind)
    chosen = runtime if runtime != "auto" else _choose_runtime(entry, workspace, device)
    if chosen == "torch":
        return _load_torch(entry, device)
    return _load_onnx(find_export(entry, workspace).path, workspace, device, entry.info)


def find_export(entry: CheckpointEntry, workspace: Workspace) -> ExportRecord:
    """The checkpoint's exported fp32 file, if it predicts what the checkpoint says now.

    Raises:
        CheckpointError: there is none, or weights, classes, preprocessing or temperature changed since.
    """
    records = find_exports(entry.folder, workspace, weights_sha256=entry.info.weights_sha256)
    fitting = [record for record in records if record.precision == "fp32" and not record.uint8_input]
    if not (entry.folder / entry.info.weights_file).is_file():
        fitting = fitting or records  # imported as a single ONNX file: that is the model
    command = shlex.join(["fer", "export", entry.key])
    if not fitting:
        raise CheckpointError(f"{entry.key} has no ONNX file of these weights; run: {command}")
    record = min(fitting, key=lambda item: item.embedding)
    inside = load_onnx_info(record.path).checkpoint
    for name in ("weights_sha256", "classes", "input", "temperature"):
        if getattr(inside, name) != getattr(entry.info, name):
            raise CheckpointError(
                f"{record.path} was exported with another {name} than {entry.key} has now; run: {command}"
            )
    return record


def _choose_runtime(entry: CheckpointEntry, workspace: Workspace, device: str) -> Runtime:
    from fer_core.inference.providers import count_nvidia_gpus

    has_weights = (entry.folder / entry.info.weights_file).is_file()
    if device == "tensorrt" or not has_weights or find_spec("torch") is None:
        return "onnx"
    if device not in ("auto", "cpu") or (device == "auto" and count_nvidia_gpus()):
        return "torch"
    try:
        find_export(entry, workspace)
    except CheckpointError as cause:
        logger.info("torch computes: %s", cause)
        return "torch"
    return "onnx"


def _load_torch(entry: CheckpointEntry, device: str) -> Predictor:
    from fer_core.inference.torch_predictor import TorchPredictor
    from fer_core.models import load_checkpoint

    model, info = load_checkpoint(entry.folder)
    return TorchPredictor(model, info, device=device)


def _load_onnx(
    path: Path, workspace: Workspace, device: str, info: CheckpointInfo | None = None
) -> Predictor:
    from fer_core.inference.onnx_predictor import OnnxPredictor

    return OnnxPredictor(path, device=device, engine_cache=workspace.engines, info=info)
