"""How fast a study runs: two workers against one `fer annotate` after another, the engine's cost, its start.

python -m benchmarks.study_runs --recordings 8 --seconds 30

Overhead is what the engine's processes cost a recording, in processor seconds, while its tasks sleep as long
as a recording takes, as a share of what the recording itself costs: two processes that really work differ by
more than that from minute to minute. `speedup` is of one run each, by the clock; `others` says how many cores
were busy with something else meanwhile.
"""

import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import tyro

from fer_core.inference.downloads import YUNET, is_installed
from fer_core.studies import Study, create_study
from fer_core.studies.adding import add_recordings
from fer_core.studies.analyzing import Job, analyze
from fer_core.studies.cluster import open_cluster
from fer_core.studies.new_recordings import NewRecording
from fer_core.studies.running import list_jobs, run_study
from fer_core.workspace import PROJECT_ROOT, Workspace
from tests.e2e.dashboard import moving_face, write_clip


def make_study(root: Path, clip: Path, count: int, detector: str) -> Study:
    study = create_study(Workspace(root), "runs", detector=detector)
    files = []
    for number in range(count):
        path = root / f"r{number}.mp4"
        os.link(clip, path)
        files.append(NewRecording(path=path))
    add_recordings(study, files)
    return study


def time_annotate(study: Study) -> None:
    for row in study.load_recordings().itertuples():
        target = study.folder.parents[1] / f"{row.recording}.parquet"
        command = [sys.executable, "-m", "fer_core", "annotate", str(row.path), str(target)]
        subprocess.run([*command, f"--detector={study.settings.detector}"], check=True, capture_output=True)


def count_cpu_s() -> float:
    """Processor seconds of this process, of those below it, and of those that ended there."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ended = sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, kinds))
    living = 0.0
    for process in psutil.Process().children(recursive=True):
        # The process that workers are forked from stays, and has theirs.
        with contextlib.suppress(psutil.NoSuchProcess):
            living += sum(process.cpu_times()[:4])
    return ended + living


def count_busy_s() -> float:
    """Processor seconds of the whole machine."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0.0)


def time_each(jobs: list[Job]) -> float:
    """Mean processor seconds of the recordings but the first, with which the model is loaded."""
    found = []
    for job in jobs:
        began = time.process_time()
        assert not analyze(job)
        found.append(time.process_time() - began)
    return statistics.fmean(found[1:])


def time_bookkeeping(workers: int, seconds: float) -> float:
    """Processor seconds of all processes of the engine for each task that sleeps for some seconds."""
    number = 3 * workers
    with open_cluster(workers) as client:
        client.gather(client.map(time.sleep, [0.1] * workers, pure=False))
        before = count_cpu_s()
        client.gather(client.map(time.sleep, [seconds] * number, pure=False))
        return (count_cpu_s() - before) / number


def measure(function: Any) -> tuple[Any, float, float, float]:
    """What a function gives; its seconds and processor seconds, and cores that others kept busy meanwhile."""
    cpu, busy, began = count_cpu_s(), count_busy_s(), time.monotonic()
    found = function()
    seconds, cpu_s = time.monotonic() - began, count_cpu_s() - cpu
    return found, seconds, cpu_s, max(0.0, (count_busy_s() - busy - cpu_s) / seconds)


def main(recordings: int = 8, seconds: int = 30, workers: int = 2) -> None:
    """Run the same recordings in several ways and print how long each took.

    Args:
        recordings: of a moving face, 640 x 480 px; two at least.
        seconds: of each.
        workers: of the study.
    """
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        workspace = Workspace.default()
        detector = "yunet" if is_installed(YUNET, workspace) else "haar"
        clip = write_clip(root / "clip.mp4", moving_face(25 * seconds, (640, 480)))
        studies = []
        for kind in ("many", "annotate", "bare"):
            (root / kind).mkdir()
            if detector == "yunet":
                (root / kind / "weights").symlink_to(workspace.weights.resolve())
            studies.append(make_study(root / kind, clip, recordings, detector))
        many, annotate, bare = studies
        outcome, engine_s, engine_cpu_s, engine_others = measure(lambda: run_study(many, workers=workers))
        _, annotate_s, annotate_cpu_s, annotate_others = measure(lambda: time_annotate(annotate))
        bare_each_s = time_each(list_jobs(bare)[:4])
        bookkeeping_s = time_bookkeeping(workers, bare_each_s)
        figures = {
            "recordings": recordings,
            "seconds_each": seconds,
            "detector": detector,
            "failures": list(outcome.failures.values()),
            "start_s": round(outcome.start_s, 2),
            "engine_s": round(engine_s, 1),
            "annotate_s": round(annotate_s, 1),
            "speedup": round(annotate_s / engine_s, 2),
            "others": [round(engine_others, 2), round(annotate_others, 2)],
            "engine_cpu_s": round(engine_cpu_s, 1),
            "annotate_cpu_s": round(annotate_cpu_s, 1),
            "cpu_s_each_bare": round(bare_each_s, 3),
            "cpu_s_each_bookkeeping": round(bookkeeping_s, 3),
            "overhead": round(bookkeeping_s / bare_each_s, 3),
        }
        print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    os.chdir(PROJECT_ROOT)
    tyro.cli(main, description=__doc__)
