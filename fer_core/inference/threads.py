"""How many threads the arithmetic of inference takes, set on purpose.

torch, OpenCV and the video encoder each start a pool as wide as the machine. Together they make each other
crawl: on two busy cores one small network took 298 ms per face with two threads and 4.9 ms with one.
"""

import sys
from typing import Final

from fer_core.errors import ConfigError
from fer_core.machine import count_cores

_MAX_THREADS: Final[int] = 4
"""Small networks on small crops get no faster with more."""


def inference_threads() -> int:
    """Threads for inference beside other work: half the cores, 1 to 4.

    Decoding, encoding, a training or a browser on the same machine need the other half.
    """
    return max(1, min(_MAX_THREADS, count_cores() // 2))


_limit: list[int] = []
"""The number that `limit_threads` chose last, for a torch that is loaded after it."""


def chosen_threads() -> int:
    """The number that `limit_threads` chose last, else `inference_threads()`."""
    return _limit[0] if _limit else inference_threads()


def limit_threads(num_threads: int = 0) -> int:
    """Set the thread pools of OpenCV and torch for inference, in the whole process; return their size.

    Call it once, before the first prediction: a thread that has computed with torch already keeps its number.
    torch is not loaded for it; where it comes later, `limit_torch` tells it.

    Args:
        num_threads: how many; 0 takes `inference_threads()`.

    Raises:
        ConfigError: a negative number.
    """
    if num_threads < 0:
        raise ConfigError(f"threads is {num_threads}; expected 0 (automatic) or more")
    from fer_core.opencv import cv2

    chosen = num_threads or inference_threads()
    _limit[:] = [chosen]
    cv2.setNumThreads(chosen)
    if "torch" in sys.modules:
        limit_torch()
    return chosen


def limit_torch() -> None:
    """Tell torch the number that `limit_threads` chose, if it chose one."""
    import torch

    if _limit:
        torch.set_num_threads(_limit[0])
