"""Kill workers, scheduler and command of a study at random moments, and compare with an unbroken run.

python -m benchmarks.study_kills --recordings 1000 --kills 50

A kill is SIGKILL to a worker process, to the one that workers are forked from, or to the command, which
holds the scheduler; with --cluster to a worker, the scheduler or the command, each a program of its own. What
is gone is started anew. In the end the Parquet files are compared, content by content, and the summaries,
byte by byte, with those that one process made one after the other.
"""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import tyro

from fer_core.studies import Study, create_study, read_state
from fer_core.studies.adding import NewRecording, add_recordings
from fer_core.studies.analyzing import analyze
from fer_core.studies.running import list_jobs
from fer_core.workspace import PROJECT_ROOT, Workspace
from tests.unit.inference.videos import make_video


def make_study(root: Path, media: Path, count: int) -> Study:
    study = create_study(Workspace(root), "kills", model="fer-tiny", detector="whole-image")
    files = [NewRecording(path=media / f"r{number:04d}.mp4") for number in range(count)]
    add_recordings(study, files)
    return study


@dataclass(slots=True)
class Programs:
    """The command, and scheduler and workers if they are programs of their own."""

    study: Study
    address: str = ""
    """Of the scheduler; empty where the command starts one."""
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    num_starts: int = 0
    """Of the command."""

    def start_missing(self) -> None:
        if self.address and self._is_gone("scheduler"):
            self._end("workers")  # they leave with their scheduler, but not at once
            port = self.address.rpartition(":")[2]
            options = ["--host=127.0.0.1", f"--port={port}", "--no-dashboard"]
            self._start("scheduler", "distributed.cli.dask_scheduler", *options)
        if self.address and self._is_gone("workers"):
            options = ["--nworkers=2", "--nthreads=1", "--no-dashboard", f"--local-directory={self.root}"]
            self._start("workers", "distributed.cli.dask_worker", self.address, *options)
        if self._is_gone("command"):
            where = f"--scheduler={self.address}" if self.address else "--workers=2"
            self._start("command", "fer_core", "study", "run", self.study.name, where)
            self.num_starts += 1

    @property
    def root(self) -> Path:
        return self.study.folder.parents[1]

    @property
    def is_over(self) -> bool:
        """Whether the command has ended."""
        return self._is_gone("command")

    def find(self) -> dict[str, list[psutil.Process]]:
        """All processes by kind; none while one of the programs is gone."""
        try:
            mine = {kind: psutil.Process(item.pid) for kind, item in self.running.items()}
            parent = mine.pop("workers", mine["command"])
            workers = [
                item
                for item in parent.children(recursive=True)
                if any(word in " ".join(item.cmdline()) for word in ("multiprocessing", "spawn_main"))
            ]
        except psutil.Error:
            return {}
        return {"worker": workers, **{kind: [item] for kind, item in mine.items()}}

    def end(self) -> None:
        for kind in list(self.running):
            self._end(kind)

    def _is_gone(self, kind: str) -> bool:
        return kind not in self.running or self.running[kind].poll() is not None

    def _start(self, kind: str, module: str, *options: str) -> None:
        environment = {**os.environ, "FER_WORKSPACE": str(self.root), "OMP_NUM_THREADS": "1"}
        self.running[kind] = subprocess.Popen(
            [sys.executable, "-m", module, *options],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _end(self, kind: str) -> None:
        if not self._is_gone(kind):
            self.running[kind].terminate()
            self.running[kind].wait()


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def measure_mb(processes: dict[str, list[psutil.Process]]) -> float:
    total = 0.0
    for process in (item for group in processes.values() for item in group):
        try:
            total += process.memory_info().rss / 2**20
        except psutil.Error:
            continue
    return total


def read_results(study: Study) -> dict[str, tuple[Any, bytes]]:
    folders = [path for path in (study.folder / "results").iterdir() if path.name[0] != "."]
    return {
        path.name: (pq.read_table(path / "faces.parquet"), (path / "summary.json").read_bytes())
        for path in folders
    }


def main(recordings: int = 1000, kills: int = 50, seed: int = 0, cluster: bool = False) -> int:
    """Kill, compare, print what was found.

    Args:
        recordings: made videos, a second or less each.
        kills: spread over the run, the first while it starts.
        seed: of the moments and victims.
        cluster: with a scheduler and workers that were started by hand.
    """
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        media = root / "media"
        media.mkdir()
        for number in range(recordings):
            make_video(media / f"r{number:04d}.mp4", 10 + number % 15, noisy=number % 3 == 0)
        whole = make_study(root / "whole", media, recordings)
        failures = [reason for reason in map(analyze, list_jobs(whole)) if reason]
        study = make_study(root / "broken", media, recordings)
        address = f"tcp://127.0.0.1:{find_free_port()}" if cluster else ""
        report = run_and_kill(study, kills, random.Random(seed), address)
        expected, found = read_results(whole), read_results(study)
        different = [key for key in expected if found.get(key) != expected[key]]
        left = [path.name for path in (study.folder / "results").iterdir() if path.name[0] == "."]
        done = read_state(study).counts["done"]
        report |= {"recordings": recordings, "done": done, "different": different, "failures": failures}
        print(json.dumps({**report, "leftovers": left}, indent=2))
        return int(bool(different or failures or left or done != recordings))


def run_and_kill(study: Study, kills: int, chance: random.Random, address: str) -> dict[str, Any]:
    killed: Counter[str] = Counter()
    memory: list[float] = []
    total = len(study.load_recordings())
    programs = Programs(study, address)
    programs.start_missing()
    try:
        while True:
            next_kill = total * sum(killed.values()) / max(kills, 1)
            is_over = programs.is_over
            done = read_state(study).counts["done"]
            processes = programs.find()
            memory.append(measure_mb(processes))
            if is_over and (done == total or programs.num_starts > 3 * kills + 3):
                break
            if is_over:
                programs.start_missing()
            elif sum(killed.values()) < kills and done >= next_kill and processes.get("worker"):
                time.sleep(chance.random() * min(1.0, total / 1000))
                kind = chance.choice(["worker", "worker", *(kind for kind in processes if kind != "worker")])
                victim = chance.choice(processes[kind])
                try:
                    os.kill(victim.pid, signal.SIGKILL)
                    killed[kind] += 1
                except ProcessLookupError:
                    pass
            time.sleep(0.1)
    finally:
        programs.end()
    third = max(1, len(memory) // 3)
    return {
        "kills": dict(killed),
        "starts": programs.num_starts,
        "mb_first_third": round(max(memory[:third])),
        "mb_last_third": round(max(memory[-third:])),
    }


if __name__ == "__main__":
    os.chdir(PROJECT_ROOT)
    sys.exit(tyro.cli(main, description=__doc__))
