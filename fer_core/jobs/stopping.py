"""Being asked to stop: a signal turned into something that a loop can look at."""

import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType, TracebackType
from typing import Final

from fer_core.errors import RunError

_SLICE_S: Final[float] = 0.1


class StopRequestedError(RunError):
    """A stop was asked for before the training began."""


class StopSignal:
    """Catches signals for as long as it is entered; later ones go where `forward_to` says.

    Examples:
        >>> with StopSignal() as stop:
        ...     signal.raise_signal(signal.SIGTERM)
        ...     stop.is_requested
        True
    """

    def __init__(
        self, signals: Iterable[signal.Signals] = (signal.SIGTERM,), *, marker: Path | None = None
    ) -> None:
        """Nothing is caught yet.

        Args:
            signals: what means stop.
            marker: a file that means stop too, for what is asked before the signals are caught.
        """
        self._signals, self._marker = tuple(signals), marker
        self._is_requested = False
        self._on_request: Callable[[], None] | None = None
        self._on_signal: Callable[[], None] | None = None
        self._previous: dict[signal.Signals, object] = {}

    def __enter__(self) -> "StopSignal":
        """Begin to catch; only possible in the main thread."""
        self._previous = {number: signal.signal(number, self._catch) for number in self._signals}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the signals back to whom they belonged."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _catch(self, number: int, frame: FrameType | None) -> None:
        self._is_requested = True
        if self._on_signal is not None:
            self._on_signal()
        if self._on_request is not None:
            self._on_request()

    @property
    def is_requested(self) -> bool:
        """Whether a stop was asked for, by a signal or by the file."""
        return self._is_requested or (self._marker is not None and self._marker.exists())

    def check(self) -> None:
        """Raise if a stop was asked for.

        Raises:
            StopRequestedError: it was.
        """
        if self.is_requested:
            raise StopRequestedError("stopped before the training began")

    def sleep(self, seconds: float) -> None:
        """Sleep, but no longer than until a signal."""
        # Not threading.Event: setting one in a signal handler can lock up the thread that waits for it.
        end = time.monotonic() + seconds
        while not self._is_requested and time.monotonic() < end:
            time.sleep(min(_SLICE_S, seconds))

    def notify(self, on_request: Callable[[], None]) -> None:
        """Call this too at every signal from now on, for a word to the user."""
        self._on_signal = on_request

    def forward_to(self, on_request: Callable[[], None]) -> None:
        """Call this at every request from now on, and at once if there was one."""
        self._on_request = on_request
        if self.is_requested:
            on_request()
