"""Every benchmark runs, on next to nothing, so that none stays behind the library; no speed is looked at."""

import importlib
import io
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fer_core.data.builtin import write_schematic_faces
from fer_core.evaluation.corruptions import CORRUPTIONS
from fer_core.inference.downloads import YUNET, weights_path
from fer_core.inference.sample import load_sample
from fer_core.workspace import PROJECT_ROOT, Workspace
from tests.unit.data.pictures import write_zip
from tests.unit.inference.videos import make_video
from tests.voices import emodb_files

RUN: dict[str, dict[str, Any]] = {
    "adapt": {"model": "fer-tiny", "second": "fer-tiny", "sizes": (1, 2), "seeds": 1, "people": 3},
    "annotators": {"repeats": 1, "models": ("fer-tiny",)},
    "corrupted_copy": {"dataset": "ferplus", "name": "worse"},
    "encoding": {},
    "framing": {"model": "fer-tiny", "num_faces": 4},
    "face_quality": {"models": ("fer-tiny",), "num_faces": 1},
    "library.drawing": {"num_faces": 4, "rounds": 1},
    "library.importing": {"num_images": 8, "side_px": 32, "threads": 1, "rounds": 1},
    "live": {"model": "fer-tiny", "num_frames": 2},
    "prior": {"model": "fer-tiny"},
    "recipes": {"presets": ("quick", "quick"), "rounds": 1, "steps": 3},
    "serve": {"seconds": 0.2, "clients": (2,), "malformed": 3, "model": "fer-tiny"},
    "speed": {"jobs": ("copies",), "rounds": 1},
    "transfer_curve": {"fractions": (0.5,), "epochs": 1},
    "study": {"train_missing": False},
    "train_throughput": {"dataset": "ferplus", "batch_size": 2, "steps": 1, "rounds": 2},
    "turned": {"model": "fer-tiny", "num_faces": 1, "angles": (0, 90)},
    "voice_live": {"num": 1},
    "voice_clock": {"suffixes": ("mp4", "mp3")},
    "voice_speaker": {"seconds": 0.2, "model": "fer-tiny", "num_cases": 1},
    "voice": {"seeds": (0,), "speakers": 1, "epochs": 1},
    "video": {"model": "fer-tiny", "repeats": 1, "memory": False},
}
LESS = {"CORRUPTIONS": CORRUPTIONS[:1], "NUM_DISTINCT": 8, "NUM_RESAMPLES": 2}
"""Constants of benchmarks that would take a while."""
ELSEWHERE = {"coverage", "job_cycles", "load", "search_kills", "study_kills"}
"""Run in short by tests/unit/studies/test_statistics.py, test_jobs.py, tests/e2e/test_load.py,
test_sweep_workers.py and test_studies.py."""
LONG = {
    "browser_live",
    "camera_to_model",
    "install",
    "labelling",
    "new_user",
    "page_actions",
    "page_speed",
    "player",
    "study_long",
    "study_persons",
    "study_runs",
    "upload_memory",
    "video_peer",
    "voice_activity",
    "voice_egemaps",
    "voice_fusion",
    "voice_pace",
}
"""Minutes each, most in a browser; here they only say what they take."""
SHARED = {"adapt_curves", "adapt_faces", "adapt_head", "composed_clips", "made_speech", "script_runs"}


def write_photos(path: Path) -> Path:
    """A photograph with a label, as a zip."""
    picture = io.BytesIO()
    Image.fromarray(load_sample()).save(picture, "JPEG")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("sample.jpg", picture.getvalue())
        archive.writestr("labels.csv", "path,label\nsample.jpg,happiness\n")
    return path


@pytest.fixture
def ready(workspace: Workspace, shared: Path) -> Workspace:
    """A workspace with faces under the name of the real ones, and YuNet."""
    write_schematic_faces(workspace, "ferplus", num_images=64)
    path = weights_path(YUNET, workspace)
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(shared / "models" / YUNET.file_name, path)
    return workspace


@pytest.mark.parametrize("name", RUN)
@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value encountered")
def test_a_benchmark_runs(
    name: str, ready: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places: dict[str, dict[str, Any]] = {
        "framing": {"detector": weights_path(YUNET, ready)},
        "face_quality": {"cache": tmp_path / "boxes.json"},
    }
    if name == "serve" and not shutil.which("wrk"):
        places[name] = {"clients": ()}  # the load is wrk's; the rest needs nothing
    if name in ("annotators", "transfer_curve"):
        places[name] = {"photos": write_photos(tmp_path / "photos.zip")}
    if name == "voice":
        places[name] = {"source": write_zip(tmp_path / "emodb.zip", emodb_files(speakers=("03", "08")))}
    if name in ("encoding", "video"):
        places[name] = {"videos": (make_video(tmp_path / "in.mp4"),)}
    module, _, function = name.partition(".")
    benchmark = importlib.import_module(f"benchmarks.{module}")
    for constant, less in LESS.items():
        if hasattr(benchmark, constant):
            monkeypatch.setattr(benchmark, constant, less)
    main = getattr(benchmark, function or "main")
    assert not main(**RUN[name] | places.get(name, {}))


@pytest.mark.parametrize(
    "command",
    [["library", "runs", "--num-runs", "2"], *([name, "--help"] for name in sorted(LONG))],
    ids=lambda command: command[0],
)
def test_a_benchmark_starts(command: list[str]) -> None:
    name, *options = command
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *options],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_no_benchmark_is_left_out() -> None:
    here = {path.stem for path in (PROJECT_ROOT / "benchmarks").glob("*.py")}
    run = {name.partition(".")[0] for name in RUN}
    assert here == run | ELSEWHERE | LONG | SHARED
