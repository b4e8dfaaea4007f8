"""Workers of searches that are killed, stopped, named by strangers or bereft of their folder."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest

from fer_core import jobs
from fer_core.config import LogConfig, load_preset
from fer_core.errors import RunError
from fer_core.runs import heartbeat
from fer_core.runs.process import ProcessIdentity, _read_birth
from fer_core.runs.reader import load_run
from fer_core.runs.run_files import HEARTBEAT_TIMEOUT_S
from fer_core.runs.writer import RunWriter
from fer_core.sweeps import (
    Range,
    SweepSettings,
    create_sweep,
    open_study,
    read_study,
    run_worker,
    stop_workers,
)
from fer_core.sweeps.space import apply_values
from fer_core.sweeps.trials import RUN_KEY, WORKER_KEY, take_over
from fer_core.sweeps.worker import list_workers
from fer_core.workspace import PROJECT_ROOT
from tests.integration import sweep_support

SPACE = {"optimizer.learning_rate": Range(low=1e-5, high=1.0, log=True)}
CONFIG = dataclasses.replace(load_preset("quick"), epochs=1, log=LogConfig(tensorboard=False))


@pytest.fixture
def sweep(workspace, monkeypatch):
    monkeypatch.setattr(jobs, "submit_run", sweep_support.submit_run)
    monkeypatch.setattr(jobs, "stop_run", sweep_support.stop_run)
    heartbeat._SEEN.clear()
    return create_sweep("search", SweepSettings(base=CONFIG, space=SPACE), workspace)


def leave_trial(sweep, workspace, *, state="finished", run_rate=None, worker=None):
    """A trial as a worker leaves it that was killed while its run went on."""
    study = open_study(sweep)
    trial = study.ask()
    rate = SPACE["optimizer.learning_rate"].suggest(trial, "optimizer.learning_rate")
    gone = dataclasses.replace(ProcessIdentity.current(), birth="another-boot/1")
    trial.set_user_attr(WORKER_KEY, gone.to_status() if worker is None else worker)
    trial.set_user_attr(RUN_KEY, f"search-{trial.number:03d}")
    config = apply_values(CONFIG, {"optimizer.learning_rate": run_rate or rate})
    run = sweep_support.submit_run(config, workspace, name=f"search-{trial.number:03d}")
    while load_run(run.folder).is_active:
        time.sleep(0.02)
    writer = RunWriter(run.folder)
    writer.set_state(state)
    return writer, sweep_support.score_of(config, 1)


def read_trials(sweep):
    return [(trial.state.name, trial.value) for trial in read_study(sweep).trials]


def test_a_finished_run_of_a_killed_worker_counts(sweep, workspace):
    _, score = leave_trial(sweep, workspace)
    report = run_worker(sweep, workspace, num_trials=1)
    (first, second) = read_trials(sweep)
    assert first == ("COMPLETE", pytest.approx(score))
    assert second[0] == "COMPLETE"
    assert report.num_finished == 1, "what it tried itself"


def test_one_that_still_trains_is_waited_for(sweep, workspace):
    writer, score = leave_trial(sweep, workspace, state="running")
    study = open_study(sweep)
    take_over(study, sweep, workspace)
    assert read_trials(sweep) == [("RUNNING", None)]
    writer.set_state("finished")
    take_over(study, sweep, workspace)
    assert read_trials(sweep) == [("COMPLETE", pytest.approx(score))]


def test_one_that_was_given_up_and_then_resumed_gets_a_new_trial_once(sweep, workspace):
    writer, score = leave_trial(sweep, workspace, state="interrupted")
    study = open_study(sweep)
    take_over(study, sweep, workspace)
    assert read_trials(sweep) == [("FAIL", None)]
    writer.set_state("finished")
    for _ in range(2):
        take_over(study, sweep, workspace)
        assert read_trials(sweep) == [("FAIL", None), ("COMPLETE", pytest.approx(score))]


def test_a_run_of_that_name_with_other_settings_is_not_its_run(sweep, workspace):
    leave_trial(sweep, workspace, run_rate=0.125)
    take_over(open_study(sweep), sweep, workspace)
    assert read_trials(sweep) == [("FAIL", None)]


@pytest.mark.parametrize("worker", [{"pid": -1}, {"host": 3}, [], "x", {"host": "elsewhere", "pid": 5}])
def test_a_worker_that_can_not_be_seen_gets_time(sweep, workspace, worker, monkeypatch):
    if isinstance(worker, dict) and "pid" in worker:
        worker = {"process_started": 1.0, "heartbeat": time.time() - 3600} | worker
    leave_trial(sweep, workspace, worker=worker)
    study = open_study(sweep)
    take_over(study, sweep, workspace)
    assert read_trials(sweep) == [("RUNNING", None)], "its clock may be another"
    later = time.monotonic() + HEARTBEAT_TIMEOUT_S + 1
    monkeypatch.setattr(heartbeat.time, "monotonic", lambda: later)
    take_over(study, sweep, workspace)
    assert read_trials(sweep)[0][0] == "COMPLETE"


def test_a_living_worker_keeps_its_trial_whatever_the_clock_says(sweep, workspace):
    me = ProcessIdentity.current()
    stepped = {**me.to_status(), "process_started": me.started - 3600, "heartbeat": me.started - 7200}
    leave_trial(sweep, workspace, worker=stepped)
    take_over(open_study(sweep), sweep, workspace)
    assert read_trials(sweep) == [("RUNNING", None)]


def test_a_folder_deleted_by_hand_leaves_the_name_usable(sweep, workspace):
    run_worker(sweep, workspace, num_trials=2)

    def delete_folder(*_):
        shutil.rmtree(sweep.folder)

    with pytest.raises(RunError, match=r"can't be opened|was deleted"):
        run_worker(sweep, workspace, num_trials=2, on_trial=delete_folder)
    assert not sweep.folder.exists()
    again = create_sweep("search", SweepSettings(base=CONFIG, space=SPACE), workspace)
    run_worker(again, workspace, num_trials=2)
    names = [trial.user_attrs[RUN_KEY] for trial in read_study(again).trials]
    assert names == ["search-003", "search-004"], "past those of the search that was deleted"


def test_kills(tmp_path):
    """FER_SEARCH_KILLS=50 is the long form."""
    program = [sys.executable, "-m", "benchmarks.search_kills", "--kills"]
    program += [os.environ.get("FER_SEARCH_KILLS", "2"), "--longest", "4", "--seed", "3"]
    with (tmp_path / "log").open("wb") as log:
        code = subprocess.run(program, cwd=PROJECT_ROOT, stdout=log, stderr=log, check=False).returncode
    assert code == 0, (tmp_path / "log").read_text()


def mark(sweep, name, process, *, step_s=0.0, **facts):
    started = psutil.Process(process.pid).create_time()
    identity = dataclasses.replace(
        ProcessIdentity.current(),
        pid=process.pid,
        started=started + step_s,
        birth=_read_birth(process.pid) or "",
    )
    path = sweep.folder / f"worker-{name}.json"
    path.write_text(json.dumps(identity.to_status() | {"heartbeat": time.time() + step_s} | facts))


@pytest.mark.skipif(sys.platform != "linux", reason="start ticks")
@pytest.mark.parametrize("step_s", [-24 * 3600.0, 300.0])
def test_a_worker_is_stopped_after_a_step_of_the_clock_and_a_stranger_is_not(sweep, tmp_path, step_s):
    pipe = tmp_path / "settings.toml"
    os.mkfifo(pipe)  # the command waits for its settings
    with (
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger,
        subprocess.Popen([sys.executable, "-m", "fer_core", "estimate", "--config-file", str(pipe)]) as ours,
    ):
        try:
            while "fer_core" not in psutil.Process(ours.pid).cmdline():
                time.sleep(0.01)  # right after a start it is not shown yet
            mark(sweep, "stranger", stranger, step_s=step_s)
            mark(sweep, "ours", ours, step_s=step_s)
            for number, pid in enumerate((-1, 0, 1.5, "7", 2**40)):
                mark(sweep, f"nonsense-{number}", stranger, pid=pid)
            assert len(list_workers(sweep)) == 2
            assert stop_workers(sweep) == 1
            assert ours.wait() == -signal.SIGTERM
            with pytest.raises(RunError, match="no command of this program"):
                stop_workers(sweep)
            assert stranger.poll() is None
        finally:
            stranger.kill()
            ours.kill()


def test_workers_of_a_container_of_the_same_name_live_by_their_heartbeat(sweep):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        mark(sweep, "fresh", other, pid=1, process_namespace="pid:[1]")
        mark(sweep, "old", other, step_s=-3600.0, pid=1, process_namespace="pid:[1]")
        other.kill()
    assert len(list_workers(sweep)) == 1
    assert stop_workers(sweep) == 0
    assert [path.name for path in sweep.folder.glob("worker-*")] == ["worker-fresh.json"]
