"""Keeping the server's memory small."""

import contextlib
import ctypes
import functools
import os
from typing import Final

_M_ARENA_MAX: Final[int] = -8
"""Of glibc's malloc.h; see mallopt(3)."""
_NUM_HEAPS: Final[int] = 2
_IS_MISSING: Final = (OSError, AttributeError, TypeError)
"""Raised by other C libraries and other systems."""


@functools.cache
def share_heaps() -> None:
    """Let all threads take their memory from two heaps, where the C library can (glibc); once a process.

    Streamlit runs each script in a thread of its own, and glibc opens up to eight heaps a core for threads.
    Each keeps what was free between smaller pieces when its thread ended, so a busy server grows for hours.
    Call it before there are many threads. Whoever set `MALLOC_ARENA_MAX` has decided already.
    """
    if "MALLOC_ARENA_MAX" not in os.environ:
        with contextlib.suppress(*_IS_MISSING):
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _NUM_HEAPS)


def return_memory() -> None:
    """Hand free memory back, where the C library can (glibc); safe from any thread, a few milliseconds.

    glibc keeps what large pictures leave between smaller pieces: a server would stay as large as it ever was.
    """
    with contextlib.suppress(*_IS_MISSING):
        ctypes.CDLL(None).malloc_trim(0)
