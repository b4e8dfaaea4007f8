"""Building detectors by name, and which there are on this machine."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from fer_core.errors import ConfigError, MissingPackageError
from fer_core.extras import describe_install
from fer_core.inference.detectors.base import DETECTORS, DetectorKind, DetectorRequest
from fer_core.inference.detectors.foreign import build_foreign
from fer_core.inference.downloads import YUNET, fetch_once, is_installed, weights_path
from fer_core.inference.interfaces import FaceDetector
from fer_core.workspace import Workspace


def build_detector(name: str, workspace: Workspace | None = None, **wishes: Any) -> FaceDetector:
    """Make a detector. Each thread needs one of its own.

    Args:
        name: a name in `DETECTORS`.
        workspace: where downloaded weights are; None is the default one.
        wishes: further fields of `DetectorRequest`.

    Raises:
        ConfigError: unknown name, a wish out of range, a detector that goes by another name, or one of an
            installed package that can't be built.
        FerError: the detector's file is not installed or damaged.
    """
    kind = DETECTORS[name]
    request = DetectorRequest(workspace=workspace or Workspace.default(), **wishes)
    if DETECTORS.is_foreign(name):
        return build_foreign(name, request)
    detector = kind.build(request)
    if detector.name != name:
        raise ConfigError(f"the detector {name!r} calls itself {detector.name!r}; expected that name")
    return detector


def list_usable_detectors(workspace: Workspace) -> list[str]:
    """Names of the detectors that can be built here: those whose files and modules are installed."""
    return [name for name in DETECTORS if _is_usable(DETECTORS[name], workspace)]


def _is_usable(kind: DetectorKind, workspace: Workspace) -> bool:
    has_file = kind.file is None or is_installed(kind.file, workspace)
    return has_file and (kind.module is None or find_spec(kind.module) is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorChoice:
    """The detector to use when nobody chose one."""

    name: str
    note: str | None
    """What the user should know about it; None if it is the best there is."""


def choose_detector(workspace: Workspace) -> DetectorChoice:
    """Return YuNet if its file is installed, else Haar with a note that says why and how to get better.

    Raises:
        MissingPackageError: neither is there.
    """
    if is_installed(YUNET, workspace):
        return DetectorChoice(name="yunet", note=None)
    damaged = weights_path(YUNET, workspace).exists()
    reason = "is damaged" if damaged else "is not installed"
    if not _is_usable(DETECTORS["haar"], workspace):
        raise MissingPackageError(
            f"nothing here finds faces: YuNet {reason}; `fer fetch yunet` gets it (233 KB), or "
            f"{describe_install('opencv')} brings Haar. Pictures of one cropped face need neither: "
            "--detector whole-image"
        )
    return DetectorChoice(
        name="haar",
        note=f"The face detector YuNet {reason}; `fer fetch yunet` gets it. Haar finds upright frontal faces "
        "only.",
    )


def prepare_detector(workspace: Workspace, tell: Callable[[str], None]) -> DetectorChoice:
    """As `choose_detector`; where YuNet is missing it is fetched first, once, unless `$FER_OFFLINE` is set.

    Args:
        workspace: where its file is, or goes.
        tell: gets one line before anything is fetched.
    """
    fetch_once(YUNET, workspace, tell)
    return choose_detector(workspace)


def default_detector(workspace: Workspace) -> str:
    """Name of the detector to use when nobody chose one."""
    return choose_detector(workspace).name
