"""What a checkpoint folder says about itself: `model.json` beside `model-<hash>.safetensors`.

Labels and preprocessing come from here, never from the caller. This package reads and checks the description
and needs no torch, so a page can list checkpoints cheaply; `fer_core.models` loads the weights.
"""

from fer_core.checkpoint.info import (
    CARD_FILE,
    CLASS_PRIOR_KEY,
    EARLIER_KEY,
    INFO_FILE,
    CheckpointInfo,
    GeneralCalibration,
    load_checkpoint_info,
    require_kind,
    save_checkpoint_info,
    verify_weights,
)
from fer_core.checkpoint.listing import (
    DEFAULT_CHECKPOINT,
    HUB,
    WEIGHT_SUFFIXES,
    CheckpointEntry,
    choose_default,
    default_checkpoint,
    find_checkpoint,
    find_listed_checkpoint,
    get_default_key,
    list_checkpoint_folders,
    list_checkpoints,
)
from fer_core.checkpoint.specs import (
    KIND_WORDS,
    ColorMode,
    FramingSpec,
    InputKind,
    InputSpec,
    SoundSpec,
    check_kind,
)

__all__ = [
    "CARD_FILE",
    "CLASS_PRIOR_KEY",
    "DEFAULT_CHECKPOINT",
    "EARLIER_KEY",
    "HUB",
    "INFO_FILE",
    "KIND_WORDS",
    "WEIGHT_SUFFIXES",
    "CheckpointEntry",
    "CheckpointInfo",
    "ColorMode",
    "FramingSpec",
    "GeneralCalibration",
    "InputKind",
    "InputSpec",
    "SoundSpec",
    "check_kind",
    "choose_default",
    "default_checkpoint",
    "find_checkpoint",
    "find_listed_checkpoint",
    "get_default_key",
    "list_checkpoint_folders",
    "list_checkpoints",
    "load_checkpoint_info",
    "require_kind",
    "save_checkpoint_info",
    "verify_weights",
]
