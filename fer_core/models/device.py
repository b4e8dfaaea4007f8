"""Where a network computes."""

import torch

from fer_core.errors import ConfigError


def resolve_device(device: str) -> torch.device:
    """Return the torch device called `device`; `auto` is CUDA where there is one, else the CPU.

    Raises:
        ConfigError: torch does not know it, or this machine has none.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
        torch.empty(1, device=found)
    except (RuntimeError, AssertionError, NotImplementedError) as cause:
        reason = str(cause).splitlines()[0]
        raise ConfigError(f"device {device!r} can't be used here: {reason} Use 'auto' or 'cpu'.") from cause
    return found


def is_bf16_fast(device: torch.device) -> bool:
    """Whether the device computes faster in bf16 than in fp32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        # Native bf16 only: emulated, it is slower than fp32.
        probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(getattr(torch.cpu, name, lambda: False)() for name in probes)
    return False
