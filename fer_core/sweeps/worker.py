"""Working on a sweep: one run after the other, each an ordinary detached run that this process watches."""

import logging
import os
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fer_core import jobs
from fer_core.errors import ConfigError, FerError, RunError
from fer_core.io import read_record, write_json
from fer_core.jobs.stopping import StopSignal
from fer_core.jobs.tasks import BackgroundTask, start_task
from fer_core.runs.process import ProcessIdentity
from fer_core.runs.reader import Run, load_run
from fer_core.runs.run_files import ACTIVE_STATES
from fer_core.sweeps.space import Value, apply_values
from fer_core.sweeps.store import Sweep, open_study
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

_LOG = logging.getLogger(__name__)
_POLL_S: Final[float] = 0.5
RUN_KEY: Final[str] = "run"
"""User attribute of a trial: name of its run."""
REASON_KEY: Final[str] = "reason"
"""User attribute of a failed trial: why."""
_STATES: Final[dict[str, str]] = {"COMPLETE": "finished", "PRUNED": "pruned", "FAIL": "failed"}
_METRIC_KEYS: Final[dict[str, str]] = {
    "accuracy": "valid_accuracy",
    "macro_f1": "valid_macro_f1",
    "loss": "valid_loss",
}


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """What a worker did."""

    num_finished: int
    num_pruned: int
    num_failed: int


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
        RunError: the study can't be opened, or the first trial fails: then the rest would too.
        ConfigError: the data set is missing, or no trial is asked for.
    """
    if num_trials < 1:
        raise ConfigError(f"{num_trials} trials were asked for; expected at least 1")
    process = ProcessIdentity.current()
    study = open_study(sweep, seed_offset=process.pid)
    counts: Counter[str] = Counter()
    problems: list[str] = []

    def after_trial(study: "Study", trial: "FrozenTrial") -> None:
        state = _STATES[trial.state.name]
        counts[state] += 1
        was_stopped = stop is not None and stop.is_requested
        if state == "failed" and not was_stopped:
            problems.append(str(trial.user_attrs.get(REASON_KEY, "its run failed")))
        if was_stopped or (problems and counts.total() == 1):
            study.stop()
        if on_trial is not None:
            on_trial(trial.number, state, trial.value)

    marker = _worker_file(sweep, process.pid)
    write_json(marker, {"host": process.host, "pid": process.pid, "started": process.started})
    try:
        # It also tells the study that this worker lives, and gives up the trials of dead ones.
        study.optimize(
            lambda trial: _try(trial, sweep, workspace, device, stop),
            n_trials=num_trials,
            catch=(FerError,),
            callbacks=[after_trial],
        )
    finally:
        marker.unlink(missing_ok=True)
    if problems and counts.total() == 1:
        raise RunError(f"the first trial failed, so the sweep ends: {problems[0]}")
    return WorkerReport(counts["finished"], counts["pruned"], counts["failed"])


def _try(trial: "Trial", sweep: Sweep, workspace: Workspace, device: str, stop: StopSignal | None) -> float:
    """Run one trial and return its best score.

    Raises:
        TrialPruned: it was not worth going on.
        FerError: these settings can't be trained, or the run failed or was stopped.
    """
    import optuna

    values: dict[str, Value] = {
        name: entry.suggest(trial, name) for name, entry in sweep.settings.space.items()
    }
    try:
        config = apply_values(sweep.settings.base, values)
        run = jobs.submit_run(config, workspace, name=f"{sweep.name}-{trial.number:03d}", device=device)
        trial.set_user_attr(RUN_KEY, run.name)
        was_pruned = _watch(trial, run, sweep, workspace, stop)
        run = load_run(run.folder)
        score = _best_score(run, sweep)
        if was_pruned:
            raise optuna.TrialPruned
        if run.state != "finished" or score is None:
            raise RunError(run.status.message or f"run {run.name} is {run.state}")
    except FerError as error:
        trial.set_user_attr(REASON_KEY, str(error))
        raise
    return score


def _watch(trial: "Trial", run: Run, sweep: Sweep, workspace: Workspace, stop: StopSignal | None) -> bool:
    """Follow a run to its end, reporting its epochs; stop it where it is not worth going on."""
    key = _METRIC_KEYS[sweep.settings.base.monitor]
    num_reported, is_stopping, was_pruned = 0, False, False
    sleeper = stop or StopSignal(())
    while True:
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


def _best_score(run: Run, sweep: Sweep) -> float | None:
    monitor = sweep.settings.base.monitor
    scores = [getattr(record, _METRIC_KEYS[monitor]) for record in run.load_metrics()]
    numbers = [float(score) for score in scores if score is not None]
    if not numbers:
        return None
    return min(numbers) if monitor == "loss" else max(numbers)


def _worker_file(sweep: Sweep, pid: int) -> Path:
    return sweep.folder / f"worker-{pid}.json"


def list_workers(sweep: Sweep) -> list[ProcessIdentity]:
    """The workers that work on a sweep from this machine; files of dead ones are removed."""
    alive = []
    for path in sorted(sweep.folder.glob("worker-*.json")):
        try:
            process = read_record(path, ProcessIdentity, RunError, advice="delete it")
        except RunError:
            continue
        if process.is_alive() is False:
            path.unlink(missing_ok=True)
        else:
            alive.append(process)
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
    """Ask every worker of this machine to stop its trial and end; return how many were asked."""
    workers = [process for process in list_workers(sweep) if process.is_alive()]  # of this machine alone
    for process in workers:
        try:
            os.kill(process.pid, signal.SIGTERM)
        except ProcessLookupError:
            continue
    return len(workers)
