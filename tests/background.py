"""Waiting for what a page has started in the background."""

import time

from fer_core.jobs.tasks import BackgroundTask, find_task
from fer_core.workspace import Workspace


def finish_task(workspace: Workspace, kind: str) -> BackgroundTask:
    """The newest task of a kind, as it ended; the limit of the test ends the waiting."""
    while (task := find_task(workspace, kind)) is None or task.is_active:
        time.sleep(0.05)
    return task
