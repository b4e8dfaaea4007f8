"""Starting from weights that were trained before: timm's hub, a file, a checkpoint or a run."""

import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from fer_core.checkpoint import HUB, WEIGHT_SUFFIXES, find_checkpoint, verify_weights
from fer_core.errors import CheckpointError, ConfigError
from fer_core.models.base import FerModel, count_parameters
from fer_core.models.timm_backbone import TimmBackbone
from fer_core.workspace import Workspace, expand_home

_FLAG: Final[str] = "--transfer.weights"
_SMALLEST_SHARE: Final[float] = 0.5
"""Weights that fill less of the network than this belong to another one."""
_WRAPPERS: Final[tuple[str, ...]] = ("state_dict", "model", "state_dict_ema", "model_ema")
_BACKBONE: Final[str] = "backbone."
_SEED: Final[int] = 0
_DAMAGE: Final = (
    SafetensorError,
    pickle.UnpicklingError,
    OSError,
    RuntimeError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    struct.error,
)
"""What the readers raise on damaged files; that of PyTorch's format checks little before it goes on."""
_CLASSIFIER: Final[str] = "classifier."
_SCALE: Final[str] = "log_scale"
_HEAD: Final[tuple[str, ...]] = (_CLASSIFIER, "projection.", _SCALE)


@dataclass(frozen=True, slots=True)
class PretrainedReport:
    """What became of the weights."""

    loaded: tuple[str, ...]
    """Tensors taken as they are."""
    adapted: tuple[str, ...]
    """Tensors brought into another shape: first convolutions, position codes, all that was wider."""
    fresh: tuple[str, ...]
    """Tensors of the network that keep their random values."""

    def __str__(self) -> str:
        """One line for logs."""
        return (
            f"{len(self.loaded)} tensors loaded, {len(self.adapted)} adapted, {len(self.fresh)} left random"
        )


def load_pretrained(model: FerModel, source: str, workspace: Workspace) -> PretrainedReport:
    """Fill a network with weights that were trained before.

    The classifier is taken over only as a whole, and only where it sees what it saw. A first convolution is
    adapted between grey and RGB (sum over the colours, or a third of the grey filter for each), position
    codes are resized. Of a wider network of the same architecture evenly spaced channels are kept (weight
    selection; Xu et al., "Initializing Models with Larger Ones", ICLR 2024), and its head where the classes
    are as many.

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
    path = expand_home(source)
    if path.is_file():
        return _fill_any(model, read_state_dict(path), str(path))
    if path.suffix in WEIGHT_SUFFIXES:
        raise CheckpointError(f"{path} does not exist; give {_FLAG} the weights file, or a checkpoint or run")
    entry = find_checkpoint(source, workspace)
    return _fill_any(model, load_file(verify_weights(entry.folder, entry.info)), source)


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file, or a PyTorch state dict without unpickling anything but tensors.

    Raises:
        CheckpointError: it is neither.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        value = torch.load(path, map_location="cpu", weights_only=True)
    except _DAMAGE as cause:
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


def _fill_any(model: FerModel, state: Mapping[str, Tensor], source: str) -> PretrainedReport:
    if not isinstance(model, TimmBackbone):
        return _fill(model, state, source)
    is_ours = any(key.startswith(_BACKBONE) for key in state)
    body = {key.removeprefix(_BACKBONE): item for key, item in state.items()} if is_ours else dict(state)
    head = {key: item for key, item in state.items() if key.startswith(_HEAD)} if is_ours else {}
    return _load_through_timm(model, {key: body[key] for key in body if key not in head}, head, source)


def _load_from_hub(model: FerModel) -> PretrainedReport:
    if not isinstance(model, TimmBackbone):
        raise ConfigError(
            f"{_FLAG} {HUB} goes with a timm backbone, such as --model.name timm/resnet18; for this network "
            "name a checkpoint, a run or a file"
        )
    place = _describe_place(model)
    if not place:
        raise CheckpointError(f"timm has no pretrained weights for {model.name}; leave {_FLAG} empty")
    return _load_through_timm(model, None, {}, f"the hub ({place})")


def _describe_place(model: TimmBackbone) -> str:
    """The address of timm's weights of a backbone, or nothing if there are none."""
    config = model.backbone.pretrained_cfg
    if not config.get("hf_hub_id"):
        return config.get("url") or ""
    file_name = config.get("hf_hub_filename") or "model.safetensors"
    return f"https://huggingface.co/{config['hf_hub_id']}/resolve/main/{file_name}"


def _load_through_timm(
    model: TimmBackbone, body: dict[str, Tensor] | None, head: Mapping[str, Tensor], source: str
) -> PretrainedReport:
    """Let timm adapt first convolution and position codes, as its own recipes do, and copy the result.

    Args:
        model: the network, changed in place.
        body: weights under timm's names; None downloads timm's own.
        head: weights of our head.
        source: what to call them in messages.
    """
    options = {"num_classes": 0, "in_chans": model.in_channels, **model.options}
    overlay = {} if body is None else {"state_dict": dict(body), **_find_channels(model, body)}
    try:
        donor = _draw(model.name, pretrained=True, pretrained_cfg_overlay=overlay, **options)
    except (OSError, RuntimeError, KeyError, ValueError) as cause:
        reason = str(cause).splitlines()[0] if str(cause) else type(cause).__name__
        if body is not None:
            raise CheckpointError(f"{source} does not fit timm/{model.name}: {reason}") from cause
        place = _describe_place(model)
        raise CheckpointError(
            f"the weights of timm/{model.name} can't be downloaded ({reason}). On a machine with network "
            f"fetch {place} and give it with {_FLAG} /path/to/{place.rpartition('/')[2]}"
        ) from cause
    # timm skips what a file lacks: what is as the same seed draws it was not in there.
    drawn = dict(_draw(model.name, pretrained=False, **options).named_parameters())
    fresh = {
        key
        for key, item in donor.named_parameters()
        if torch.equal(item, drawn[key]) and key not in (body or {})
    }
    num_filled = sum(item.numel() for key, item in donor.named_parameters() if key not in fresh)
    _check_share(num_filled, count_parameters(donor), source)
    shapes = _find_source_shapes(model) if body is None else {key: body[key].shape for key in body}
    model.backbone.load_state_dict(donor.state_dict())
    loaded: list[str] = []
    adapted: list[str] = []
    left = [_BACKBONE + key for key in donor.state_dict() if key in fresh]
    for key, item in donor.state_dict().items():
        if key not in fresh:
            (loaded if shapes.get(key, item.shape) == item.shape else adapted).append(_BACKBONE + key)
    state = model.state_dict()
    own_head = {key: item for key, item in state.items() if not key.startswith(_BACKBONE)}
    fitting = {key: head[key] for key in own_head if key in head and head[key].shape == own_head[key].shape}
    if not _is_classifier_whole(fitting, own_head, head):
        fitting = _drop_classifier(fitting)
    for key in own_head:
        (loaded if key in fitting else left).append(key)
        if key in fitting:
            state[key].copy_(fitting[key])
    return PretrainedReport(tuple(loaded), tuple(adapted), tuple(left))


def _draw(name: str, **options: Any) -> Any:
    """Make a backbone with the same random numbers each time, leaving the caller's alone."""
    import timm

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        return timm.create_model(name, **options)


def _find_channels(model: TimmBackbone, body: Mapping[str, Tensor]) -> dict[str, Any]:
    """What timm must be told when weights were not made for the channels that it thinks."""
    config = model.backbone.pretrained_cfg
    first = config.get("first_conv")
    weight = body.get(f"{first}.weight") if isinstance(first, str) else None
    if weight is None or weight.ndim != 4 or weight.shape[1] not in (1, 3):
        return {}
    return {"input_size": (weight.shape[1], *config["input_size"][1:])}


def _find_source_shapes(model: TimmBackbone) -> dict[str, torch.Size]:
    """Shapes of a backbone's tensors as timm's own weights have them."""
    with torch.device("meta"):
        native = _draw(model.name, pretrained=False, num_classes=0)
    return {key: item.shape for key, item in native.state_dict().items()}


def _fill(model: FerModel, state: Mapping[str, Tensor], source: str) -> PretrainedReport:
    loaded: list[str] = []
    adapted: list[str] = []
    fresh: list[str] = []
    filled = model.state_dict()
    fitting = _fit_all(model, state)
    num_filled = num_wanted = 0
    for key, own in model.state_dict().items():
        is_body = not key.startswith(_HEAD)
        num_wanted += own.numel() * is_body
        if key not in fitting:
            fresh.append(key)
            continue
        (loaded if state[key].shape == own.shape else adapted).append(key)
        filled[key] = fitting[key]
        num_filled += own.numel() * is_body
    _check_share(num_filled, num_wanted, source)
    model.load_state_dict(filled)
    return PretrainedReport(tuple(loaded), tuple(adapted), tuple(fresh))


def _fit_all(model: FerModel, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What of `state` the network can take, in the network's shapes."""
    own, narrowed = model.state_dict(), _narrow(model, state)
    fitting = {
        key: fitted
        for key, item in own.items()
        if key in state and (fitted := _fit(key, narrowed.get(key, state[key]), item)) is not None
    }
    # Behind layers that the network lacks, a classifier saw something else.
    is_body_whole = all(key in own or key.startswith(_HEAD) for key in state)
    return (
        fitting if is_body_whole and _is_classifier_whole(fitting, own, state) else _drop_classifier(fitting)
    )


def _is_classifier_whole(
    fitting: Mapping[str, Tensor], own: Mapping[str, Tensor], given: Mapping[str, Tensor]
) -> bool:
    """Whether the given head has the layers of the network's own, and its classifier fits."""
    names = [{key for key in item if key.startswith(_HEAD)} for item in (own, given)]
    return names[0] == names[1] and all(key in fitting for key in own if key.startswith(_CLASSIFIER))


def _drop_classifier(fitting: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: item for key, item in fitting.items() if not key.startswith((_CLASSIFIER, _SCALE))}


def _check_share(num_filled: int, num_wanted: int, source: str) -> None:
    if num_filled < _SMALLEST_SHARE * num_wanted:
        raise CheckpointError(
            f"{source} fills {num_filled:,} of the {num_wanted:,} weights before the head; it belongs to "
            "another architecture, or to the same with fewer channels or other arguments"
        )


def _narrow(model: FerModel, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights with as many channels as the network has; none where `state` lacks a layer or a channel.

    What a layer keeps must be what the next one expects, so all are narrowed in the same way, or none is.
    """
    own = model.state_dict()
    widths = _list_widths(model, state)
    narrowed = {
        key: kept
        for key in own
        if key in state and (kept := _keep_channels(model, key, state[key], own[key], widths)) is not None
    }
    return narrowed if all(key in narrowed or key.startswith(_HEAD) for key in own) else {}


def _list_widths(model: FerModel, state: Mapping[str, Tensor]) -> set[tuple[int, int]]:
    """Channels of the layers before and after, where rows or columns are nothing but channels."""
    return {
        (before, after)
        for key, item in model.state_dict().items()
        if key in state
        for dim, (before, after) in enumerate(zip(state[key].shape[:2], item.shape[:2], strict=False))
        if model.count_blocks(key, dim) == (1, 1)
    }


def _keep_channels(
    model: FerModel, key: str, given: Tensor, own: Tensor, widths: set[tuple[int, int]]
) -> Tensor | None:
    """Rows and columns of evenly spaced channels of `given`, as many as `own` has; None if it has fewer.

    Classes are no channels, nor are colours, which `_fit` adapts. Blocks (`FerModel.count_blocks`) must be of
    channels that another layer has, or `given` was made for pictures of another size.
    """
    if given.ndim != own.ndim or given.shape[2:] != own.shape[2:]:
        return None
    for dim, (before, after) in enumerate(zip(given.shape[:2], own.shape[:2], strict=True)):
        is_color = dim == 1 and {before, after} == {1, 3}
        is_class = dim == 0 and key.startswith(_CLASSIFIER)
        if before == after or is_color:
            continue
        outer, inner = model.count_blocks(key, dim)
        pair = before // (outer * inner), after // (outer * inner)
        is_foreign = outer * inner > 1 and (before % (outer * inner) != 0 or pair not in widths)
        if before < after or is_class or is_foreign:
            return None
        kept = torch.linspace(0, pair[0] - 1, pair[1]).round().long()
        blocks = given.reshape(*given.shape[:dim], outer, pair[0], inner, *given.shape[dim + 1 :])
        given = blocks.index_select(dim + 1, kept).flatten(dim, dim + 2)
    return given


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
