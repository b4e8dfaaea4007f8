"""Judging a heartbeat when clocks can't be trusted: they jump, and those of two machines differ.

At first sight a heartbeat is judged by the wall clock, for there is nothing else. From then on what counts is
how long it has not moved, by this machine's monotonic clock, which no one sets.
"""

import threading
import time
from pathlib import Path
from typing import Final

_MAX_WATCHED: Final[int] = 10_000
_LOCK: Final = threading.Lock()
_SEEN: Final[dict[Path, tuple[float, float]]] = {}
"""Heartbeat by folder, and when it was first seen to have this value, on the monotonic clock."""


def is_fresh(folder: Path, heartbeat: float | None, timeout_s: float, *, trusts_clock: bool = True) -> bool:
    """Whether a run shows a sign of life that is at most `timeout_s` old.

    A heartbeat from the future is believed at first, for the other clock may be ahead, and counts as fresh
    for as long as a new one would.

    Args:
        folder: of the run.
        heartbeat: Unix time in seconds that its status tells; None is no sign of life.
        timeout_s: how long one lasts.
        trusts_clock: whether the wall clock counts at first sight; otherwise it is fresh then.
    """
    if heartbeat is None:
        return False
    now = time.monotonic()
    with _LOCK:
        known = _SEEN.get(folder)
        if known is None or known[0] != heartbeat:
            age_s = max(0.0, time.time() - heartbeat) if known is None and trusts_clock else 0.0
            if len(_SEEN) >= _MAX_WATCHED:
                _SEEN.clear()
            known = _SEEN[folder] = (heartbeat, now - age_s)
    return now - known[1] < timeout_s
