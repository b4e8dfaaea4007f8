"""Starting from weights that were trained before: timm's hub, a file, a checkpoint or a run."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from fer_core.checkpoint import find_checkpoint, verify_weights
from fer_core.errors import CheckpointError, ConfigError
from fer_core.models.base import FerModel, count_parameters
from fer_core.models.timm_backbone import TimmBackbone
from fer_core.workspace import Workspace

HUB: Final[str] = "hub"
_FLAG: Final[str] = "--transfer.weights"
_SMALLEST_SHARE: Final[float] = 0.5
"""Weights that fill less of the network than this belong to another one."""
_WRAPPERS: Final[tuple[str, ...]] = ("state_dict", "model", "state_dict_ema", "model_ema")
_SEED: Final[int] = 0
_HEAD: Final[tuple[str, ...]] = ("classifier.", "projection.", "log_scale")


@dataclass(frozen=True, slots=True)
class PretrainedReport:
    """What became of the weights."""

    loaded: tuple[str, ...]
    """Tensors taken as they are."""
    adapted: tuple[str, ...]
    """Tensors brought into another shape: first convolutions, position codes."""
    fresh: tuple[str, ...]
    """Tensors of the network that keep their random values."""

    def __str__(self) -> str:
        """One line for logs."""
        return (
            f"{len(self.loaded)} tensors loaded, {len(self.adapted)} adapted, {len(self.fresh)} left random"
        )


def load_pretrained(model: FerModel, source: str, workspace: Workspace) -> PretrainedReport:
    """Fill a network with weights that were trained before.

    The head is taken over only where it has the same shape. A first convolution is adapted between grey and
    RGB (sum over the colours, or a third of the grey filter for each), position codes are resized.

    Args:
        model: the network, changed in place.
        source: `hub` for timm's own weights of that backbone, a .safetensors or state-dict file, or the name
            of a checkpoint or run.
        workspace: where checkpoints and runs are.

    Raises:
        ConfigError: `hub` was asked of a network that is none of timm's.
        CheckpointError: the weights can't be found, read or downloaded, or do not belong to this network.
    """
    if source == HUB:
        return _load_from_hub(model)
    path = Path(source).expanduser()
    if path.is_file():
        state = read_state_dict(path)
        looks_foreign = not any(key.startswith("backbone.") for key in state)
        if isinstance(model, TimmBackbone) and looks_foreign:
            return _load_through_timm(model, {"state_dict": state}, str(path))
        return _fill(model, state, str(path))
    if path.suffix in (".safetensors", ".pt", ".pth", ".bin"):
        raise CheckpointError(f"{path} does not exist; give {_FLAG} the weights file, or a checkpoint or run")
    entry = find_checkpoint(source, workspace)
    return _fill(model, load_file(verify_weights(entry.folder, entry.info)), source)


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file, or a PyTorch state dict without unpickling anything but tensors.

    Raises:
        CheckpointError: it is neither.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        value = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, EOFError, pickle.UnpicklingError) as cause:
        reason = str(cause).splitlines()[0] if str(cause) else type(cause).__name__
        raise CheckpointError(
            f"{path} can't be read as safetensors or as a plain state dict: {reason}. Files that hold whole "
            "Python objects are refused; save model.state_dict() instead"
        ) from cause
    for key in _WRAPPERS:
        if isinstance(value, Mapping) and isinstance(value.get(key), Mapping):
            value = value[key]
            break
    if not isinstance(value, Mapping):
        raise CheckpointError(f"{path} holds a {type(value).__name__}; expected a state dict of tensors")
    tensors = {
        str(key).removeprefix("module."): item for key, item in value.items() if isinstance(item, Tensor)
    }
    if not tensors:
        raise CheckpointError(f"{path} holds no tensors; expected a state dict")
    return tensors


def _load_from_hub(model: FerModel) -> PretrainedReport:
    if not isinstance(model, TimmBackbone):
        raise ConfigError(
            f"{_FLAG} {HUB} goes with a timm backbone, such as --model.name timm/resnet18; for this network "
            "name a checkpoint, a run or a file"
        )
    config = model.backbone.pretrained_cfg
    place = config.get("hf_hub_id") or config.get("url")
    if not place:
        raise CheckpointError(f"timm has no pretrained weights for {model.name}; leave {_FLAG} empty")
    return _load_through_timm(model, {}, f"the hub ({place})")


def _load_through_timm(model: TimmBackbone, overlay: Mapping[str, Any], source: str) -> PretrainedReport:
    """Let timm adapt first convolution and position codes, as its own recipes do, and copy the result."""
    import timm

    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_SEED)
            donor = timm.create_model(
                model.name,
                pretrained=True,
                pretrained_cfg_overlay=dict(overlay),
                num_classes=0,
                in_chans=model.in_channels,
                **model.options,
            )
    except (OSError, RuntimeError, KeyError, ValueError) as cause:
        reason = str(cause).splitlines()[0] if str(cause) else type(cause).__name__
        if overlay:
            raise CheckpointError(f"{source} does not fit timm/{model.name}: {reason}") from cause
        place = model.backbone.pretrained_cfg.get("hf_hub_id")
        raise CheckpointError(
            f"the weights of timm/{model.name} can't be downloaded ({reason}). On a machine with network "
            f"fetch https://huggingface.co/{place}/resolve/main/model.safetensors and give it with "
            f"{_FLAG} /path/to/model.safetensors"
        ) from cause
    _check_share(_count_changed(model, donor), count_parameters(donor), source)
    model.backbone.load_state_dict(donor.state_dict())
    own = [key for key in model.state_dict() if not key.startswith("backbone.")]
    loaded = [f"backbone.{key}" for key in donor.state_dict()]
    return PretrainedReport(tuple(loaded), (), tuple(own))


def _fill(model: FerModel, state: Mapping[str, Tensor], source: str) -> PretrainedReport:
    loaded: list[str] = []
    adapted: list[str] = []
    fresh: list[str] = []
    filled = dict(model.state_dict())
    num_filled = num_wanted = 0
    for key, own in model.state_dict().items():
        given = state.get(key)
        fitting = None if given is None else _fit(key, given, own)
        is_body = not key.startswith(_HEAD)
        num_wanted += own.numel() * is_body
        if fitting is None:
            fresh.append(key)
            continue
        (loaded if given is not None and given.shape == own.shape else adapted).append(key)
        filled[key] = fitting
        num_filled += own.numel() * is_body
    _check_share(num_filled, num_wanted, source)
    model.load_state_dict(filled)
    return PretrainedReport(tuple(loaded), tuple(adapted), tuple(fresh))


def _count_changed(model: TimmBackbone, donor: Any) -> int:
    """Number of weights that differ from what the same seed draws: timm passes over what does not fit."""
    import timm

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        drawn = timm.create_model(model.name, num_classes=0, in_chans=model.in_channels, **model.options)
    pairs = zip(drawn.parameters(), donor.parameters(), strict=True)
    return sum(own.numel() for own, given in pairs if not torch.equal(own, given))


def _check_share(num_filled: int, num_wanted: int, source: str) -> None:
    if num_filled < _SMALLEST_SHARE * num_wanted:
        raise CheckpointError(
            f"{source} fills {num_filled:,} of the {num_wanted:,} weights before the head; it belongs to "
            "another architecture, or to the same with other arguments"
        )


def _fit(key: str, given: Tensor, own: Tensor) -> Tensor | None:
    """`given` in the shape of `own`, or None where there is no sound way."""
    if given.shape == own.shape:
        return given.to(own.dtype)
    if given.ndim != own.ndim or given.ndim != 4:
        return None
    if {given.shape[1], own.shape[1]} == {1, 3} and given.shape[2:] == own.shape[2:]:
        if given.shape[0] != own.shape[0]:
            return None
        summed = given.float().sum(dim=1, keepdim=True)
        return (summed if own.shape[1] == 1 else summed.expand(-1, 3, -1, -1) / 3).to(own.dtype)
    if key.endswith("positions") and given.shape[:2] == own.shape[:2]:
        size = (own.shape[2], own.shape[3])
        return F.interpolate(given.float(), size=size, mode="bicubic", antialias=True).to(own.dtype)
    return None
