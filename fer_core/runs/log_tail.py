"""The end of a run's log."""

import os
from typing import Final

from fer_core.errors import RunError
from fer_core.runs.reader import Run
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
