"""What this computer has to offer, found without importing torch (no Streamlit here either)."""

import platform
import shutil
import subprocess
from dataclasses import dataclass
from typing import Final

from fer_core.machine import count_cores, count_memory_bytes
from fer_core.words import count

_NVIDIA_TIMEOUT_S: Final[float] = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """Processor, memory and accelerators."""

    num_cores: int
    """Cores this process may use."""
    memory_gib: float
    """Memory in GiB."""
    accelerators: tuple[str, ...]
    """Names of the accelerators, empty if there is none."""

    def __str__(self) -> str:
        """One line, for example `2 cores, 24 GiB`."""
        cores = count(self.num_cores, "core")
        return f"{cores}, {self.memory_gib:.0f} GiB"


def detect_hardware() -> Hardware:
    """Look at the machine; asks `nvidia-smi` for GPUs where it is installed."""
    return Hardware(
        num_cores=count_cores(),
        memory_gib=count_memory_bytes() / 2**30,
        accelerators=_apple_gpu() or _nvidia_gpus(),
    )


def _apple_gpu() -> tuple[str, ...]:
    is_apple_silicon = platform.system() == "Darwin" and platform.machine() == "arm64"
    return ("Apple GPU (MPS)",) if is_apple_silicon else ()


def _nvidia_gpus() -> tuple[str, ...]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    try:
        answer = subprocess.run(
            [program, "--query-gpu=name", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=_NVIDIA_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):  # installed, but no driver or no card answers
        return ()
    return tuple(line.strip() for line in answer.stdout.splitlines() if line.strip())
