"""Start, stop and kill a run again and again at random moments, and look at what is left each time.

python benchmarks/job_cycles.py --cycles 50
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil
from filelock import FileLock

from fer_core.config import DataConfig, ModelConfig, TrainConfig
from fer_core.jobs import resume_run, stop_run, submit_run
from fer_core.jobs.queue import get_locks_folder
from fer_core.runs.reader import Run, list_runs, load_run
from fer_core.workspace import Workspace

CONFIG = TrainConfig(
    data=DataConfig(dataset="faces"),
    model=ModelConfig(arguments={"stem_width": 8, "widths": "8-16-16", "depths": "1-1-1"}),
    epochs=100_000,
    batch_size=32,
    threads=1,
)


def wait_until_it_rests(workspace: Workspace, name: str, timeout_s: float = 90.0) -> Run:
    """The run, once no process works on it."""
    end = time.monotonic() + timeout_s
    while (run := load_run(workspace.run(name))).is_active:
        assert time.monotonic() < end, f"{name} is still {run.state} after {timeout_s} s"
        time.sleep(0.05)
    return run


def run_cycles(
    workspace: Workspace, num_cycles: int, *, seed: int = 0, longest_s: float = 12.0
) -> Counter[str]:
    """Go through the cycles and return how often each state came out of them.

    Raises:
        AssertionError: something was left behind that should not be.
    """
    from fer_core.data.builtin import write_schematic_faces
    from fer_core.models import load_checkpoint

    write_schematic_faces(workspace, "faces", num_images=160)
    others = set(psutil.Process().children(recursive=True))  # not of these runs
    draw = random.Random(seed)
    outcomes: Counter[str] = Counter()
    name = ""
    for cycle in range(num_cycles):
        if not name or draw.random() < 0.3:
            name = f"cycle-{cycle}"
            submit_run(CONFIG, workspace, name=name, device="cpu")
        else:
            resume_run(name, workspace)
        time.sleep(draw.uniform(0.0, longest_s))
        run = load_run(workspace.run(name))
        is_killed = draw.random() < 0.5
        if is_killed:
            os.kill(run.status.pid, signal.SIGKILL)
        else:
            stop_run(name, workspace)
        run = wait_until_it_rests(workspace, name)
        outcomes[run.state] += 1
        assert run.state == ("interrupted" if is_killed else "stopped"), (cycle, run.state, run.status)
        _check_folder(run)
        if (run.folder / "best" / "model.json").is_file():
            load_checkpoint(run.folder / "best")
            outcomes["best/ loaded"] += 1
        _check_processes(others)
        with FileLock(get_locks_folder(workspace) / "device-cpu.lock", timeout=5):
            pass  # held by nobody
    assert len(list_runs(workspace)) == len(list(workspace.runs.glob("[!.]*")))
    return outcomes


def _check_folder(run: Run) -> None:
    path = run.folder / "metrics.jsonl"
    text = path.read_text() if path.is_file() else ""
    assert not text or text.endswith("\n"), "half a line of metrics"
    epochs = [json.loads(line)["epoch"] for line in text.splitlines()]
    assert epochs == list(range(1, len(epochs) + 1)), epochs


def _check_processes(others: set[psutil.Process]) -> None:
    end = time.monotonic() + 30  # the last of them may still be on its way out
    while children := set(psutil.Process().children(recursive=True)) - others:
        assert time.monotonic() < end, f"left behind: {children}"
        time.sleep(0.05)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        outcomes = run_cycles(Workspace(Path(folder)), arguments.cycles, seed=arguments.seed)
    print(f"{arguments.cycles} cycles in {time.monotonic() - started:.0f} s: {dict(outcomes)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
