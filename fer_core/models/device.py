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
