"""Detached runs, for real: processes that queue, stop, die and go on."""

import contextlib
import dataclasses
import os
import signal
import sys
import time

import psutil
import pytest

from benchmarks import job_cycles
from benchmarks.job_cycles import run_cycles, wait_until_it_rests
from fer_core.config import LogConfig
from fer_core.errors import RunError
from fer_core.jobs import delete_run, resume_run, stop_run, submit_run
from fer_core.runs.log_tail import read_log_tail
from fer_core.runs.reader import list_runs, load_run

CONFIG = dataclasses.replace(job_cycles.CONFIG, log=LogConfig(tensorboard=False))
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@pytest.fixture
def faces(workspace, draw_faces):
    draw_faces(workspace, "faces", num_images=160)
    yield workspace
    for run in list_runs(workspace):
        if run.is_active and run.status.pid not in (None, os.getpid()):
            os.kill(run.status.pid, signal.SIGKILL)


def wait_for(condition, timeout_s=900.0):
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "never happened"
        time.sleep(0.1)


def list_workers():
    """Processes of runs that this one started; a dashboard that several tests share is none."""
    workers = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            workers += [child] if "fer_core.jobs.worker" in child.cmdline() else []
    return workers


def has_epoch(workspace, name, epoch=1):
    return lambda: load_run(workspace.run(name)).status.epoch >= epoch


def test_two_runs_queue_stop_die_resume_and_are_deleted(faces):
    submit_run(CONFIG, faces, name="first", device="cpu")
    short = dataclasses.replace(CONFIG, epochs=2)
    submit_run(short, faces, name="second", device="cpu")
    first, second = (load_run(faces.run(name)) for name in ("first", "second"))
    assert os.getsid(first.status.pid) == first.status.pid != os.getsid(0)
    wait_for(has_epoch(faces, "first"))
    listed = {run.name: run for run in list_runs(faces)}
    assert listed["second"].state == "queued"
    assert listed["second"].queue_position == 1
    with pytest.raises(RunError, match="stop it first"):
        delete_run("first", faces)

    os.kill(first.status.pid, signal.SIGKILL)
    wait_for(lambda: load_run(first.folder).state == "interrupted")
    wait_for(lambda: load_run(second.folder).state == "running")
    submit_run(short, faces, name="third", device="cpu")
    resume_run("first", faces)
    listed = {run.name: run for run in list_runs(faces)}
    assert (listed["third"].queue_position, listed["first"].queue_position) == (1, 2)
    stop_run("third", faces)
    assert wait_until_it_rests(faces, "third").state == "stopped", "a queued run leaves the queue"
    assert wait_until_it_rests(faces, "second").state == "finished"

    before = load_run(first.folder).status.epoch
    wait_for(has_epoch(faces, "first", before + 1))
    stop_run("first", faces)
    assert load_run(first.folder).state in ("stopping", "stopped")
    assert wait_until_it_rests(faces, "first").state == "stopped"
    assert any("used by first" in line for line in read_log_tail(second))
    wait_for(lambda: not list_workers())
    for name in ("first", "second", "third"):
        delete_run(name, faces)
    assert list(faces.runs.iterdir()) == []


def test_what_only_the_process_can_find_out_is_told_by_its_run(faces):
    wrong = dataclasses.replace(CONFIG, model=dataclasses.replace(CONFIG.model, name="fer_resent"))
    submit_run(wrong, faces, name="wrong", device="cpu")
    run = wait_until_it_rests(faces, "wrong")
    assert run.state == "failed"
    assert "fer_resent" in run.status.message
    assert any("fer_resent" in line for line in read_log_tail(run))
    wait_for(lambda: not list_workers())


def test_cycles(workspace):
    """FER_JOB_CYCLES=50 is the long form."""
    outcomes = run_cycles(workspace, int(os.environ.get("FER_JOB_CYCLES", "3")), seed=1, longest_s=4.0)
    assert outcomes["stopped"] + outcomes["interrupted"] == int(os.environ.get("FER_JOB_CYCLES", "3"))
