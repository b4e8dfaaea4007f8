"""How many threads the arithmetic of inference takes, set on purpose.

torch, OpenCV and the video encoder each start a pool as wide as the machine. Together they make each other
crawl: on two busy cores one small network took 298 ms a face with two threads and 4.9 ms with one.
"""

import os
from typing import Final

from fer_core.errors import ConfigError

_MAX_THREADS: Final[int] = 4
"""Small networks on small crops get no faster with more."""


def num_usable_cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def inference_threads() -> int:
    """Threads for inference beside other work: half the cores, 1 to 4.

    Decoding, encoding, a training or a browser on the same machine need the other half.
    """
    return max(1, min(_MAX_THREADS, num_usable_cores() // 2))


def limit_threads(num_threads: int = 0) -> int:
    """Set the thread pools of torch and OpenCV for inference, in the whole process; return their size.

    Call it once, before the first prediction: a thread that has computed with torch already keeps its number.

    Args:
        num_threads: how many; 0 takes `inference_threads()`.

    Raises:
        ConfigError: a negative number.
    """
    if num_threads < 0:
        raise ConfigError(f"threads is {num_threads}; expected 0 (automatic) or more")
    import cv2
    import torch

    chosen = num_threads or inference_threads()
    torch.set_num_threads(chosen)
    cv2.setNumThreads(chosen)
    return chosen
