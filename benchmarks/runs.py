"""How long the run list takes with many runs: `python benchmarks/runs.py --runs 1000`."""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from fer_core.config import TrainConfig, dump_config
from fer_core.io import write_json
from fer_core.runs.reader import list_runs
from fer_core.workspace import Workspace


def write_synthetic_runs(workspace: Workspace, num_runs: int, *, seed: int = 0) -> None:
    """Run folders as trainings leave them: most finished, some whose process is gone."""
    draw = random.Random(seed)
    for index in range(num_runs):
        folder = workspace.runs / f"20260101T{index:06d}-fer_resnet-faces-{index:04x}"
        folder.mkdir(parents=True)
        (folder / "config.toml").write_text(dump_config(TrainConfig(seed=index)))
        state = draw.choices(["finished", "stopped", "failed", "running"], [80, 8, 4, 8])[0]
        status = {"schema_version": 1, "state": state, "host": "vm", "pid": 10_000 + index, "epoch": 24}
        status |= {"process_started": 1.7e9, "process_birth": f"boot/{index}", "heartbeat": 1.7e9}
        status |= {"num_epochs": 24, "best_epoch": 20, "best_score": draw.random(), "device": "cpu"}
        write_json(folder / "status.json", status)
        if index % 3 == 0:
            write_json(folder / "notes.json", {"schema_version": 1, "tags": ["baseline"], "notes": ""})


def measure(workspace: Workspace, num_repeats: int = 5) -> tuple[float, float]:
    """Seconds of the first listing of this process, and of the fastest one after it."""
    seconds = []
    for _ in range(num_repeats + 1):
        started = time.perf_counter()
        runs = list_runs(workspace)
        seconds.append(time.perf_counter() - started)
        assert runs
    return seconds[0], min(seconds[1:])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        write_synthetic_runs(workspace, arguments.runs)
        cold_s, warm_s = measure(workspace)
    assert "torch" not in sys.modules
    print(f"{arguments.runs} runs: first list {cold_s:.3f} s, then {warm_s:.3f} s; torch was not loaded")
    return 0


if __name__ == "__main__":
    sys.exit(main())
