"""Working on a sweep: one run after the other, each an ordinary detached run that this process watches."""

import itertools
import logging
import os
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Literal

from fer_core import jobs
from fer_core.config import TrainConfig
from fer_core.errors import ConfigError, FerError, RunError, StorageError
from fer_core.io import read_record, write_json
from fer_core.jobs.stopping import StopSignal
from fer_core.jobs.tasks import BackgroundTask, start_task
from fer_core.runs.process import ProcessIdentity, ProcessStatus, is_at_work
from fer_core.runs.reader import Run, load_run
from fer_core.runs.run_files import ACTIVE_STATES
from fer_core.sweeps.space import Value, apply_values
from fer_core.sweeps.store import SWEEP_FILE, Sweep
from fer_core.sweeps.study import open_study, study_errors
from fer_core.sweeps.trials import (
    METRIC_KEYS,
    REASON_KEY,
    RUN_KEY,
    STOPPED_KEY,
    WORKER_KEY,
    read_score,
    take_over,
)
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from optuna import Trial

_LOG = logging.getLogger(__name__)
_POLL_S: Final[float] = 0.5
_HEARTBEAT_S: Final[float] = 30.0
_STATES: Final[dict[str, str]] = {
    "COMPLETE": "finished",
    "PRUNED": "pruned",
    "FAIL": "failed",
    "STOPPED": "stopped",
}


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """What a worker did."""

    num_finished: int
    num_pruned: int
    num_failed: int
    num_stopped: int = 0
    """Trials whose run was stopped by a person: no failure, and no result."""


class _Presence:
    """Tells others that this process works on a sweep: by a file, and by an attribute of the trial."""

    def __init__(self, sweep: Sweep) -> None:
        self.path = sweep.folder / f"worker-{secrets.token_hex(4)}.json"
        self._process = ProcessIdentity.current().to_status()
        self._last = -_HEARTBEAT_S

    def show(self, trial: "Trial | None" = None) -> None:
        """Say so at once.

        Raises:
            StorageError: the file can't be written.
        """
        self._last = time.monotonic()
        status = ProcessStatus(heartbeat=time.time(), **self._process)
        if trial is not None:
            trial.set_user_attr(WORKER_KEY, asdict(status))
        if self.path.parent.is_dir():  # else the sweep is being deleted
            write_json(self.path, status)

    def beat(self, trial: "Trial") -> None:
        """Say so if the last time is long enough ago."""
        if time.monotonic() - self._last >= _HEARTBEAT_S:
            try:
                self.show(trial)
            except StorageError as error:  # no reason to end a search
                _LOG.warning("%s", error)


def run_worker(
    sweep: Sweep,
    workspace: Workspace,
    *,
    num_trials: int,
    device: str = "",
    stop: StopSignal | None = None,
    on_trial: Callable[[int, str, float | None], None] | None = None,
) -> WorkerReport:
    """Try `num_trials` combinations of settings. Any number of workers may work on one sweep at once.

    Args:
        sweep: what to search.
        workspace: where the runs go.
        num_trials: how many this worker tries.
        device: where its runs train, as for `fer train`.
        stop: when it is requested the trial in progress is stopped and the worker ends.
        on_trial: told (number, state, score) after each trial.

    Raises:
        RunError: the study can't be used, the sweep's folder is gone, or the first trial fails: then the rest
            would too.
        ConfigError: the data set is missing, or no trial is asked for.
        StorageError: the sweep's folder can't be written.
    """
    if num_trials < 1:
        raise ConfigError(f"{num_trials} trials were asked for; expected at least 1")
    from optuna.trial import TrialState

    study = open_study(sweep, seed_offset=os.getpid())
    counts: Counter[str] = Counter()
    with _working_on(sweep) as presence, study_errors(sweep):
        for _ in range(num_trials):
            _check_folder(sweep)
            take_over(study, sweep, workspace)
            if stop is not None and stop.is_requested:
                break
            trial = study.ask()
            presence.show(trial)
            outcome = _try(trial, sweep, workspace, device, stop, presence)
            told_state = TrialState.FAIL if outcome.state == "STOPPED" else TrialState[outcome.state]
            told = study.tell(trial, outcome.score, state=told_state, skip_if_finished=True)
            state = _STATES[outcome.state]
            counts[state] += 1
            if on_trial is not None:
                on_trial(trial.number, state, told.value)
            if state == "failed" and counts.total() == 1:
                raise RunError(f"the first trial failed, so the sweep ends: {outcome.reason}")
        take_over(study, sweep, workspace)
    return WorkerReport(counts["finished"], counts["pruned"], counts["failed"], counts["stopped"])


@contextmanager
def _working_on(sweep: Sweep) -> Iterator[_Presence]:
    presence = _Presence(sweep)
    presence.show()
    try:
        yield presence
    finally:
        presence.path.unlink(missing_ok=True)


def _check_folder(sweep: Sweep) -> None:
    if not (sweep.folder / SWEEP_FILE).is_file():
        raise RunError(
            f"the folder of sweep {sweep.name!r} was deleted, so the worker ends; its runs are kept"
        )


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How a trial ended."""

    state: Literal["COMPLETE", "PRUNED", "FAIL", "STOPPED"]
    score: float | None = None
    reason: str = ""


def _try(
    trial: "Trial",
    sweep: Sweep,
    workspace: Workspace,
    device: str,
    stop: StopSignal | None,
    presence: _Presence,
) -> _Outcome:
    """Run one trial to its end: finished with its best score, pruned, stopped, or failed with the reason."""
    values: dict[str, Value] = {
        name: entry.suggest(trial, name) for name, entry in sweep.settings.space.items()
    }
    try:
        run = _submit(trial, apply_values(sweep.settings.base, values), sweep, workspace, device)
        was_pruned = _watch(trial, run, sweep, workspace, stop, presence)
        run = load_run(run.folder)
        if was_pruned:
            return _Outcome("PRUNED")
        if run.state == "stopped":
            trial.set_user_attr(STOPPED_KEY, True)
            return _Outcome("STOPPED")
        score = read_score(run, sweep)
        if run.state != "finished" or score is None:
            raise RunError(run.status.message or f"run {run.name} is {run.state}")
    except FerError as error:
        trial.set_user_attr(REASON_KEY, str(error))
        return _Outcome("FAIL", reason=str(error))
    return _Outcome("COMPLETE", score)


def _submit(trial: "Trial", config: TrainConfig, sweep: Sweep, workspace: Workspace, device: str) -> Run:
    """Start the run of a trial under the first free name from the trial's number on.

    The trial knows it before there is a run: whoever takes over looks for it.
    """
    for number in itertools.count(trial.number):
        name = f"{sweep.name}-{number:03d}"
        if workspace.run(name).exists():
            continue
        trial.set_user_attr(RUN_KEY, name)
        try:
            return jobs.submit_run(config, workspace, name=name, device=device)
        except RunError:
            if not workspace.run(name).exists():
                raise
            # Another took the name in this moment.
    raise AssertionError("unreachable")


def _watch(
    trial: "Trial",
    run: Run,
    sweep: Sweep,
    workspace: Workspace,
    stop: StopSignal | None,
    presence: _Presence,
) -> bool:
    """Follow a run to its end, reporting its epochs; stop it where it is not worth going on."""
    key = METRIC_KEYS[sweep.settings.base.monitor]
    num_reported, is_stopping, was_pruned = 0, False, False
    sleeper = stop or StopSignal(())
    while True:
        presence.beat(trial)
        run = load_run(run.folder)
        for record in run.load_metrics()[num_reported:]:
            num_reported += 1
            score = getattr(record, key)
            if score is not None:
                trial.report(score, step=record.epoch)
        if run.state not in ACTIVE_STATES:
            return was_pruned
        is_last = num_reported >= sweep.settings.base.epochs
        if not is_stopping and num_reported and not is_last and trial.should_prune():
            is_stopping = was_pruned = True
            _stop_quietly(run.name, workspace)
        elif not is_stopping and stop is not None and stop.is_requested:
            is_stopping = True
            _stop_quietly(run.name, workspace)
        sleeper.sleep(_POLL_S if not is_stopping else _POLL_S / 5)


def _stop_quietly(name: str, workspace: Workspace) -> None:
    try:
        jobs.stop_run(name, workspace)
    except RunError as error:  # it ended by itself in this moment
        _LOG.info("%s", error)


def list_workers(sweep: Sweep) -> list[ProcessIdentity]:
    """The workers that work on a sweep; files of dead ones are removed."""
    alive = []
    for path in sorted(sweep.folder.glob("worker-*.json")):
        try:
            status = read_record(path, ProcessStatus, RunError, advice="delete it")
        except RunError:
            continue
        if not is_at_work(path, status):
            path.unlink(missing_ok=True)
        elif status.process is not None:
            alive.append(status.process)
    return alive


def launch_worker(sweep: Sweep, workspace: Workspace, *, num_trials: int, device: str = "") -> BackgroundTask:
    """Start a worker in the background, which outlives the page and the server.

    Raises:
        RunError: the system can't start it.
    """
    command = ["sweep", sweep.name, "--trials", str(num_trials)]
    return start_task(
        workspace,
        kind="sweep",
        title=f"Search {sweep.name}",
        command=[*command, "--device", device] if device else command,
        page=f"tune?sweep={sweep.name}",
        facts={"sweep": sweep.name},
    )


def stop_workers(sweep: Sweep) -> int:
    """Ask every worker of this machine to stop its trial and end; return how many were asked.

    Raises:
        RunError: what works on it is no worker of this program; nobody was asked.
    """
    num_asked, refusals = 0, []
    for process in list_workers(sweep):
        if process.is_alive():
            try:
                process.check_is_ours(f"sweep {sweep.name!r}")
                process.terminate()
            except RunError as error:
                refusals.append(error)
            else:
                num_asked += 1
    if refusals and not num_asked:
        raise refusals[0]
    return num_asked
