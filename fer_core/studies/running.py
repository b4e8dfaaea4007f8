"""Running a study: its recordings as tasks of a cluster, until each is done or says why not.

Whatever is killed, what is done stays done, and running the study again does the rest.
"""

import queue
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from fer_core.errors import StudyError
from fer_core.studies.analyzing import Job, analyze, keep_failure
from fer_core.studies.cluster import open_cluster
from fer_core.studies.models import find_model
from fer_core.studies.state import failure_file, measure_work, read_state
from fer_core.studies.stretches import analyze_stretch, join_stretches, plan_stretches
from fer_core.studies.study import (
    FAILURES_FOLDER,
    RESULTS_FOLDER,
    RUNNING_FOLDER,
    STRETCHES_FOLDER,
    Study,
)
from fer_core.studies.tables import list_rows
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from distributed import Client, Future

_POLL_S: Final[float] = 0.5
_LEFTOVER_S: Final[float] = 24 * 3600.0
"""On a cluster, workers of an earlier command may still write; what is older than this is nobody's."""
_KILLED: Final[str] = (
    "the process that read it was ended from outside, every time it was tried (out of memory, or the file "
    "crashes the decoder); analyze it alone with `fer annotate` to see more"
)


_LOST: Final[str] = "the cluster's scheduler is gone; what is done stays done: run it again"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """How far a run is."""

    share: float
    """Fraction of the recordings that are to be done in this run, 0 to 1."""
    num_done: int
    """Recordings done with in this run, failed ones too."""
    num_total: int
    num_failed: int
    remaining_s: float | None
    """Seconds left at this pace; None as long as there is none."""


@dataclass(slots=True, kw_only=True)
class RunOutcome:
    """What a run did."""

    num_before: int
    """Recordings that were done already."""
    num_done: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    """Why which recordings failed."""
    was_cancelled: bool = False
    start_s: float = 0.0
    """Until the cluster stood, in seconds."""
    seconds: float = 0.0
    """All in all."""


def run_study(
    study: Study,
    *,
    workers: int = 0,
    scheduler: str = "",
    on_progress: Callable[[RunProgress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> RunOutcome:
    """Analyze what is not done yet; recordings that failed before are tried again.

    Args:
        study: to run.
        workers: processes on this machine; 0 for as many as pay.
        scheduler: address of a running Dask scheduler whose workers see the same folders; no process is
            started here then.
        on_progress: called about twice a second.
        cancelled: asked as often whether to stop.

    Raises:
        StudyError: the study has no recordings or is being run already, its model changed, or the cluster is
            lost; what is done stays done.
        ConfigError: as `open_cluster`.
    """
    started = time.monotonic()
    with study.claim():
        jobs = list_jobs(study)
        outcome = RunOutcome(num_before=len(study.load_recordings()) - len(jobs))
        failed_before = _find_failures(study, jobs)
        old_s = 0.0 if not scheduler else _LEFTOVER_S
        _remove_leftovers(study, old_s)
        if jobs:
            with open_cluster(workers, scheduler, most=len(jobs)) as client:
                outcome.start_s = time.monotonic() - started
                _Run(study, client, jobs, outcome, on_progress, cancelled or (lambda: False)).run()
            if outcome.was_cancelled:
                _count_ended(study, jobs, failed_before, outcome)
            _remove_leftovers(study, old_s)
    outcome.seconds = time.monotonic() - started
    return outcome


def list_jobs(study: Study) -> list[Job]:
    """What is to be done, the longest first.

    Raises:
        StudyError: the study has no recordings, or its model changed.
        FerError: the file of its detector is not installed.
    """
    from fer_core.inference.detectors import DETECTORS
    from fer_core.inference.downloads import require_file

    recordings = study.load_recordings()
    if recordings.empty:
        raise StudyError(f"study {study.name!r} has no recordings; add some: fer study add {study.name} ...")
    settings = study.settings
    workspace = Workspace(study.folder.parents[1])
    now = find_model(settings.model, settings.model_sha256, workspace).info.weights_sha256
    if now != settings.model_sha256:
        raise StudyError(
            f"model {settings.model!r} has weights {now[:12]}… now; the study was made with "
            f"{settings.model_sha256[:12]}…. Bring these back, or make a new study"
        )
    state = read_state(study, recordings)
    jobs = [
        Job(
            study=str(study.folder),
            recording=row["recording"],
            path=row["path"],
            sha256=row["sha256"],
            settings=settings,
            num_frames=row["num_frames"] or 0,
            duration_s=row["duration_s"] or 0.0,
        )
        for row in list_rows(recordings)
        if state.recordings[row["recording"]].state != "done"
    ]
    file = DETECTORS[settings.detector].file
    if jobs and file is not None:  # else every recording would fail alike
        require_file(file, workspace)
    return sorted(jobs, key=lambda job: -job.num_frames)


def _find_failures(study: Study, jobs: Sequence[Job]) -> dict[str, tuple[int, int]]:
    """What tells the file of each job's failure from a later one: each is a new file in its place."""
    found = {}
    for job in jobs:
        with suppress(FileNotFoundError):
            status = failure_file(study, job.recording).stat()
            found[job.recording] = (status.st_ino, status.st_mtime_ns)
    return found


def _count_ended(
    study: Study, jobs: Sequence[Job], failed_before: Mapping[str, tuple[int, int]], outcome: RunOutcome
) -> None:
    """Count what workers finished after it was cancelled, until they were ended: done or failed.

    Failures of earlier runs stand in the study until a recording is tried again: they are not of this run.
    """
    states = read_state(study).recordings
    outcome.num_done = 0
    for job in jobs:
        state = states.get(job.recording)
        if state is not None and state.state == "done":
            outcome.num_done += 1
        elif state is not None and state.state == "failed":
            now = _find_failures(study, [job])
            if now.get(job.recording) != failed_before.get(job.recording):
                outcome.failures.setdefault(job.recording, state.reason)


def _remove_leftovers(study: Study, older_than_s: float) -> None:
    """What killed processes left half-written, or did not come to remove."""
    folders = list((study.folder / STRETCHES_FOLDER).glob("*"))
    states = read_state(study).recordings if folders else {}
    for folder in folders:
        if folder.name not in states or states[folder.name].state == "done":
            shutil.rmtree(folder, ignore_errors=True)
    places = (RESULTS_FOLDER, FAILURES_FOLDER, RUNNING_FOLDER, f"{STRETCHES_FOLDER}/*")
    for place in places:
        for path in study.folder.glob(f"{place}/.*"):
            try:
                is_old = time.time() - path.stat().st_mtime >= older_than_s
            except FileNotFoundError:
                continue
            if is_old and path.name.endswith((".tmp", ".old")):
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


@dataclass(slots=True)
class _Run:
    """The loop of one run."""

    study: Study
    client: "Client"
    jobs: Sequence[Job]
    outcome: RunOutcome
    on_progress: Callable[[RunProgress], None] | None
    cancelled: Callable[[], bool]
    _done: "queue.SimpleQueue[Future]" = field(default_factory=queue.SimpleQueue)
    _started: float = field(default_factory=time.monotonic)

    def run(self) -> None:
        from distributed.comm import CommClosedError

        try:
            self._run()
        except (CommClosedError, TimeoutError) as cause:
            raise StudyError(f"{_LOST} ({cause})") from cause

    def _run(self) -> None:
        suspects = self._work(self.jobs)
        for job in suspects:  # alone, so that it can't be taken for what another one did
            if not self.outcome.was_cancelled and self._work([job]):
                keep_failure(self.study, job, _KILLED)
                self.outcome.failures[job.recording] = _KILLED
        self._tell()

    def _work(self, jobs: Sequence[Job]) -> list[Job]:
        """Do jobs; return those during which a worker was killed again and again."""
        suspects = []
        waiting = self._submit(jobs)
        while waiting:
            if self.cancelled():
                self.outcome.was_cancelled = True
                self.client.cancel(list(waiting))
                break
            for future in self._take_done():
                job = waiting.pop(future, None)
                if job is not None and not self._count(future, job):
                    suspects.append(job)
            self._tell()
            if self.client.status != "running":
                raise StudyError(_LOST)
        return suspects

    def _submit(self, jobs: Sequence[Job]) -> "dict[Future, Job]":
        # Not pure: a call that was made before would give the old result.
        long = [job for job in jobs if plan_stretches(job)]
        short = [job for job in jobs if not plan_stretches(job)]
        futures = [self._submit_stretches(job) for job in long]
        futures += self.client.map(analyze, short, pure=False, batch_size=100, fifo_timeout="0ms")
        for future in futures:
            future.add_done_callback(self._done.put)
        return dict(zip(futures, [*long, *short], strict=True))

    def _submit_stretches(self, job: Job) -> "Future":
        numbers = range(len(plan_stretches(job)))
        reasons = self.client.map(analyze_stretch, [job] * len(numbers), numbers, pure=False)
        return self.client.submit(join_stretches, job, reasons, pure=False)

    def _take_done(self) -> "list[Future]":
        found = []
        try:
            found.append(self._done.get(timeout=_POLL_S))
            while True:
                found.append(self._done.get_nowait())
        except queue.Empty:
            return found

    def _count(self, future: "Future", job: Job) -> bool:
        """Take in how a job ended; False if its worker was killed."""
        from distributed.scheduler import KilledWorker

        if future.status == "finished":
            if reason := future.result():
                self.outcome.failures[job.recording] = reason
            else:
                self.outcome.num_done += 1
            return True
        error = future.exception() if future.status == "error" else None
        if isinstance(error, KilledWorker):
            return False
        raise StudyError(
            f"the cluster could not work on {job.recording!r}: "
            f"{error or 'it lost the task (is its scheduler gone?)'}. Workers need this program, the model "
            "and the study's folder under the same path; what is done stays done: run it again"
        ) from error

    def _tell(self) -> None:
        if self.on_progress is None:
            return
        ended, total = self.outcome.num_done + len(self.outcome.failures), len(self.jobs)
        share = min(1.0, (ended + measure_work(self.study)) / total)
        elapsed = time.monotonic() - self._started
        left = elapsed * (1 - share) / share if share else None
        failed = len(self.outcome.failures)
        self.on_progress(
            RunProgress(share=share, num_done=ended, num_total=total, num_failed=failed, remaining_s=left)
        )
