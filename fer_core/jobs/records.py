"""What stands beside a run: its log, and a person's tags and notes."""

import os
from collections.abc import Sequence
from typing import Final

from fer_core.errors import RunError
from fer_core.runs.notes import read_notes, write_notes
from fer_core.runs.reader import Run
from fer_core.runs.records import Notes
from fer_core.runs.run_files import LOG_FILE

_BLOCK_BYTES: Final[int] = 64 * 1024


def read_log_tail(run: Run, num_lines: int = 200) -> list[str]:
    """The last lines of a run's log, oldest first; empty if it has none yet.

    Raises:
        RunError: the log can't be read.
    """
    path = run.folder / LOG_FILE
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            data = b""
            while end > 0 and data.count(b"\n") <= num_lines:
                start = max(end - _BLOCK_BYTES, 0)
                file.seek(start)
                data = file.read(end - start) + data
                end = start
    except FileNotFoundError:
        return []
    except OSError as cause:
        raise RunError(f"{path} can't be read: {cause}") from cause
    return data.decode("utf-8", errors="replace").splitlines()[-num_lines:] if num_lines > 0 else []


def save_notes(run: Run, tags: Sequence[str], notes: str) -> Notes:
    """Replace a run's tags and notes, and return them as saved.

    Raises:
        ConfigError: a tag or the notes can't be used; nothing was changed.
        RunError: they can't be written.
    """
    return write_notes(run.folder, tags, notes)


def load_notes(run: Run) -> Notes:
    """A run's `tags` and `notes`; both empty if there are none.

    Raises:
        RunError: the file is damaged.
    """
    return read_notes(run.folder)
