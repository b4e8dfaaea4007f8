"""How fast a study runs: two workers against one `fer annotate` after another, the engine's cost, its start.

python -m benchmarks.study_runs --recordings 24 --seconds 30

Figures are of one run each, on a machine that does nothing else. Overhead is what the engine needs beyond the
processor seconds that as many bare processes take for the same recordings side by side, which cost each other
some: they share caches. The engine's start is told apart by a run of one recording a worker.
"""

import itertools
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


def time_annotate(study: Study) -> float:
    began = time.monotonic()
    for row in study.load_recordings().itertuples():
        target = study.folder.parents[1] / f"{row.recording}.parquet"
        command = [sys.executable, "-m", "fer_core", "annotate", str(row.path), str(target)]
        subprocess.run([*command, f"--detector={study.settings.detector}"], check=True, capture_output=True)
    return time.monotonic() - began


def count_cpu_s() -> float:
    """Processor seconds of this process, of those below it, and of those that ended there."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ended = sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, kinds))
    # The process that workers are forked from stays, and has theirs.
    living = [process.cpu_times() for process in psutil.Process().children(recursive=True)]
    return ended + sum(sum(times[:4]) for times in living)


def time_each(jobs: list[Job]) -> list[float]:
    """Processor seconds of each recording but the first, with which the model is loaded."""
    found = []
    for job in jobs:
        began = time.process_time()
        assert not analyze(job)
        found.append(time.process_time() - began)
    return found[1:]


def time_bare(study: Study, workers: int) -> float:
    """Processor seconds a recording of as many processes without an engine, side by side."""
    jobs = list_jobs(study)
    parts = [jobs[number::workers] for number in range(workers)]
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        return statistics.fmean(itertools.chain(*pool.map(time_each, parts)))


def measure(function: Any) -> tuple[Any, float, float]:
    cpu, began = count_cpu_s(), time.monotonic()
    found = function()
    return found, time.monotonic() - began, count_cpu_s() - cpu


def main(recordings: int = 24, seconds: int = 30, workers: int = 2) -> None:
    """Run the same recordings in several ways and print how long each took.

    Args:
        recordings: of a moving face, 640 x 480 px; at least two a worker, and two more.
        seconds: of each.
        workers: of the study.
    """
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        workspace = Workspace.default()
        detector = "yunet" if is_installed(YUNET, workspace) else "haar"
        clip = write_clip(root / "clip.mp4", moving_face(25 * seconds, (640, 480)))
        studies = []
        counts = {"many": recordings, "few": workers, "bare": 2 * workers, "alone": 3, "annotate": recordings}
        for kind, count in counts.items():
            (root / kind).mkdir()
            if detector == "yunet":
                (root / kind / "weights").symlink_to(workspace.weights.resolve())
            studies.append(make_study(root / kind, clip, count, detector))
        many, few, bare, alone, annotate = studies
        load = psutil.getloadavg()[0]
        alone_s_each = statistics.fmean(time_each(list_jobs(alone)))
        bare_s_each = time_bare(bare, workers)
        few_outcome, _, few_cpu_s = measure(lambda: run_study(few, workers=workers))
        outcome, engine_s, engine_cpu_s = measure(lambda: run_study(many, workers=workers))
        _, annotate_s, annotate_cpu_s = measure(lambda: time_annotate(annotate))
        each = (engine_cpu_s - few_cpu_s) / (recordings - workers)
        figures = {
            "recordings": recordings,
            "seconds_each": seconds,
            "detector": detector,
            "load": load,
            "failures": [*few_outcome.failures.values(), *outcome.failures.values()],
            "start_s": round(few_outcome.start_s, 2),
            "engine_s": round(engine_s, 1),
            "annotate_s": round(annotate_s, 1),
            "speedup": round(annotate_s / engine_s, 2),
            "engine_cpu_s": round(engine_cpu_s, 1),
            "annotate_cpu_s": round(annotate_cpu_s, 1),
            "cpu_s_each_alone": round(alone_s_each, 3),
            "cpu_s_each_side_by_side": round(bare_s_each, 3),
            "cpu_s_each_engine": round(each, 3),
            "cpu_s_start": round(few_cpu_s - workers * each, 2),
            "overhead_running": round(each / bare_s_each - 1, 3),
            "overhead_whole": round(engine_cpu_s / (bare_s_each * recordings) - 1, 3),
        }
        print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    os.chdir(PROJECT_ROOT)
    tyro.cli(main, description=__doc__)
