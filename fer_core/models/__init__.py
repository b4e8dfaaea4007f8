"""Architectures, their registry, and loading and saving of weights."""

from fer_core.models import fer_resnet, vgg13  # noqa: F401 - importing an architecture registers it
from fer_core.models.base import FerModel, count_parameters
from fer_core.models.device import resolve_device
from fer_core.models.registry import ARCHITECTURES, Architecture, build_model
from fer_core.models.weights import load_checkpoint, save_checkpoint

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "FerModel",
    "build_model",
    "count_parameters",
    "load_checkpoint",
    "resolve_device",
    "save_checkpoint",
]
