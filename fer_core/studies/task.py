"""Running a study in the background: a detached `fer study run`, which outlives page, browser and server."""

from typing import Final

from fer_core.errors import StudyError
from fer_core.jobs.tasks import BackgroundTask, find_task, start_task
from fer_core.studies.study import Study
from fer_core.workspace import Workspace

KIND: Final[str] = "study"
PAGE: Final[str] = "studies"


def start_run(study: Study, *, workers: int = 0, scheduler: str = "") -> BackgroundTask:
    """Start running a study and return at once.

    Args:
        study: to run.
        workers: processes on this machine; 0 for as many as pay.
        scheduler: address of a running Dask scheduler; empty to start one here.

    Raises:
        StudyError: it is being run in the background already.
        RunError: the system can't start it.
    """
    workspace = Workspace(study.folder.parents[1])
    now = find_run(study)
    if now is not None and now.is_active:
        raise StudyError(f"study {study.name!r} is being run already")
    command = ["study", "run", study.name, f"--workers={workers}"]
    if scheduler:
        command.append(f"--scheduler={scheduler}")
    return start_task(
        workspace,
        kind=KIND,
        title="Running a study",
        command=command,
        page=f"{PAGE}?study={study.name}",
        facts={"study": study.name},
    )


def find_run(study: Study) -> BackgroundTask | None:
    """The newest task that runs, or ran, a study."""
    return find_task(Workspace(study.folder.parents[1]), KIND, {"study": study.name})
