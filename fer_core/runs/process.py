"""Telling a living process from a dead one, across pid reuse and reboots."""

import os
import socket
from dataclasses import dataclass
from typing import Final

_START_TOLERANCE_S: Final[float] = 2.0
"""The system derives start times from boot time and clock; both may shift a little."""


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process of some machine: a pid alone is reused, a pid with its start time is not."""

    host: str
    pid: int
    started: float
    """Unix time in seconds."""

    @classmethod
    def current(cls) -> "ProcessIdentity":
        """The calling process."""
        import psutil

        return cls(socket.gethostname(), os.getpid(), psutil.Process().create_time())

    def is_alive(self) -> bool | None:
        """Whether it still runs; None if it belongs to another machine and can't be seen from here."""
        import psutil

        if self.host != socket.gethostname():
            return None
        try:
            process = psutil.Process(self.pid)
            same: bool = abs(process.create_time() - self.started) <= _START_TOLERANCE_S
            return same and bool(process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False
