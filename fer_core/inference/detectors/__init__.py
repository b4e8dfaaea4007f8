"""Face detectors behind one interface. All answer in YuNet's box convention (see `FaceBox`)."""

from fer_core.inference.detectors import haar, whole_image, yunet  # noqa: F401 - they register themselves
from fer_core.inference.detectors.base import DETECTORS, DetectorKind, DetectorRequest
from fer_core.inference.detectors.choosing import (
    DetectorChoice,
    build_detector,
    choose_detector,
    default_detector,
    list_usable_detectors,
    prepare_detector,
)

__all__ = [
    "DETECTORS",
    "DetectorChoice",
    "DetectorKind",
    "DetectorRequest",
    "build_detector",
    "choose_detector",
    "default_detector",
    "list_usable_detectors",
    "prepare_detector",
]
