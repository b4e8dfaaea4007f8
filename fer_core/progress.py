"""How far a command is, told in one way to whoever listens: a terminal, or a page that waits for a task.

A command reports through `fer_core.cli.terminal.show_progress`. If it works as a background task
(`fer_core.jobs.tasks`), its reports are lines of JSON in the task's folder; otherwise they are a bar.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from fer_core.io import to_json_line
from fer_core.plain import parse_json

_EVERY_S: Final[float] = 0.2
_TAIL_BYTES: Final[int] = 8192
_MAX_TEXT: Final[int] = 500


@dataclass(frozen=True, slots=True)
class Progress:
    """How far something is."""

    done: float = 0.0
    total: float = 0.0
    """Of what `done` counts; 0 while that is not known."""
    text: str = ""
    """What it is doing, in words that a page can show."""

    @property
    def share(self) -> float:
        """Fraction that is done, 0 to 1."""
        return min(1.0, max(0.0, self.done / self.total)) if self.total > 0 else 0.0


class Report(Protocol):
    """Takes what `on_progress` of the library's functions tells."""

    def __call__(self, done: float, total: float, text: str = "") -> None:
        """Tell how much of `total` is done; without a text the last one stays."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Who waits for a command that works as a background task."""

    tell: Callable[[Progress], None]
    keep: Callable[[Mapping[str, Any]], None]


_AUDIENCE: ContextVar[Audience | None] = ContextVar("audience", default=None)


def get_audience() -> Audience | None:
    """Who waits for this command; None in a terminal."""
    return _AUDIENCE.get()


@contextlib.contextmanager
def perform_for(audience: Audience) -> Iterator[None]:
    """Report to `audience` until the block ends."""
    token = _AUDIENCE.set(audience)
    try:
        yield
    finally:
        _AUDIENCE.reset(token)


def keep_result(values: Mapping[str, Any]) -> None:
    """Hand what a command found to the page that waits for it; in a terminal nobody does.

    Args:
        values: plain ones that JSON can hold; the last call counts.
    """
    audience = get_audience()
    if audience is not None:
        audience.keep(values)


class ProgressFile:
    """Appends reports to a file, a line of JSON each, a few a second at most."""

    def __init__(self, path: Path) -> None:
        """Nothing is written yet."""
        self._path = path
        self._last: Progress | None = None
        self._written = 0.0

    def write(self, progress: Progress) -> None:
        """Add a report; one that tells nothing but the next step is left out if the last was just now."""
        last, now = self._last, time.monotonic()
        is_step = (
            last is not None
            and progress.total == last.total
            and last.done <= progress.done < progress.total
            and now - self._written < _EVERY_S
        )
        if is_step or progress == last:
            return
        self._last, self._written = progress, now
        line = to_json_line({**asdict(progress), "text": progress.text[:_MAX_TEXT]})
        with self._path.open("ab") as file:
            file.write(line.encode() + b"\n")


def read_progress(path: Path) -> Progress:
    """The last whole report in a file; an empty one if there is none. Reads the file's end only."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            tail = file.read()
    except OSError:
        return Progress()
    for line in reversed(tail.splitlines()):
        with contextlib.suppress(ValueError):
            return msgspec.convert(parse_json(line.decode()), Progress)
    return Progress()
