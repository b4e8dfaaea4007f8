"""What the program finds on this computer, what is missing, and how to get it."""

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

from fer_core import __version__
from fer_core.checkpoint import list_checkpoints
from fer_core.extras import EXTRAS, describe_install
from fer_core.inference.detectors import list_usable_detectors
from fer_core.inference.downloads import OFFLINE_VARIABLE, YUNET, is_installed, is_offline, weights_path
from fer_core.inference.providers import count_nvidia_gpus, explain_unusable
from fer_core.machine import count_cores
from fer_core.words import count
from fer_core.workspace import IS_CHECKOUT, PROJECT_ROOT, Workspace

State = Literal["ok", "missing", "broken"]
_LEAST_FREE_GB: Final[float] = 1.0
_DECODERS: Final[tuple[str, ...]] = ("h264", "hevc", "vp9", "av1", "mpeg4")
_ENCODERS: Final[tuple[str, ...]] = ("libx264", "aac")
_PARTS: Final[dict[str, str]] = {
    "opencv": "cameras and Haar",
    "tables": "tables",
    "voice": "voices",
    "app": "dashboard",
    "train": "training",
    "serve": "HTTP service",
    "studies": "studies",
}
"""What people call the extras."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked for."""

    name: str
    state: State
    """`missing` is what one can do without; `broken` what nothing works without."""
    text: str
    """What was found."""
    remedy: str = ""
    """What to do; empty where nothing is to be done."""


def examine(workspace: Workspace) -> Iterator[Finding]:
    """Look for everything, one after the other. Nothing is contacted, written or changed.

    Args:
        workspace: the one that the program would use.
    """
    for look in _LOOKS:
        yield from look(workspace)


def _look_at_program(workspace: Workspace) -> Iterator[Finding]:
    kind = "checkout" if IS_CHECKOUT else "installed"
    yield Finding("program", "ok", f"fer-workbench {__version__}, {kind}, in {PROJECT_ROOT}")
    yield Finding("Python", "ok", f"{platform.python_version()} in {sys.prefix}")
    yield _look_at_cores()
    yield _look_at_folder(workspace.root)


def _look_at_cores() -> Finding:
    usable, there = count_cores(), os.cpu_count() or 1
    held_back = f" of the machine's {there}: its container or affinity has no more" if usable < there else ""
    return Finding("processor", "ok", f"{platform.machine()}, {count(usable, 'core')}{held_back}")


def _look_at_folder(root: Path) -> Finding:
    there = next(path for path in (root, *root.parents) if path.exists())
    try:
        free_gb = shutil.disk_usage(there).free / 1e9
    except OSError as cause:
        return Finding(
            "workspace", "broken", f"{root}: {cause.strerror}", "set FER_WORKSPACE to another folder"
        )
    if not os.access(there, os.W_OK):
        return Finding(
            "workspace", "broken", f"{root} can't be written", "set FER_WORKSPACE to another folder"
        )
    is_low = free_gb < _LEAST_FREE_GB
    text = f"{root}, {free_gb:.1f} GB free" + ("" if root.exists() else ", made at first use")
    return Finding("workspace", "missing" if is_low else "ok", text, "make room" if is_low else "")


def _look_at_models(workspace: Workspace) -> Iterator[Finding]:
    names = [entry.key for entry in list_checkpoints(workspace)]
    if not names:
        yield Finding("models", "broken", f"none in {workspace.checkpoints}", "install the program again")
        return
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    yield Finding("models", "ok", ", ".join(names[:3]) + more)


def _look_at_detector(workspace: Workspace) -> Iterator[Finding]:
    if is_installed(YUNET, workspace):
        yield Finding("face detector", "ok", f"YuNet in {weights_path(YUNET, workspace)}")
        return
    unasked = f"; {OFFLINE_VARIABLE} is set, so it is not fetched by itself" if is_offline() else ""
    has_haar = "haar" in list_usable_detectors(workspace)
    text = "Haar: upright frontal faces only" if has_haar else "none: YuNet is fetched at first use"
    yield Finding("face detector", "missing", f"{text}{unasked}", "fer fetch yunet (230 KB)")


def _look_at_runtimes(_workspace: Workspace) -> Iterator[Finding]:
    packages = [name for name in ("onnxruntime", "onnxruntime-gpu") if _find_version(name)]
    if not packages:
        yield Finding("onnxruntime", "broken", "not installed", "pip install onnxruntime")
        return
    both = "; both share their files, and the last installed wins" if len(packages) > 1 else ""
    text = ", ".join(f"{name} {_find_version(name)}" for name in packages) + both
    remedy = f"pip uninstall {' '.join(packages)}, then install one of them" if both else ""
    yield Finding("onnxruntime", "missing" if both else "ok", text, remedy)
    num_gpus = count_nvidia_gpus()
    if not num_gpus:
        yield Finding("GPU", "missing", "no NVIDIA GPU answers; the CPU computes")
        return
    reason = explain_unusable("cuda")
    torch = _find_version("torch")
    if reason and not torch:
        yield Finding("GPU", "missing", f"{num_gpus} NVIDIA, unused: {reason}", describe_install("gpu"))
        return
    yield Finding("GPU", "ok", f"{num_gpus} NVIDIA, by {f'torch {torch}' if torch else 'onnxruntime'}")


def _look_at_videos(_workspace: Workspace) -> Iterator[Finding]:
    import av

    lacking = [name for name in _DECODERS if not _has_codec(name, "r")]
    lacking += [name for name in _ENCODERS if not _has_codec(name, "w")]
    text = f"FFmpeg in PyAV {av.__version__}"
    if lacking:
        yield Finding(
            "videos", "missing", f"{text}, without {', '.join(lacking)}", "pip install --force-reinstall av"
        )
    else:
        yield Finding("videos", "ok", f"{text}: reads {', '.join(_DECODERS)}; writes H.264 with sound")


def _has_codec(name: str, mode: Literal["r", "w"]) -> bool:
    from av.codec import Codec

    try:
        Codec(name, mode)
    except ValueError:  # PyAV's UnknownCodecError is one
        return False
    return True


def _look_at_camera(_workspace: Workspace) -> Iterator[Finding]:
    if not sys.platform.startswith("linux"):
        yield Finding("camera", "ok", "asked for when it is used; the dashboard takes the browser's")
        return
    found = sorted(path.name for path in Path("/dev").glob("video[0-9]*"))
    if found:
        yield Finding("camera", "ok", ", ".join(found))
    else:
        yield Finding("camera", "missing", "none here for fer camera; the dashboard takes the browser's")


def _look_at_parts(_workspace: Workspace) -> Iterator[Finding]:
    for extra, modules in EXTRAS.items():
        lacking = [name for name in modules if find_spec(name) is None]
        if lacking:
            yield Finding(_PARTS[extra], "missing", f"lacks {', '.join(lacking)}", describe_install(extra))
        else:
            yield Finding(_PARTS[extra], "ok", "installed")


def _find_version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _look_at_browser(workspace: Workspace) -> Iterator[Finding]:
    from fer_core.browser.runtime import HOW_TO_GET, VERSION, find_runtime

    if find_runtime(workspace):
        yield Finding("browser runtime", "ok", f"onnxruntime-web {VERSION}")
    else:
        text = "none: pages that compute in the browser need onnxruntime-web"
        yield Finding("browser runtime", "missing", text, HOW_TO_GET.removeprefix("run "))


_LOOKS: Final[tuple[Callable[[Workspace], Iterator[Finding]], ...]] = (
    _look_at_program,
    _look_at_models,
    _look_at_detector,
    _look_at_runtimes,
    _look_at_videos,
    _look_at_camera,
    _look_at_browser,
    _look_at_parts,
)
