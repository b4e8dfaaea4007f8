"""A search for label errors in a separate process: models need torch, which pages do not load.

No Streamlit in here.
"""

import os
import signal
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fer_core.workspace import WORKSPACE_VARIABLE, Workspace

_PROGRESS: Final[str] = "progress "
_STOP_S: Final[float] = 5.0


class LabelSearch:
    """`fer datasets label-errors`, running or done."""

    def __init__(
        self, workspace: Workspace, dataset: str, model: str, method: str, splits: Sequence[str]
    ) -> None:
        """Start at once."""
        self.dataset = dataset
        self._folder = Path(tempfile.mkdtemp(prefix="fer-search-"))
        self._output = self._folder / "output.txt"
        command = [sys.executable, "-m", "fer_core", "datasets", "label-errors", dataset, "--progress-lines"]
        command += ["--model", model, "--method", method, "--splits", *splits]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {WORKSPACE_VARIABLE: str(workspace.root)},
                start_new_session=True,
            )
        self._finalizer = weakref.finalize(self, _dispose, self._process, self._folder)

    @property
    def is_running(self) -> bool:
        """Whether it is still at work."""
        return self._process.poll() is None

    @property
    def failed(self) -> bool:
        """Whether it ended without a result."""
        return self._process.poll() not in (None, 0)

    @property
    def fraction(self) -> float:
        """How much is done, 0 to 1; 0 while the model loads."""
        lines = [line for line in self._lines() if line.startswith(_PROGRESS)]
        if not lines:
            return 0.0
        parts = lines[-1].split()
        return int(parts[1]) / int(parts[2]) if len(parts) == 3 and int(parts[2]) else 0.0

    @property
    def message(self) -> str:
        """What it said, without the lines of progress."""
        lines = [line for line in self._lines() if not line.startswith((_PROGRESS, "  row "))]
        return "\n".join(lines).removeprefix("fer datasets: ").strip()[-2000:]

    def close(self) -> None:
        """End it, if it runs, and remove its output; closing twice is fine."""
        self._finalizer()

    def _lines(self) -> list[str]:
        try:
            text = self._output.read_text(errors="replace")
        except FileNotFoundError:  # closed
            return []
        return text[: text.rfind("\n") + 1].splitlines()


def _dispose(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    import shutil

    if process.poll() is None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
                process.wait(_STOP_S)
                break
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
    shutil.rmtree(folder, ignore_errors=True)
