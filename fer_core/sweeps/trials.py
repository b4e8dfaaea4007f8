"""The trials of workers that are gone: what their runs found is kept."""

import contextlib
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from filelock import Timeout

from fer_core.errors import FerError
from fer_core.io import hold_lock, to_record
from fer_core.runs.process import ProcessStatus, is_at_work
from fer_core.runs.reader import Run, load_run
from fer_core.sweeps.store import Sweep
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

_LOG: Final = logging.getLogger(__name__)
RUN_KEY: Final[str] = "run"
"""User attribute of a trial: name of its run."""
WORKER_KEY: Final[str] = "worker"
"""User attribute of a trial: who works on it, with the fields of `ProcessStatus`."""
REASON_KEY: Final[str] = "reason"
"""User attribute of a failed trial: why."""
STOPPED_KEY: Final[str] = "stopped"
"""User attribute of a trial whose run was stopped. optuna calls it failed, and so learns nothing from it."""
METRIC_KEYS: Final[dict[str, str]] = {
    "accuracy": "valid_accuracy",
    "macro_f1": "valid_macro_f1",
    "loss": "valid_loss",
}
"""Field of an epoch's record by what is monitored."""
_LOCK_FILE: Final[str] = ".takeover.lock"
_LOCK_TIMEOUT_S: Final[float] = 60.0


def read_score(run: Run, sweep: Sweep) -> float | None:
    """The best score of a run; None before its first epoch."""
    monitor = sweep.settings.base.monitor
    scores = [getattr(record, METRIC_KEYS[monitor]) for record in run.load_metrics()]
    numbers = [float(score) for score in scores if score is not None]
    if not numbers:
        return None
    return min(numbers) if monitor == "loss" else max(numbers)


def name_state(trial: "FrozenTrial") -> str:
    """What people read for the state of a trial: optuna's, in small letters, or `stopped`."""
    return "stopped" if STOPPED_KEY in trial.user_attrs else trial.state.name.lower()


def take_over(study: "Study", sweep: Sweep, workspace: Workspace) -> None:
    """Bring the trials of workers that are gone to their end.

    A run outlives its worker. One that has finished gives its trial the score; while it goes on the trial
    waits; otherwise the trial has failed, without a reason. If that was too early (its run was resumed, or is
    in the workspace of another machine), a new trial gets the score.

    Args:
        study: of the sweep.
        sweep: the sweep.
        workspace: where the runs are.

    Raises:
        StorageError: the sweep's folder can't be written.
    """
    with contextlib.suppress(Timeout), hold_lock(sweep.folder / _LOCK_FILE, timeout_s=_LOCK_TIMEOUT_S):
        trials = study.get_trials(deepcopy=False)
        scored = {trial.user_attrs.get(RUN_KEY) for trial in trials if trial.state.name == "COMPLETE"}
        for trial in trials:
            is_lost = trial.state.name == "FAIL" and REASON_KEY not in trial.user_attrs
            if is_lost and trial.user_attrs.get(RUN_KEY) not in scored:
                _add_again(study, trial, sweep, workspace)
            elif trial.state.name == "RUNNING" and not _is_worked_on(trial, sweep):
                _end(study, trial, sweep, workspace)


def _is_worked_on(trial: "FrozenTrial", sweep: Sweep) -> bool:
    """Whether its worker lives. One that can't be seen, or has not said who it is, gets some time."""
    try:
        status = to_record(trial.user_attrs.get(WORKER_KEY, {}), ProcessStatus)
    except (ValueError, AttributeError):  # of another program
        status = ProcessStatus()
    if status.process is None:
        status = ProcessStatus(heartbeat=0.0)
    return is_at_work(sweep.folder / f"trial-{trial.number}", status, trusts_clock=False)


def _end(study: "Study", trial: "FrozenTrial", sweep: Sweep, workspace: Workspace) -> None:
    from optuna.trial import TrialState

    run = _find_run(trial, workspace)
    if run is not None and run.is_active:
        return
    score = _read_final_score(run, sweep)
    state = TrialState.FAIL if score is None else TrialState.COMPLETE
    _LOG.info("trial %d of a worker that is gone: %s", trial.number, state.name)
    study.tell(trial.number, score, state=state, skip_if_finished=True)


def _read_final_score(run: Run | None, sweep: Sweep) -> float | None:
    return read_score(run, sweep) if run is not None and run.state == "finished" else None


def _add_again(study: "Study", trial: "FrozenTrial", sweep: Sweep, workspace: Workspace) -> None:
    from optuna.trial import create_trial

    score = _read_final_score(_find_run(trial, workspace), sweep)
    if score is not None:
        study.add_trial(
            create_trial(
                value=score,
                params=trial.params,
                distributions=trial.distributions,
                user_attrs={RUN_KEY: trial.user_attrs[RUN_KEY]},
                intermediate_values=trial.intermediate_values,
            )
        )


def _find_run(trial: "FrozenTrial", workspace: Workspace) -> Run | None:
    """The run of a trial, if it is in this workspace and really has the trial's settings."""
    try:
        run = load_run(workspace.run(str(trial.user_attrs.get(RUN_KEY, ""))))
    except FerError:
        return None
    return run if all(_get(run.config, path) == value for path, value in trial.params.items()) else None


def _get(values: Mapping[str, Any], path: str) -> Any:
    value: Any = values
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
