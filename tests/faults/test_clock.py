"""The clock jumps, forwards or backwards, while runs live."""

import time

import pytest

from fer_core.runs import heartbeat, run_files
from fer_core.runs.reader import load_run
from tests.small_runs import save_small_run

HOUR_S = 3600.0
JUMPS = [-24 * HOUR_S, -HOUR_S, -300.0, 300.0, HOUR_S, 24 * HOUR_S]


class Clock:
    """A wall clock that can be set, and a monotonic one that only goes on."""

    def __init__(self, monkeypatch):
        self.wall, self.monotonic = 1_700_000_000.0, 1000.0
        monkeypatch.setattr(time, "time", lambda: self.wall)
        monkeypatch.setattr(time, "monotonic", lambda: self.monotonic)

    def pass_by(self, seconds):
        self.wall += seconds
        self.monotonic += seconds


@pytest.fixture
def clock(monkeypatch):
    heartbeat._SEEN.clear()
    return Clock(monkeypatch)


def beat(writer, host="elsewhere"):
    """As a process of another machine writes it, whose clock is right."""
    writer.set_state("running")
    status = writer.folder / "status.json"
    status.write_text(status.read_text().replace(f'"host": "{writer._process.host}"', f'"host": "{host}"'))


@pytest.mark.parametrize("jump_s", JUMPS)
def test_a_local_run_lives_by_its_process_whatever_the_clock_says(workspace, clock, jump_s):
    writer = save_small_run(workspace, "run", state="running")
    clock.wall += jump_s
    assert load_run(writer.folder).state == "running"


@pytest.mark.parametrize("jump_s", JUMPS)
def test_a_run_of_another_machine_that_is_watched_survives_a_jump(workspace, clock, jump_s):
    writer = save_small_run(workspace, "run", state="running")
    beat(writer)
    assert load_run(writer.folder).state == "running"
    clock.pass_by(30)
    theirs = clock.wall
    clock.wall += jump_s  # ours jumps, theirs does not
    assert load_run(writer.folder).state == "running"
    for _ in range(10):
        clock.pass_by(30)
        ours, theirs = clock.wall, theirs + 30
        clock.wall = theirs
        beat(writer)
        clock.wall = ours
        assert load_run(writer.folder).state == "running"
    clock.pass_by(run_files.HEARTBEAT_TIMEOUT_S + 1)
    assert load_run(writer.folder).state == "interrupted", "it has stopped beating"


def test_a_heartbeat_from_the_future_does_not_keep_a_run_alive_for_years(workspace, clock):
    writer = save_small_run(workspace, "run", state="running")
    clock.wall += 365 * 24 * HOUR_S
    beat(writer)
    clock.wall -= 365 * 24 * HOUR_S
    assert load_run(writer.folder).state == "running", "it may live: its clock is ahead"
    clock.pass_by(run_files.HEARTBEAT_TIMEOUT_S + 1)
    assert load_run(writer.folder).state == "interrupted"


def test_an_old_heartbeat_is_old_at_first_sight(workspace, clock):
    writer = save_small_run(workspace, "run", state="running")
    beat(writer)
    clock.pass_by(run_files.HEARTBEAT_TIMEOUT_S + 1)
    assert load_run(writer.folder).state == "interrupted"


@pytest.mark.parametrize("jump_s", JUMPS)
def test_a_run_whose_process_never_came_up_does_not_stay_queued(workspace, clock, jump_s):
    writer = save_small_run(workspace, "run", state="queued")
    writer.set_state("queued", has_process=False)
    assert load_run(writer.folder).state == "queued"
    clock.wall += jump_s
    assert load_run(writer.folder).state == "queued", "it is watched: the jump is none of its concern"
    clock.pass_by(run_files.LAUNCH_TIMEOUT_S + 1)
    assert load_run(writer.folder).state == "interrupted"


def test_a_writer_beats_by_the_monotonic_clock(workspace, clock):
    writer = save_small_run(workspace, "run", state="running")
    clock.wall -= HOUR_S
    clock.monotonic += 10
    writer.write_heartbeat("running", step=7)
    assert load_run(writer.folder).status.step == 7
