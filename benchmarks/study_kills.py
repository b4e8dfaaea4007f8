"""Kill workers, scheduler and command of a study at random moments, and compare with an unbroken run.

python -m benchmarks.study_kills --recordings 1000 --kills 50

A kill is SIGKILL to a worker process, to the one that workers are forked from, or to the command, which
holds the scheduler. The command is started anew when it is gone. In the end the Parquet files are compared,
content by content, and the summaries, byte by byte, with those that one process made one after the other.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import tyro

from fer_core.studies import Study, create_study, read_state
from fer_core.studies.adding import add_recordings
from fer_core.studies.analyzing import analyze
from fer_core.studies.new_recordings import NewRecording
from fer_core.studies.running import list_jobs
from fer_core.workspace import PROJECT_ROOT, Workspace
from tests.unit.inference.videos import make_video


def make_study(root: Path, media: Path, count: int) -> Study:
    study = create_study(Workspace(root), "kills", model="fer-tiny", detector="whole-image")
    files = [NewRecording(path=media / f"r{number:04d}.mp4") for number in range(count)]
    add_recordings(study, files)
    return study


def start(study: Study) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "FER_WORKSPACE": str(study.folder.parents[1])}
    command = [sys.executable, "-m", "fer_core", "study", "run", study.name, "--workers=2"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def find_processes(command: subprocess.Popen[bytes]) -> dict[str, list[psutil.Process]]:
    try:
        mine = psutil.Process(command.pid)
        children = [
            item
            for item in mine.children(recursive=True)
            if any(word in " ".join(item.cmdline()) for word in ("multiprocessing.forkserver", "spawn_main"))
        ]
    except psutil.Error:
        return {}
    return {"worker": children, "command": [mine]}


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


def main(recordings: int = 1000, kills: int = 50, seed: int = 0) -> int:
    """Kill, compare, print what was found.

    Args:
        recordings: made videos, a second or less each.
        kills: spread over the run, the first while it starts.
        seed: of the moments and victims.
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
        report = run_and_kill(study, kills, random.Random(seed))
        expected, found = read_results(whole), read_results(study)
        different = [key for key in expected if found.get(key) != expected[key]]
        left = [path.name for path in (study.folder / "results").iterdir() if path.name[0] == "."]
        done = read_state(study).counts["done"]
        report |= {"recordings": recordings, "done": done, "different": different, "failures": failures}
        print(json.dumps({**report, "leftovers": left}, indent=2))
        return int(bool(different or failures or left or done != recordings))


def run_and_kill(study: Study, kills: int, chance: random.Random) -> dict[str, Any]:
    killed: Counter[str] = Counter()
    memory: list[float] = []
    total = len(study.load_recordings())
    command, num_starts = start(study), 1
    while True:
        next_kill = total * sum(killed.values()) / max(kills, 1)
        is_over = command.poll() is not None
        done = read_state(study).counts["done"]
        processes = {} if is_over else find_processes(command)
        memory.append(measure_mb(processes))
        if is_over and (done == total or num_starts > 3 * kills + 3):
            break
        if is_over:
            command, num_starts = start(study), num_starts + 1
        elif sum(killed.values()) < kills and done >= next_kill and processes.get("worker"):
            time.sleep(chance.random() * min(1.0, total / 1000))
            kind = chance.choice(["worker", "worker", "command"])
            victim = chance.choice(processes[kind])
            try:
                os.kill(victim.pid, signal.SIGKILL)
                killed[kind] += 1
            except ProcessLookupError:
                pass
        time.sleep(0.1)
    third = max(1, len(memory) // 3)
    return {
        "kills": dict(killed),
        "starts": num_starts,
        "mb_first_third": round(max(memory[:third])),
        "mb_last_third": round(max(memory[-third:])),
    }


if __name__ == "__main__":
    os.chdir(PROJECT_ROOT)
    sys.exit(tyro.cli(main, description=__doc__))
