"""How fast a study runs: two workers against one `fer annotate` after another, the engine's cost, its start.

python -m benchmarks.study_runs --recordings 8 --seconds 30

Figures are of one run each, on a machine that does nothing else. Overhead is what the engine's workers need
beyond the time that `analyze` itself takes for the same recordings in one process, by processor seconds.
"""

import json
import os
import resource
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
from fer_core.studies.adding import NewRecording, add_recordings
from fer_core.studies.analyzing import analyze
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
    """Processor seconds of this process and those that ended below it."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, kinds))


def measure(function: Any) -> tuple[Any, float, float]:
    cpu, began = count_cpu_s(), time.monotonic()
    found = function()
    return found, time.monotonic() - began, count_cpu_s() - cpu


def main(recordings: int = 8, seconds: int = 30, workers: int = 2) -> None:
    """Run the same recordings in three ways and print how long each took.

    Args:
        recordings: of a moving face, 640 x 480 px; at least 2.
        seconds: of each.
        workers: of the study.
    """
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        workspace = Workspace.default()
        detector = "yunet" if is_installed(YUNET, workspace) else "haar"
        clip = write_clip(root / "clip.mp4", moving_face(25 * seconds, (640, 480)))
        studies = []
        for kind in ("engine", "alone", "annotate"):
            (root / kind).mkdir()
            if detector == "yunet":
                (root / kind / "weights").symlink_to(workspace.weights)
            studies.append(make_study(root / kind, clip, recordings, detector))
        engine, alone, annotate = studies
        jobs = list_jobs(alone)
        analyze(jobs[0])  # the model is loaded before the clock runs
        failures, alone_s, alone_cpu_s = measure(
            lambda: [reason for job in jobs[1:] if (reason := analyze(job))]
        )
        outcome, engine_s, engine_cpu_s = measure(lambda: run_study(engine, workers=workers))
        _, annotate_s, annotate_cpu_s = measure(lambda: time_annotate(annotate))
        each = alone_cpu_s / max(1, len(jobs) - 1)
        print(
            json.dumps(
                {
                    "recordings": recordings,
                    "seconds_each": seconds,
                    "detector": detector,
                    "load": psutil.getloadavg()[0],
                    "failures": [*failures, *outcome.failures.values()],
                    "start_s": round(outcome.start_s, 2),
                    "engine_s": round(engine_s, 1),
                    "annotate_s": round(annotate_s, 1),
                    "speedup": round(annotate_s / engine_s, 2),
                    "engine_cpu_s": round(engine_cpu_s, 1),
                    "alone_cpu_s_each": round(each, 2),
                    "annotate_cpu_s": round(annotate_cpu_s, 1),
                    "alone_s_each": round(alone_s / max(1, len(jobs) - 1), 2),
                    "engine_overhead": round(engine_cpu_s / (each * recordings) - 1, 3),
                },
                indent=2,
            )
        )


if __name__ == "__main__":
    os.chdir(PROJECT_ROOT)
    tyro.cli(main, description=__doc__)
