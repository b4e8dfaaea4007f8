"""Which arithmetic and how many threads."""

import logging

import psutil
import torch

from fer_core.config import Precision
from fer_core.errors import ConfigError

_LOG = logging.getLogger(__name__)


def resolve_precision(precision: Precision, device: torch.device) -> str:
    """Name of the arithmetic in accelerate's terms: `no` (fp32), `bf16` or `fp16`.

    Raises:
        ConfigError: fp16 on a CPU, which has no gradient scaling.
    """
    if precision == "fp32":
        return "no"
    if precision == "fp16":
        if device.type == "cpu":
            raise ConfigError("precision is 'fp16' on a CPU; expected 'bf16', 'fp32' or 'auto'")
        return "fp16"
    if precision == "bf16":
        return "bf16"
    return "bf16" if _is_bf16_fast(device) else "no"


def _is_bf16_fast(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        # Native bf16 only: emulated, it is slower than fp32.
        probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(getattr(torch.cpu, name, lambda: False)() for name in probes)
    return False


def set_threads(requested: int) -> int:
    """Set the number of threads of one operation; 0 takes the physical cores this process may use."""
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    if hasattr(psutil.Process, "cpu_affinity"):
        cores = min(cores, len(psutil.Process().cpu_affinity()))
    threads = requested or cores
    torch.set_num_threads(threads)
    return threads
