"""Memory of the server: how many heaps its threads take theirs from."""

import os
import platform
import subprocess
import sys

import pytest

_COUNT_HEAPS = """
import ctypes, sys, threading
if "limited" in sys.argv:
    from app.shared.memory import share_heaps
    share_heaps()
malloc = ctypes.CDLL(None).malloc
malloc.restype, malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
places, together = set(), threading.Barrier(8)

def take():
    together.wait()
    for _ in range(100):
        places.add(malloc(500) >> 26)  # a thread's heap begins at a multiple of 64 MB
    together.wait()

threads = [threading.Thread(target=take) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(len(places))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have other heaps")
def test_threads_share_two_heaps_unless_the_user_has_chosen_otherwise():
    def count(*arguments: str, **variables: str) -> int:
        bare = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
        script = [sys.executable, "-c", _COUNT_HEAPS, *arguments]
        return int(subprocess.run(script, env=bare | variables, check=True, capture_output=True).stdout)

    assert count() > 3  # glibc as it is
    assert count("limited") <= 3  # two, of which the first may lie across a multiple of 64 MB
    assert count("limited", MALLOC_ARENA_MAX="7") > 3
