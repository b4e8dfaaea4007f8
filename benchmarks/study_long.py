"""A long recording: its memory, and what reading it in stretches changes against reading it as a whole.

python -m benchmarks.study_long ../shared/media/videos/justinshenk_woman2.mp4 --minutes 60 --fps 8

The clip is looped without decoding it, after it was thinned out if asked for. It is read by a study with two
workers, then by one `fer annotate`, and both tables are compared value by value.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow.parquet as pq
import tyro
from tyro.conf import Positional

from fer_core.inference.downloads import YUNET, is_installed
from fer_core.inference.video_reader import open_video
from fer_core.studies import create_study, read_state
from fer_core.studies.adding import add_recordings
from fer_core.studies.new_recordings import NewRecording
from fer_core.studies.stretches import STRETCH_S
from fer_core.types import UInt8Array
from fer_core.workspace import PROJECT_ROOT, Workspace
from tests.e2e.dashboard import write_clip

TOLERANCE = 1e-6


def loop_video(source: Path, target: Path, seconds: float) -> None:
    """Write a video again and again into one, without decoding it."""
    import av

    with av.open(str(target), "w") as output:
        offset_s, stream = 0.0, None
        while offset_s < seconds:
            with av.open(str(source)) as container:
                video = container.streams.video[0]
                stream = stream or output.add_stream_from_template(video)
                shift = round(offset_s / video.time_base)
                for packet in container.demux(video):
                    if packet.dts is None:
                        continue
                    packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
                    output.mux(packet)
                offset_s += float(video.frames / video.average_rate)


def thin_out(source: Path, target: Path, fps: int) -> Path:
    """Write a video with fewer frames a second."""

    def choose() -> Iterator[UInt8Array]:
        number = 0
        with open_video(source) as reader:
            for frame in reader.frames():
                if frame.time_s * fps >= number - 1e-6:
                    number += 1
                    yield frame.image_rgb

    return write_clip(target, choose(), fps=fps)


def watch(command: list[str], environment: dict[str, str]) -> dict[str, Any]:
    """Run a command; its seconds, and the memory of all its processes in its first and last third."""
    began, sizes = time.monotonic(), []
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        sizes.append(measure_mb(process.pid))
        time.sleep(0.5)
    assert process.returncode == 0, command
    third = max(1, len(sizes) // 3)
    return {
        "seconds": round(time.monotonic() - began, 1),
        "mb_first_third": round(max(sizes[:third])),
        "mb_last_third": round(max(sizes[-third:])),
    }


def measure_mb(pid: int) -> float:
    """Memory of a process and all below it, in which shared pages count once."""
    total = 0
    try:
        tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return 0.0
    for process in tree:
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return total / 2**20


def compare(whole: Path, joined: Path) -> dict[str, Any]:
    """Where two tables of faces differ."""
    one, other = (pq.read_table(path).to_pandas() for path in (whole, joined))
    if len(one) != len(other):
        return {"rows": [len(one), len(other)]}
    numbers = one.select_dtypes("number").columns
    difference = (one[numbers] - other[numbers]).abs().fillna(0).max(axis=1).to_numpy()
    is_other = (difference > TOLERANCE) | (one["label"] != other["label"]).fillna(False).to_numpy()
    is_other |= (one[numbers].isna() != other[numbers].isna()).any(axis=1).to_numpy()
    times = one["time_s"].to_numpy()[is_other]
    return {
        "rows": len(one),
        "faces": int(one["track_id"].nunique()),
        "differ": int(is_other.sum()),
        "most": float(difference.max()),
        "seconds_where_they_differ": sorted(set(np.floor(times).astype(int).tolist()))[:20],
    }


def main(clip: Positional[Path], minutes: float = 60.0, workers: int = 2, fps: int = 0) -> int:
    """Loop, read in both ways, compare, print what was found.

    Args:
        clip: the video to loop.
        minutes: length of the recording.
        workers: of the study.
        fps: frames a second of the recording; those of the clip if not given.
    """
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        recording = root / "long.mp4"
        loop_video(thin_out(clip, root / "clip.mp4", fps) if fps else clip, recording, 60 * minutes)
        workspace = Workspace.default()
        detector = "yunet" if is_installed(YUNET, workspace) else "haar"
        (root / "workspace").mkdir()
        if detector == "yunet":
            (root / "workspace" / "weights").symlink_to(workspace.weights.resolve())
        study = create_study(Workspace(root / "workspace"), "long", detector=detector)
        added = add_recordings(study, [NewRecording(path=recording)]).recordings[0]
        environment = {**os.environ, "FER_WORKSPACE": str(root / "workspace"), "OMP_NUM_THREADS": "1"}
        fer = [sys.executable, "-m", "fer_core"]
        whole = root / "whole.parquet"
        report: dict[str, Any] = {"minutes": minutes, "fps": fps, "load": psutil.getloadavg()[0]}
        report["study"] = watch([*fer, "study", "run", "long", f"--workers={workers}"], environment)
        report["whole"] = watch(
            [*fer, "annotate", str(recording), str(whole), f"--detector={detector}"], environment
        )
        summary = read_state(study).recordings[added].summary
        report["stretches"] = summary.duration_s // STRETCH_S if summary and summary.stretch_s else 1
        report |= compare(whole, study.result_folder(added) / "faces.parquet")
        print(json.dumps(report, indent=2))
    return 0


if __name__ == "__main__":
    os.chdir(PROJECT_ROOT)
    sys.exit(tyro.cli(main, description=__doc__))
