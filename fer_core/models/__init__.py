"""Architectures, their registry, and loading and saving of weights."""

from fer_core.models import (  # noqa: F401 - importing an architecture registers it
    fcn,
    fer_resnet,
    gcn,
    plain_cnn,
    vgg13,
    vit,
    voice_cnn,
)
from fer_core.models.architecture import Architecture
from fer_core.models.base import FerModel, ModelOutputs, count_parameters
from fer_core.models.checkpoint_files import load_checkpoint, save_checkpoint
from fer_core.models.device import is_bf16_fast, resolve_device
from fer_core.models.registry import (
    ARCHITECTURES,
    build_model,
    check_input_size,
    find_architecture,
    list_arguments,
)

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "FerModel",
    "ModelOutputs",
    "build_model",
    "check_input_size",
    "count_parameters",
    "find_architecture",
    "is_bf16_fast",
    "list_arguments",
    "load_checkpoint",
    "resolve_device",
    "save_checkpoint",
]
