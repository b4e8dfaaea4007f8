"""Giving memory that is free back to the system."""

import contextlib
import ctypes


def return_memory() -> None:
    """Hand free memory back, where the C library can (glibc); safe from any thread, a few milliseconds.

    glibc keeps what large pictures leave between smaller pieces: a server would stay as large as it ever was.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
