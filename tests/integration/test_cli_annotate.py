"""`fer annotate` and `fer camera`, with a real network (random weights) and a real detector."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

from fer_core.checkpoint import CheckpointInfo, InputSpec
from fer_core.cli import main
from fer_core.inference.video import probe_video
from fer_core.labels import EMOTIONS
from fer_core.models import build_model, save_checkpoint
from tests.unit.inference.videos import frame_times, make_video


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("model")
    network = build_model("fer_resnet", num_classes=8, in_channels=1, input_size=(48, 48), arguments={})
    info = CheckpointInfo(
        name="random",
        architecture="fer_resnet",
        arguments={},
        classes=EMOTIONS,
        input=InputSpec(height=48, width=48, color="gray", mean=(0.5,), std=(0.25,)),
        weights_sha256="0" * 64,
        num_parameters=0,
    )
    save_checkpoint(folder, network, info)
    return str(folder)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_video(tmp_path / "in.mp4", 20, size=(160, 120), sound="aac")


def options(model: str) -> list[str]:
    return ["--model", model, "--detector", "whole-image", "--preset", "ultrafast"]


def test_the_table_alone(tmp_path: Path, source: Path, model: str, capsys: pytest.CaptureFixture) -> None:
    assert main(["annotate", str(source), str(tmp_path / "rows.csv"), *options(model)]) == 0
    assert len(pd.read_csv(tmp_path / "rows.csv")) == 20
    said = capsys.readouterr().out
    assert "rows.csv" in said and "video:" not in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "rows.csv"]


def test_a_video_is_annotated(
    tmp_path: Path, source: Path, model: str, capsys: pytest.CaptureFixture
) -> None:
    target, table = tmp_path / "out.mp4", tmp_path / "rows.parquet"
    command = ["annotate", str(source), str(target), "--table", str(table), "--top-k", "5", *options(model)]
    assert main(command) == 0
    info = probe_video(target)
    assert (info.width_px, info.height_px, info.codec, info.has_audio) == (160, 120, "h264", True)
    rows = pd.read_parquet(table)
    assert len(rows) == 20 and set(EMOTIONS) < set(rows.columns)
    said = capsys.readouterr()
    assert "20 frames" in said.out and "label change" in said.out and str(table) in said.out
    assert "detector whole-image" in said.err


def test_smoothing_can_be_switched_off(tmp_path: Path, source: Path, model: str) -> None:
    spread = {}
    for smoothing in ("0", "5"):
        table = tmp_path / f"{smoothing}.csv"
        command = ["annotate", str(source), str(tmp_path / f"{smoothing}.mp4"), "--table", str(table)]
        assert main([*command, "--smoothing", smoothing, *options(model)]) == 0
        spread[smoothing] = pd.read_csv(table)[list(EMOTIONS)].diff().abs().to_numpy()[1:].max()
    assert spread["5"] < spread["0"] / 2


def test_existing_files_are_not_replaced_unasked(
    tmp_path: Path, source: Path, model: str, capsys: pytest.CaptureFixture
) -> None:
    target = tmp_path / "out.mp4"
    target.write_text("mine")
    command = ["annotate", str(source), str(target), *options(model)]
    assert main(command) == 1
    assert target.read_text() == "mine"
    assert "--overwrite" in capsys.readouterr().err
    assert main([*command, "--overwrite"]) == 0
    assert probe_video(target).num_frames == 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--top-k", "-1"], "top_k"),
        (["--detect-every", "0"], "detect_every"),
        (["--smoothing", "-1"], "smoothing_s"),
        (["--crf", "99"], "crf"),
        (["--table", "rows.xlsx"], ".csv or .parquet"),
    ],
)
def test_wrong_settings_are_told(
    tmp_path: Path,
    source: Path,
    model: str,
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture,
) -> None:
    command = ["annotate", str(source), str(tmp_path / "out.mp4"), *options(model), *arguments]
    assert main(command) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.mp4").exists()


def test_a_wrong_file_is_told_before_a_model_is_loaded(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "in.mp4").write_text("not a video")
    command = ["annotate", str(tmp_path / "in.mp4"), str(tmp_path / "out.mp4"), "--model", "no such model"]
    assert main(command) == 1
    assert "not a video" in capsys.readouterr().err


def test_ctrl_c_keeps_what_is_done(tmp_path: Path, model: str) -> None:
    source = make_video(tmp_path / "long.mp4", 1500, fps=30)
    target, table = tmp_path / "out.mp4", tmp_path / "rows.csv"
    command = [sys.executable, "-m", "fer_core", "annotate", str(source), str(target), "--table", str(table)]
    running = subprocess.Popen(
        [*command, *options(model)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    while running.poll() is None and not any(path.stat().st_size for path in tmp_path.glob(".out.mp4.*")):
        time.sleep(0.01)  # until the first frames are on the disk
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert "Stopped early" in out
    num_frames = len(frame_times(target))
    assert 0 < num_frames < 1500
    assert len(pd.read_csv(table)) == num_frames
    assert sorted(path.name for path in tmp_path.iterdir()) == ["long.mp4", "out.mp4", "rows.csv"]


def test_a_file_stands_in_for_a_camera(
    tmp_path: Path, source: Path, model: str, capsys: pytest.CaptureFixture
) -> None:
    saved = tmp_path / "saved.mp4"
    common = ["--model", model, "--detector", "whole-image", "--save", str(saved)]
    assert main(["camera", str(source), "--max-frames", "7", *common]) == 0
    assert len(frame_times(saved)) == 7
    assert "7 frames" in capsys.readouterr().out


def test_no_camera_is_told(model: str, capsys: pytest.CaptureFixture) -> None:
    assert main(["camera", "97", "--model", model]) == 1
    said = capsys.readouterr().err
    assert "no camera 97" in said and "Live webcam" in said


def test_faces_of_a_real_video_are_found(tmp_path: Path, shared: Path, model: str) -> None:
    source = shared / "media" / "videos" / "pyfeat_single_face.mp4"
    table = tmp_path / "rows.parquet"
    command = ["annotate", str(source), str(tmp_path / "out.mp4"), "--table", str(table), "--model", model]
    assert main([*command, "--detector", "haar", "--preset", "ultrafast"]) == 0
    rows = pd.read_parquet(table)
    assert rows["frame"].nunique() >= 60, "the face is seen on nearly all of the 72 frames"
    assert (rows.groupby("track_id").size().max()) >= 60, "and is one track"
