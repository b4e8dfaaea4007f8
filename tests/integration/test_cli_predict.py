"""`fer predict` and `fer fetch`, as a person types them."""

import csv
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from fer_core.cli import main
from fer_core.inference.downloads import YUNET
from fer_core.inference.sample import sample_path
from fer_core.models import build_model, save_checkpoint
from fer_core.results import FACE_FIELDS, RESULTS
from tests.unit.inference.test_predictor import make_info


@pytest.fixture
def picture(tmp_path):
    shutil.copy(sample_path(), tmp_path / "astronaut.png")
    return tmp_path / "astronaut.png"


def test_a_picture_becomes_sorted_probabilities(workspace, picture, capsys):
    assert main(["predict", str(picture)]) == 0
    printed, notes = capsys.readouterr()
    assert "1 face" in printed
    assert "happiness" in printed
    assert "fer fetch yunet" in notes, "it says that the better detector is missing"


def test_json_table_and_saved_picture(workspace, picture, tmp_path, capsys):
    arguments = ["--json", "--table", str(tmp_path / "t.csv"), "--save", str(tmp_path / "out")]
    assert main(["predict", str(picture), "--detector", "haar", *arguments]) == 0
    document = json.loads(capsys.readouterr().out)
    face = document["images"][0]["faces"][0]
    assert next(iter(face["probabilities"])) == face["label"] == "happiness"
    with (tmp_path / "t.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["label"] == "happiness"
    assert float(rows[0]["happiness"]) == pytest.approx(face["confidence"])
    saved = Image.open(tmp_path / "out" / "astronaut.png.png")
    assert saved.size == (512, 512)
    assert saved.tobytes() != Image.open(picture).convert("RGB").tobytes()


@pytest.fixture
def tiny(workspace):
    """Arguments that choose a small untrained model: what it says does not matter where it is used."""
    info = make_info()
    model = build_model("fer_resnet", num_classes=3, input_size=(24, 24), arguments=info.arguments)
    save_checkpoint(workspace.run("tiny") / "best", model, info)
    return ["--model", "tiny", "--detector", "haar"]


def test_pictures_of_one_name_are_saved_side_by_side(workspace, tiny, picture, tmp_path):
    (tmp_path / "b").mkdir()
    shutil.copy(picture, tmp_path / "b" / picture.name)
    out = tmp_path / "out"
    assert main(["predict", str(picture), str(tmp_path / "b"), *tiny, "--save", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["astronaut.png-2.png", "astronaut.png.png"]


@pytest.mark.parametrize("name", sorted(RESULTS))
def test_every_picture_is_in_the_table_also_without_a_face(workspace, tiny, tmp_path, picture, name):
    Image.new("RGB", (200, 200), "gray").save(tmp_path / "wall.png")
    table = tmp_path / f"t.{name}"
    assert main(["predict", str(tmp_path / "wall.png"), str(picture), *tiny, "--table", str(table)]) == 0
    rows = pd.read_csv(table) if name == "csv" else pd.read_parquet(table)
    header = ["source", "face", "num_faces", *FACE_FIELDS, "anger", "fear", "neutral"]
    assert list(rows.columns) == header
    assert [Path(source).name for source in rows["source"]] == ["wall.png", picture.name]
    assert rows["num_faces"].tolist() == [0, 1]
    assert rows.drop(columns=["source", "num_faces"]).iloc[0].isna().all()
    assert rows["face"].iloc[1] == 1


@pytest.mark.parametrize(
    ("option", "place"),
    [("--save", "astronaut.png"), ("--table", "astronaut.png/t.csv"), ("--table", "folder.csv")],
)
def test_outputs_that_cannot_be_written(workspace, tiny, picture, tmp_path, capsys, option, place):
    (tmp_path / "folder.csv").mkdir()
    before = picture.read_bytes()
    assert main(["predict", str(picture), *tiny, option, str(tmp_path / place)]) == 1
    printed, errors = capsys.readouterr()
    assert "can't be written" in errors
    assert printed == "", "told after the work"
    assert picture.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["astronaut.png", "folder.csv", "workspace"]


def test_drawing_options_are_checked_before_anything_is_done(workspace, tiny, picture, tmp_path, capsys):
    arguments = ["--save", str(tmp_path / "out"), "--top-k", "-1"]
    assert main(["predict", str(picture), *tiny, *arguments]) == 1
    printed, errors = capsys.readouterr()
    assert "top_k" in errors
    assert printed == ""
    assert not (tmp_path / "out").exists()


def test_a_bad_picture_does_not_stop_the_others(workspace, picture, capsys):
    (picture.parent / "broken.jpg").write_text("hello")
    assert main(["predict", str(picture.parent), "--detector", "haar"]) == 1
    printed, errors = capsys.readouterr()
    assert "happiness" in printed
    assert "broken.jpg" in errors
    assert "Traceback" not in errors


def test_no_face_says_what_to_try(workspace, tmp_path, capsys):
    Image.new("RGB", (200, 200), "gray").save(tmp_path / "wall.png")
    assert main(["predict", str(tmp_path / "wall.png"), "--detector", "haar"]) == 0
    assert "whole-image" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["predict", "x.jpg", "--model", "nothing"], ["nothing", "fer-small"]),
        (["predict", "x.jpg", "--detector", "yunet"], ["fer fetch yunet"]),
        (["predict", "x.jpg", "--detector", "yolo"], ["yolo", "yunet"]),
        (["predict", "x.jpg", "--device", "tpu9"], ["tpu9"]),
        (["predict", "x.jpg", "--detector", "haar"], ["x.jpg", "does not exist"]),
        (["fetch", "yunett"], ["yunett", "yunet"]),
        (["fetch", "yunet", "--from-file", "absent.onnx"], ["absent.onnx"]),
    ],
)
def test_mistakes_are_answered_in_a_sentence(workspace, capsys, arguments, words):
    assert main(arguments) == 1
    errors = capsys.readouterr().err
    assert all(word in errors for word in words), errors


def test_an_empty_folder(workspace, tmp_path, capsys):
    assert main(["predict", str(tmp_path)]) == 1
    assert "no pictures" in capsys.readouterr().err
    (tmp_path / "happy").mkdir()
    (tmp_path / "happy" / "1.jpg").touch()
    assert main(["predict", str(tmp_path)]) == 1
    assert f"not searched, name them: {tmp_path / 'happy'}" in capsys.readouterr().err


def test_fetch_from_a_copy_then_use_it(workspace, shared, picture, capsys):
    assert main(["fetch", "yunet", "--from-file", str(shared / "models" / YUNET.file_name)]) == 0
    assert "SHA-256 verified" in capsys.readouterr().out
    assert main(["predict", str(picture)]) == 0
    printed, notes = capsys.readouterr()
    assert "detector yunet" in printed
    assert "fer fetch" not in notes
    photos = shared / "media" / "photos"
    for expression in ("happy", "sad", "angry", "surprised"):
        assert main(["predict", "--json", str(photos / f"faceapi_{expression}.jpg")]) == 0
        face = json.loads(capsys.readouterr().out)["images"][0]["faces"][0]
        expected = {"happy": "happiness", "sad": "sadness", "angry": "anger", "surprised": "surprise"}
        assert face["label"] == expected[expression]
