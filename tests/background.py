"""Waiting for what a page has started in the background."""

import os
import time
from pathlib import Path

from fer_core.jobs.tasks import BackgroundTask, find_task
from fer_core.workspace import Workspace


def finish_task(workspace: Workspace, kind: str) -> BackgroundTask:
    """The newest task of a kind, as it ended; the limit of the test ends the waiting."""
    while (task := find_task(workspace, kind)) is None or task.is_active:
        time.sleep(0.05)
    return task


def waiting_command(folder: Path) -> list[str]:
    """A command of `fer` that waits for its settings: they come through a pipe in `folder`."""
    pipe = folder / "settings.toml"
    os.mkfifo(pipe)
    return ["estimate", "--config-file", str(pipe)]
