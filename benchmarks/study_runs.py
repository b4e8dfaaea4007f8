"""How fast a study runs: two workers against one `fer annotate` after another, the engine's cost, its start.

python -m benchmarks.study_runs --recordings 8 --seconds 30

Overhead is what a recording costs the engine with all its processes, in processor seconds, beyond what it
costs a bare process that does the same at the same time: what else the machine does slows both alike. The
first recording of each, with which the model is loaded, does not count. `speedup` is of one run each, by the
clock; `others` says how many cores were busy with something else, and should be next to nothing.
"""

import contextlib
import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import tyro

from fer_core.inference.downloads import YUNET, is_installed
from fer_core.studies import Study, create_study
from fer_core.studies.adding import NewRecording, add_recordings
from fer_core.studies.analyzing import Job, analyze
from fer_core.studies.running import RunProgress, list_jobs, run_study
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


def time_each(jobs: list[Job], is_ready: Any, go: Any) -> list[float]:
    """Processor seconds of each recording but the first, with which the model is loaded."""
    found = []
    for job in jobs:
        began = time.process_time()
        assert not analyze(job)
        found.append(time.process_time() - began)
        if len(found) == 1:
            is_ready.set()
            go.wait()
    return found[1:]


def measure_overhead(bare: Study, engine: Study) -> tuple[float, float]:
    """Processor seconds a recording of a bare process and of the engine with one worker, side by side."""
    counted: dict[int, float] = {}
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(1, mp_context=context) as pool:
        is_ready, go = manager.Event(), manager.Event()
        found = pool.submit(time_each, list_jobs(bare), is_ready, go)
        is_ready.wait()
        (process,) = pool._processes.values()
        bare_process = psutil.Process(process.pid)

        def tell(progress: RunProgress) -> None:
            if progress.num_done and progress.num_done not in counted:
                go.set()
                counted[progress.num_done] = count_cpu_s() - sum(bare_process.cpu_times()[:2])

        outcome = run_study(engine, workers=1, on_progress=tell)
        assert not outcome.failures
        first, last = min(counted), max(counted)
        each = (counted[last] - counted[first]) / (last - first)
        return statistics.fmean(found.result()), each


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
        for kind in ("many", "annotate", "bare", "engine"):
            (root / kind).mkdir()
            if detector == "yunet":
                (root / kind / "weights").symlink_to(workspace.weights.resolve())
            studies.append(make_study(root / kind, clip, recordings, detector))
        many, annotate, bare, engine = studies
        outcome, engine_s, engine_cpu_s, engine_others = measure(lambda: run_study(many, workers=workers))
        _, annotate_s, annotate_cpu_s, annotate_others = measure(lambda: time_annotate(annotate))
        bare_each_s, engine_each_s = measure_overhead(bare, engine)
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
            "cpu_s_each_engine": round(engine_each_s, 3),
            "overhead": round(engine_each_s / bare_each_s - 1, 3),
        }
        print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    os.chdir(PROJECT_ROOT)
    tyro.cli(main, description=__doc__)
