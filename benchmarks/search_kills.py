"""Kill workers of a search, and the server whose page starts them, at random moments; look at what is left.

python -m benchmarks.search_kills --kills 50

Between the kills the clock is stepped as far as anybody can tell: what files say of times is moved by up to a
day. Nothing that finished may be lost, everything must be stoppable, and nobody may leave a zombie.
"""

import argparse
import contextlib
import ctypes
import json
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import psutil

from benchmarks.job_cycles import CONFIG
from fer_core.config import LogConfig
from fer_core.errors import RunError
from fer_core.io import read_record, write_json
from fer_core.jobs import stop_run
from fer_core.jobs.launch import build_environment
from fer_core.jobs.tasks import list_tasks
from fer_core.runs.process import ProcessStatus
from fer_core.runs.reader import list_runs
from fer_core.sweeps import (
    Range,
    Sweep,
    SweepSettings,
    create_sweep,
    open_study,
    read_study,
    stop_workers,
)
from fer_core.sweeps.trials import RUN_KEY, read_score, take_over
from fer_core.sweeps.worker import list_workers
from fer_core.workspace import PROJECT_ROOT, Workspace

NAME: Final[str] = "search"
_PATIENCE_S: Final[float] = 300.0
_DAY_S: Final[float] = 24 * 3600.0
_PR_SET_CHILD_SUBREAPER: Final[int] = 36


class _Server:
    """A process that shows the Tune page again and again, and starts a worker whenever none is at work."""

    def __init__(self, workspace: Workspace, log: Path) -> None:
        self._log = log
        code = "from benchmarks.search_kills import show_page; show_page()"
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code],
                cwd=PROJECT_ROOT,
                env=build_environment(workspace),
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        assert self.process.poll() is None, self._log.read_text()[-3000:]
        self.process.kill()
        self.process.wait()


def show_page() -> None:
    """What the server does, until it is killed."""
    from streamlit.testing.v1 import AppTest

    while True:
        page = AppTest.from_file(str(PROJECT_ROOT / "pages" / "tune.py"), default_timeout=_PATIENCE_S).run()
        for button in page.button:
            if button.label.startswith("Try "):
                button.click().run()
                break
        unexpected = [
            error.value for error in page.error if "ended from outside" not in error.value
        ]  # the page tells of killed workers
        assert not page.exception and not unexpected, (page.exception, unexpected)
        time.sleep(0.3)


def run_kills(
    workspace: Workspace, num_kills: int, *, seed: int = 0, longest_s: float = 12.0
) -> Counter[str]:
    """Go through the kills and return what was counted.

    Raises:
        AssertionError: something was lost, could not be stopped or was left behind.
    """
    from fer_core.data.builtin import write_schematic_faces

    _become_reaper()
    write_schematic_faces(workspace, "faces", num_images=160)
    config = replace(CONFIG, epochs=1, log=LogConfig(tensorboard=False))
    space = {"optimizer.learning_rate": Range(low=1e-4, high=0.1, log=True)}
    sweep = create_sweep(NAME, SweepSettings(base=config, space=space, pruner="none"), workspace)
    counts = Counter[str]()
    try:
        _kill(sweep, workspace, random.Random(seed), counts, num_kills, longest_s)
    finally:
        _stop_all(sweep, workspace)
    _wait(lambda: not any(run.is_active for run in list_runs(workspace)) or _stop_runs(workspace))
    take_over(open_study(sweep), sweep, workspace)
    counts["runs finished"] = _check_scores(sweep, workspace)
    counts["trials"] = len(read_study(sweep).trials)
    assert all(not task.is_active for task in list_tasks(workspace))
    _check_zombies()
    return counts


def _kill(
    sweep: Sweep,
    workspace: Workspace,
    draw: random.Random,
    counts: Counter[str],
    num_kills: int,
    longest_s: float,
) -> None:
    server: _Server | None = None
    log = workspace.root / "server.txt"
    try:
        for number in range(num_kills):
            if server is None:
                server = _Server(workspace, log)
            _wait(lambda: list_workers(sweep))
            time.sleep(draw.uniform(0.0, longest_s))
            _step_clock(sweep, workspace, draw.uniform(-_DAY_S, _DAY_S))
            workers = list_workers(sweep)
            if draw.random() < 0.6 and workers:
                os.kill(draw.choice(workers).pid, signal.SIGKILL)
                counts["workers killed"] += 1
            else:
                server.kill()
                server = None
                counts["servers killed"] += 1
                if draw.random() < 0.5:
                    _step_clock(sweep, workspace, draw.uniform(-_DAY_S, _DAY_S))
                    counts["workers stopped"] += _stop_all(sweep, workspace)
            read_study(sweep)
            _check_zombies()
            print(number + 1, dict(counts), flush=True)
    finally:
        if server is not None:
            server.kill()


def _stop_all(sweep: Sweep, workspace: Workspace) -> int:
    """Stop every worker, also those that are about to begin, and wait until all have gone."""

    def list_active() -> set[int | None]:
        return {task.status.pid for task in list_tasks(workspace) if task.is_active}

    _wait(lambda: list_active() <= {process.pid for process in list_workers(sweep)})
    num_asked = stop_workers(sweep)
    _wait(lambda: not list_active() and not list_workers(sweep))
    return num_asked


def _stop_runs(workspace: Workspace) -> bool:
    """Stop runs whose worker was killed; False, for they take a moment."""
    for run in list_runs(workspace):
        if run.state in ("queued", "running"):
            stop_run(run.name, workspace)
    return False


def _step_clock(sweep: Sweep, workspace: Workspace, seconds: float) -> None:
    """Move the times in everybody's status, as a step of the clock does for who reads it."""
    for path in [*sweep.folder.glob("worker-*.json"), *workspace.root.glob("[rt]*s/*/status.json")]:
        with contextlib.suppress(RunError, psutil.NoSuchProcess):  # it has just ended
            identity = read_record(path, ProcessStatus, RunError, advice="").process
            if identity is not None and identity.is_alive():
                process = psutil.Process(identity.pid)
                process.suspend()  # or it may write in between
                try:
                    status = json.loads(path.read_text())
                    moved = {key: max(0.0, status[key] + seconds) for key in ("process_started", "heartbeat")}
                    write_json(path, status | moved)
                finally:
                    process.resume()


def _check_scores(sweep: Sweep, workspace: Workspace) -> int:
    """Every finished run is the one of a trial that has its score, and of no other."""
    finished = {run.name: read_score(run, sweep) for run in list_runs(workspace) if run.state == "finished"}
    complete = [trial for trial in read_study(sweep).trials if trial.state.name == "COMPLETE"]
    names = [trial.user_attrs[RUN_KEY] for trial in complete]
    assert sorted(names) == sorted(finished), sorted({*names} ^ {*finished})
    for trial in complete:
        assert math.isclose(trial.value or 0.0, finished[trial.user_attrs[RUN_KEY]] or 0.0)
    assert not [trial for trial in read_study(sweep).trials if trial.state.name == "RUNNING"]
    return len(finished)


def _become_reaper() -> None:
    """Inherit the children of what is killed, so that no zombie hides below init."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _check_zombies() -> None:
    """Wait until everything that ended has been waited for, by its parent or, if that was killed, by us."""

    def is_clean() -> bool:
        me, zombies = os.getpid(), []
        for child in psutil.Process().children(recursive=True):
            try:
                if child.status() == psutil.STATUS_ZOMBIE:
                    zombies.append(child)
                    if child.ppid() == me:
                        os.waitpid(child.pid, os.WNOHANG)
            except (psutil.NoSuchProcess, ChildProcessError):
                continue
        return not zombies

    _wait(is_clean)


def _wait(condition: Callable[[], object]) -> None:
    end = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"did not happen within {_PATIENCE_S:g} s"
        time.sleep(0.1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--longest", type=float, default=12.0, help="seconds between two kills")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        workspace = Workspace(Path(folder))
        counts = run_kills(workspace, arguments.kills, seed=arguments.seed, longest_s=arguments.longest)
    print(f"{arguments.kills} kills in {time.monotonic() - started:.0f} s: {dict(counts)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
