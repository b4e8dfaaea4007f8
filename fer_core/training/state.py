"""Everything a run needs to go on as if it had never stopped: one safetensors file, exchanged atomically."""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn, optim
from torch.optim.swa_utils import AveragedModel

from fer_core.errors import RunError
from fer_core.io import atomic_path
from fer_core.models.checkpoint_files import write_tensors
from fer_core.training.early_stopping import StopState
from fer_core.training.schedule import PlateauState

_PROGRESS_KEY: Final[str] = "progress"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is."""

    epoch: int = 0
    """Finished epochs."""
    step: int = 0
    """Steps done in the epoch after those."""
    loss_sum: float = 0.0
    """Sum of those steps' losses."""
    num_correct: int = 0
    """Training images classified right in those steps."""
    stop: StopState = field(default_factory=StopState)
    """Best score so far, and the patience used up."""
    plateau: PlateauState = field(default_factory=PlateauState)
    """Cuts of the learning rate so far."""


def save_state(
    path: Path, progress: Progress, model: nn.Module, ema: AveragedModel | None, optimizer: optim.Optimizer
) -> None:
    """Write the state, replacing what is there in one step.

    Raises:
        StorageError: the disk is full or read-only; the state before is still there.
    """
    tensors = {f"model.{key}": value for key, value in model.state_dict().items()}
    if ema is not None:
        tensors |= {f"ema.{key}": value for key, value in ema.state_dict().items()}
    for index, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{key}": value for key, value in values.items() if value is not None}
    # Optimisers may share storage between entries; safetensors wants each its own.
    copies = {key: value.detach().cpu().clone().contiguous() for key, value in tensors.items()}
    with atomic_path(path) as temporary:
        write_tensors(copies, temporary, metadata={_PROGRESS_KEY: json.dumps(dataclasses.asdict(progress))})


def load_state(
    path: Path, model: nn.Module, ema: AveragedModel | None, optimizer: optim.Optimizer
) -> Progress:
    """Put a saved state into a freshly built model, average and optimiser.

    Raises:
        RunError: the file is missing, damaged or of another configuration.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
            fields: dict[str, Any] = json.loads((file.metadata() or {})[_PROGRESS_KEY])
        model.load_state_dict(_below("model.", tensors))
        if ema is not None:
            ema.load_state_dict(_below("ema.", tensors))
        optimizer.load_state_dict(
            {"state": _optimizer_state(tensors), "param_groups": optimizer.state_dict()["param_groups"]}
        )
        stop, plateau = StopState(**fields["stop"]), PlateauState(**fields.get("plateau", {}))
        return Progress(**{**fields, "stop": stop, "plateau": plateau})
    except FileNotFoundError as cause:
        raise RunError(f"{path} is missing: the run had not saved a state yet; start it anew") from cause
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as cause:
        raise RunError(f"{path} can't be resumed from: {cause}") from cause


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _optimizer_state(tensors: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in _below("optimizer.", tensors).items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    return state


def seed_step(*parts: int) -> None:
    """Seed torch from numbers alone, so that a step draws the same whether or not the run was interrupted."""
    torch.manual_seed(int(np.random.SeedSequence(list(parts)).generate_state(1, np.uint64)[0] >> 1))
