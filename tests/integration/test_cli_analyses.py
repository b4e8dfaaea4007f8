"""`fer predict --keep`, `fer annotate --keep` and `fer analyses`, as a person types them."""

import json
import shutil

import pytest

from fer_core.analyses import list_analyses
from fer_core.cli import main
from fer_core.inference.sample import sample_path
from tests.kept_analyses import keep_faces
from tests.small_models import save_small_model
from tests.unit.inference.videos import make_video

FACE = ("a.png", (0, 0, 10, 10), (0.2, 0.8, 0.0))


@pytest.fixture
def model(workspace):
    return str(save_small_model(workspace, "small", always="anger"))


def test_pictures_are_kept_and_faces_only_if_asked(workspace, model, tmp_path, capsys):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        shutil.copy(sample_path(), tmp_path / folder / "same.png")
    command = ["predict", str(tmp_path / "one"), str(tmp_path / "two"), "--model", model]
    command += ["--detector", "whole-image", "--keep"]
    assert main([*command, "plain"]) == 0
    assert main([*command, "with faces", "--keep-faces", "--keep-media"]) == 0
    full, plain = sorted(list_analyses(workspace), key=lambda item: item.name, reverse=True)
    assert [source.name for source in plain.facts.sources] == ["same.png", "same.png (2)"]
    assert plain.facts.labels == {"anger": 2} and plain.facts.settings == {"prior": "general"}
    assert sorted(plain.facts.files) == ["faces.parquet"]
    assert sorted(full.facts.files) == [
        "annotated/0001.png",
        "annotated/0002.png",
        "faces.parquet",
        "faces/0001-001.jpg",
        "faces/0002-001.jpg",
    ]
    full.verify()
    assert f"fer analyses show {full.key}" in capsys.readouterr().err


def test_a_video_is_kept_with_a_table_of_every_frame(workspace, model, tmp_path, capsys):
    source = make_video(tmp_path / "clip.mp4", 6, size=(160, 120))
    command = ["annotate", str(source), str(tmp_path / "out.mp4"), "--table", str(tmp_path / "rows.csv")]
    command += ["--model", model, "--detector", "whole-image", "--preset", "ultrafast", "--overwrite"]
    assert main([*command, "--keep", "My clip"]) == 0
    (found,) = list_analyses(workspace)
    facts = found.facts
    assert (facts.kind, facts.num_faces, facts.num_rows) == ("video", 1, 6)
    assert facts.settings == {"detect_every": 5, "smoothing": 0.4, "prior": "general"}
    assert (facts.sources[0].name, facts.sources[0].num_frames) == ("clip.mp4", 6)
    assert found.load_table()["frame"].tolist() == list(range(6)) and list(facts.files) == ["faces.parquet"]
    assert main([*command, "--keep", "again", "--keep-media", "--prior", "uniform"]) == 1, "nothing is known"
    assert main([*command, "--keep", "again", "--keep-media"]) == 0
    again = next(item for item in list_analyses(workspace) if item.name == "again")
    assert (again.folder / "annotated" / "video.mp4").read_bytes() == (tmp_path / "out.mp4").read_bytes()
    capsys.readouterr()
    assert main(["analyses", "compare", "My clip", "again", "--json"]) == 0
    agreement = json.loads(capsys.readouterr().out)["agreement"]
    assert (agreement["num_matched"], agreement["num_same_label"]) == (6, 6)


@pytest.mark.parametrize("command", [["predict", "photo.jpg"], ["annotate", "in.mp4", "out.mp4"]])
def test_a_bad_name_is_told_before_anything_else(workspace, command, capsys):
    assert main([*command, "--keep", " "]) == 1
    assert "can't be the name of an analysis" in capsys.readouterr().err


def test_an_analysis_is_listed_shown_renamed_compared_exported_deleted(workspace, tmp_path, capsys):
    def run(*arguments, code=0):
        assert main(["analyses", *arguments]) == code
        return "".join(capsys.readouterr())

    assert "fer predict photo.jpg --keep NAME" in run()
    key = keep_faces(workspace, "first", [FACE])
    other = keep_faces(workspace, "second", [FACE], empty=["b.png"], settings={"prior": "uniform"})
    listed = run("list")
    assert key in listed and other in listed and "happiness" in listed and "2 pictures" in listed
    assert {item["id"] for item in json.loads(run("--json"))} == {key, other}
    assert "happiness 80%" in run("show", "first")
    assert json.loads(run("show", key, "--json"))["num_faces"] == 1
    assert "is called 1st now" in run("rename", "first", "1st")
    compared = run("compare", "1st", other)
    assert "prior: training, uniform" in compared and "1 of 1 face with the same label" in compared
    assert str(tmp_path / "x.zip") in run("export", key, str(tmp_path / "x.zip"))
    assert "exists already" in run("export", key, str(tmp_path / "x.zip"), code=1)
    assert "no ending" in run("export", key, str(tmp_path / "x"), code=1)
    (workspace.analyses / other / "faces.parquet").unlink()
    assert "damaged" in run() and "faces.parquet is missing" in run("show", other, code=1)
    assert "deleted" in run("delete", key, other, "--yes")
    assert list_analyses(workspace) == []
