"""What this process may use of its machine: in a container mostly fewer cores and less memory than it has.

`os.cpu_count` and psutil know nothing of a container's limits (Linux control groups: cgroups(7), and the
kernel's Documentation/admin-guide/cgroup-v2.rst). joblib does, but takes 0.1 s and 14 MB to import.
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_GROUPS: Final[Path] = Path("/sys/fs/cgroup")
_OWN_GROUPS: Final[Path] = Path("/proc/self/cgroup")
_MEMORY_LIMITS: Final[tuple[str, str]] = ("memory.max", "memory.limit_in_bytes")
"""Of version 2 and 1."""


def count_cores() -> int:
    """CPU cores that this process may use, 1 or more; a part of one counts as one."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([usable, *(max(1, math.ceil(quota)) for quota in _read_quotas())])


def count_memory_bytes() -> int:
    """Memory of the machine or container, in bytes, whether it is free or not."""
    import psutil

    files = (group / name for group in _list_groups("memory") for name in _MEMORY_LIMITS)
    total = int(psutil.virtual_memory().total)
    return min([total, *(limit for file in files for limit in _read_numbers(file))])


def _read_quotas() -> Iterator[float]:
    """How many cores each group around this process may use, where that is limited."""
    for group in _list_groups("cpu"):
        now = _read_numbers(group / "cpu.max")  # version 2
        before = _read_numbers(group / "cpu.cfs_quota_us") + _read_numbers(group / "cpu.cfs_period_us")
        for numbers in (now, before):
            if len(numbers) == 2 and numbers[0] > 0:
                yield numbers[0] / numbers[1]


def _list_groups(controller: str) -> Iterator[Path]:
    """The folders of this process's group and of those around it."""
    try:
        lines = _OWN_GROUPS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = _GROUPS / controller if controllers else _GROUPS
        own = root / path.lstrip("/")  # in a container, which sees its own group as the root, not there
        yield from (group for group in (own, *own.parents) if group.is_relative_to(root))


def _read_numbers(path: Path) -> list[int]:
    """The whole numbers of a group's file; none if it says `max`, or is not there."""
    try:
        return [int(word) for word in path.read_text(encoding="ascii").split()]
    except (OSError, ValueError):
        return []
