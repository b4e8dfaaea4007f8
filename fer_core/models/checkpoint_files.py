"""Writing a network as a checkpoint and reading it back. safetensors and JSON only: nothing is unpickled."""

import contextlib
import os
import re
from dataclasses import replace
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from fer_core.checkpoint import (
    INFO_FILE,
    CheckpointInfo,
    load_checkpoint_info,
    save_checkpoint_info,
    verify_weights,
)
from fer_core.errors import CheckpointError, ConfigError
from fer_core.io import sha256_file, storage_errors, sync_file
from fer_core.models.base import FerModel, count_parameters
from fer_core.models.registry import build_model


def save_checkpoint(folder: Path, model: nn.Module, info: CheckpointInfo) -> CheckpointInfo:
    """Write a checkpoint into `folder`, replacing one that is there, and return its completed description.

    The new weights are written under a new name, then `model.json` is exchanged, then the old weights are
    removed: at every moment the folder holds one whole checkpoint. `info.weights_sha256` and
    `info.num_parameters` are filled in here.

    Raises:
        StorageError: the disk is full or read-only; the folder holds what it held.
    """
    temporary = folder / f".model-{os.getpid()}.tmp"
    try:
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            write_tensors(
                {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()},
                temporary,
            )
            sync_file(temporary)
            info = replace(
                info, weights_sha256=sha256_file(temporary), num_parameters=count_parameters(model)
            )
            temporary.replace(folder / info.weights_file)
    finally:
        with contextlib.suppress(OSError):  # readers skip what is left
            temporary.unlink(missing_ok=True)
    save_checkpoint_info(folder, info)
    for other in folder.glob("model-*.safetensors"):
        if other.name != info.weights_file:
            other.unlink(missing_ok=True)
    return info


def write_tensors(tensors: dict[str, Tensor], path: Path, *, metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file.

    Raises:
        OSError: the system does not take it; safetensors itself tells that in words only.
    """
    try:
        save_file(tensors, path, metadata=metadata)
    except SafetensorError as cause:
        told = re.search(r"\(os error (\d+)\)", str(cause))
        if told is None:
            raise
        number = int(told[1])
        raise OSError(number, os.strerror(number), str(path)) from cause


def build_described(info: CheckpointInfo) -> FerModel:
    """Build the network that a checkpoint describes, with fresh weights.

    Raises:
        ConfigError, TypeError: there is no such architecture, or its arguments do not fit.
    """
    return build_model(
        info.architecture,
        num_classes=len(info.classes),
        in_channels=info.input.channels,
        input_size=(info.input.height, info.input.width),
        arguments=info.arguments,
    )


def load_checkpoint(folder: Path) -> tuple[FerModel, CheckpointInfo]:
    """Read a checkpoint: the network on the CPU in evaluation mode, and its description.

    Branches that only training needs are folded into one convolution (`fold_branches`).

    Raises:
        CheckpointError: the folder is no checkpoint, is damaged, fails its checksum, or its weights do not
            fit the architecture that it names.
    """
    while True:
        info = load_checkpoint_info(folder)
        try:
            return _load_described(folder, info), info
        except CheckpointError:
            if load_checkpoint_info(folder).weights_sha256 == info.weights_sha256:
                raise
            # It was replaced while we read, and the weights before are gone; the new ones are whole.


def _load_described(folder: Path, info: CheckpointInfo) -> FerModel:
    path = verify_weights(folder, info)
    try:
        model = build_described(info)
    except (ConfigError, TypeError) as cause:
        raise CheckpointError(
            f"{folder / INFO_FILE} describes a network that can't be built: {cause}"
        ) from cause
    try:
        model.load_state_dict(load_file(path))
    except (SafetensorError, OSError) as cause:
        raise CheckpointError(f"{path} can't be read as safetensors: {cause}") from cause
    except RuntimeError as cause:  # how torch reports missing, unexpected or misshapen weights
        raise CheckpointError(
            f"{path} does not fit the network that {folder / INFO_FILE} describes, {info.architecture} with "
            f"{dict(info.arguments)}: {cause}"
        ) from cause
    return fold_branches(model.eval())


def fold_branches(model: FerModel) -> FerModel:
    """Replace parallel convolutions by the one that computes the same (Ding et al., 2021), in place."""
    if not any(hasattr(module, "reparameterize") for module in model.modules()):
        return model  # without timm, whose import takes a second
    from timm.utils.model import reparameterize_model

    reparameterize_model(model, inplace=True)
    return model
