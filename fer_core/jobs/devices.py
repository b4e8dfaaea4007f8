"""The devices of this machine, found without torch, and which of them a run may take.

A device is called as torch calls it: `cuda:0`, `mps`, `cpu`. Its lock is named after the hardware, so that
two servers that see different parts of a machine (`CUDA_VISIBLE_DEVICES`) mean the same GPU by the same lock.
"""

import functools
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fer_core.errors import ConfigError

_VISIBLE: Final[str] = "CUDA_VISIBLE_DEVICES"
_CUDA: Final[re.Pattern[str]] = re.compile(r"cuda:(\d{1,3})")
MAX_PROCESSES: Final[int] = 64


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """Which devices a run may take, and how many of them it needs."""

    device: str
    """As asked for; empty for any."""
    num_processes: int
    """Processes that share the work."""
    candidates: tuple[str, ...]
    """Hardware it may take, as the names of locks."""
    num_devices: int
    """How many of these it needs at once."""


def list_devices() -> tuple[str, ...]:
    """Devices of this machine that torch can use, the fastest kind first; the CPU is always the last."""
    gpus = [f"cuda:{index}" for index in range(len(_list_gpu_tokens()))]
    if not gpus and sys.platform == "darwin" and platform.machine() == "arm64":
        gpus = ["mps"]
    return (*gpus, "cpu")


def resolve_request(device: str, num_processes: int = 1) -> DeviceRequest:
    """Check what a person asked for against this machine.

    Args:
        device: `cuda:0`, `cuda` (any GPU), `mps`, `cpu`, or empty for the fastest kind there is.
        num_processes: processes that share the work; one GPU each, or all on the CPU.

    Raises:
        ConfigError: no such device here, or not enough of them.
    """
    if not 1 <= num_processes <= MAX_PROCESSES:
        raise ConfigError(f"num_processes is {num_processes}; expected 1 to {MAX_PROCESSES}")
    present = list_devices()
    wanted = device.strip().lower()
    kind = wanted or present[0].partition(":")[0]
    if kind == "cuda":
        found = tuple(name for name in present if name.startswith("cuda:"))
    else:
        found = (kind,) if kind in present else ()
    if not found:
        raise ConfigError(
            f"device is {device!r}; expected one of {', '.join(present)}, or nothing for the "
            "fastest kind there is"
        )
    num_devices = num_processes if kind.startswith("cuda") else 1
    if kind == "mps" and num_processes > 1:
        raise ConfigError(f"num_processes is {num_processes} on 'mps'; expected 1, for there is one such GPU")
    if num_devices > len(found):
        raise ConfigError(
            f"num_processes is {num_processes}, but {device or kind!r} is {len(found)} GPU(s); expected at "
            "most one process a GPU. Use device 'cuda' for all GPUs, or 'cpu'"
        )
    return DeviceRequest(wanted, num_processes, tuple(_name_lock(name) for name in found), num_devices)


def build_device_environment(locks: Sequence[str]) -> dict[str, str]:
    """Environment variables that show a process exactly the devices whose locks it holds."""
    if locks[0].startswith("cuda-"):
        tokens = {_name_token(token): token for token in _list_gpu_tokens()}
        return {_VISIBLE: ",".join(tokens[lock] for lock in locks)}
    if locks[0] == "cpu":
        return {_VISIBLE: "", "ACCELERATE_USE_CPU": "true"}
    return {}


def _name_lock(device: str) -> str:
    match = _CUDA.fullmatch(device)
    return _name_token(_list_gpu_tokens()[int(match[1])]) if match else device


def _name_token(token: str) -> str:
    return "cuda-" + re.sub(r"[^A-Za-z0-9.-]", "_", token)


def _list_gpu_tokens() -> list[str]:
    """How CUDA_VISIBLE_DEVICES calls each GPU that this process may use."""
    if not _is_torch_built_for_gpus():
        return []
    present = [str(index) for index in range(_count_gpus())]
    visible = os.environ.get(_VISIBLE)
    if visible is None or not present:
        return present
    tokens = []
    for token in (item.strip() for item in visible.split(",")):
        if not token or token == "-1":  # CUDA ignores what follows an invalid one
            break
        tokens.append(token)
    return tokens


@functools.cache
def _is_torch_built_for_gpus() -> bool:
    """Read from torch's own version file: importing torch takes seconds."""
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.submodule_search_locations:
        return False
    path = Path(spec.submodule_search_locations[0]) / "version.py"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return re.search(r"^(cuda|hip)\b[^=\n]*=\s*['\"]", text, re.MULTILINE) is not None


@functools.cache
def _count_gpus() -> int:
    program = shutil.which("nvidia-smi")
    if program is not None:
        try:
            command = [program, "--list-gpus"]
            result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
        except (OSError, subprocess.SubprocessError):
            return 0
        return sum(line.startswith("GPU ") for line in result.stdout.splitlines())
    nodes = len(list(Path("/dev").glob("nvidia[0-9]*")))
    return nodes or int(Path("/dev/kfd").exists())  # AMD: at least one
