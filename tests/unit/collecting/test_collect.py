"""From pictures, videos, a study and a camera to faces of a collection."""

import json

import numpy as np
import pytest
from PIL import Image

from fer_core.cli import main
from fer_core.collecting import collection as collections
from fer_core.collecting import create_collection, load_collection
from fer_core.collecting.candidates import Source, keep_candidates
from fer_core.collecting.live import LiveCollector
from fer_core.collecting.picking import pick_faces
from fer_core.collecting.sources import list_media, read_media, read_study
from fer_core.errors import CollectionError, ConfigError, MediaError
from fer_core.inference.predictor import load_predictor
from fer_core.studies import create_study
from fer_core.studies.adding import add_recordings
from fer_core.studies.analyzing import analyze
from fer_core.studies.new_recordings import NewRecording
from fer_core.studies.persons import name_faces
from fer_core.studies.running import list_jobs
from fer_core.types import FaceBox, FaceResult, Prediction
from tests.collections import make_collection
from tests.unit.inference.videos import make_video

OPTIONS = ["--detector", "whole-image", "--model", "fer-tiny"]


@pytest.fixture
def media(tmp_path):
    """A folder with two pictures, one of them within a folder, a video of three seconds, and a text."""
    folder = tmp_path / "media"
    (folder / "more").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for path in (folder / "a.png", folder / "more" / "b.jpg"):
        Image.fromarray(rng.integers(0, 255, (80, 60, 3), dtype=np.uint8)).save(path)
    make_video(folder / "clip.mp4", 30, fps=10, noisy=True)
    (folder / "notes.txt").write_text("none")
    (folder / ".hidden.png").write_text("none")
    return folder


def test_what_cannot_be_read_is_told_of_its_name_without_its_path(tmp_path):
    paths = [tmp_path / name for name in ("damaged.jpg", "text.mp4", "gone.png")]
    for path in paths[:2]:
        path.write_text("text")
    with keep_candidates() as store:
        problems = read_media(store, paths, lambda _: None, None, uploads=tmp_path)
    assert problems["damaged.jpg"].startswith("the file is no picture")
    assert problems["text.mp4"].startswith("the file is not a video")
    assert problems["gone.png"].startswith("the file can't be read")
    assert str(tmp_path) not in str(problems)


def test_two_make_one_collection_at_once(workspace, monkeypatch):
    make = create_collection

    def make_late(*arguments, **facts):  # another process was quicker
        make(*arguments, **facts)
        return make(*arguments, **facts)

    monkeypatch.setattr(collections, "create_collection", make_late)
    assert collections.open_or_create(workspace, "own").name == "own"
    monkeypatch.undo()
    assert collections.open_or_create(workspace, "own").load_faces().empty


def test_files_of_a_folder(media):
    assert [path.name for path in list_media([media])] == ["a.png", "clip.mp4", "b.jpg"]
    assert list_media([media / "notes.txt"]) == [media / "notes.txt"]  # named: what is wrong with it is told
    for paths, words in (([media / "gone.mp4"], "does not exist"), ([], "no picture or video")):
        with pytest.raises(MediaError, match=words):
            list_media(paths)


def test_collect_from_a_folder(workspace, media, capsys):
    assert main(["collect", "own", str(media), "--count", "4", "--method", "least_sure", *OPTIONS]) == 0
    assert "4 of 5 faces taken" in capsys.readouterr().out
    faces = load_collection(workspace, "own").load_faces()
    assert faces["face"].tolist() == ["000001", "000002", "000003", "000004"]
    of_video = faces[faces["clip"] == "clip.mp4"].sort_values("time_s")
    times = of_video["time_s"].tolist()
    assert 2 <= len(times) <= 3 and np.diff(times).min() >= 1
    assert set(of_video["person"]) == {"clip.mp4 #1"}
    assert set(faces["person"]) <= {"clip.mp4 #1", "a.png", "b.jpg"}
    sums = faces[list(load_predictor("fer-tiny", workspace).info.classes)].sum(axis=1)
    assert sums.tolist() == pytest.approx([1] * 4, abs=1e-5)
    for face in faces["face"]:
        collection = load_collection(workspace, "own")
        assert Image.open(collection.face_file(face)).size[0] >= 48
        assert collection.frame_file(face).is_file()
    Image.fromarray(np.full((80, 60, 3), 90, np.uint8)).save(media / "c.png")
    assert main(["collect", "own", str(media / "c.png"), "--person", "Ann", *OPTIONS]) == 0
    last = load_collection(workspace, "own").load_faces().iloc[-1]
    assert (last["face"], last["person"]) == ("000005", "Ann")
    assert len(last["embedding"]) > 1  # `mixed` asks the network


def test_what_could_not_be_read_is_told(workspace, media, capsys):
    files = [str(media / "a.png"), str(media / "notes.txt")]
    assert main(["collect", "own", *files, "--method", "random", *OPTIONS]) == 1
    assert "notes.txt" in capsys.readouterr().out
    assert len(load_collection(workspace, "own").load_faces()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["own"], "one of them"),
        (["own", "x.png", "--study", "s"], "one of them"),
        (["../own", "x.png"], "can't be the name"),
        (["own", "gone.png"], "does not exist"),
        (["own", "gone.png", "--method", "disagreement"], "can't disagree"),
        (["own", "gone.png", "--count", "0"], "at least 1"),
        (["own", "--study", "none"], "no study 'none'"),
    ],
)
def test_wrong_use_is_told(workspace, arguments, words, capsys):
    assert main(["collect", *arguments, *OPTIONS]) == 1
    assert words in capsys.readouterr().err
    assert not workspace.collections.exists()


def test_a_camera_needs_consent(workspace, monkeypatch, capsys):
    monkeypatch.setattr("builtins.input", lambda _question: "no")
    assert main(["collect", "own", "--camera", "0"]) == 1
    assert "ask everybody first" in capsys.readouterr().err


def test_a_study_gives_its_names(workspace, tmp_path):
    study = create_study(workspace, "smiles", model="fer-tiny", detector="whole-image")
    paths = [make_video(tmp_path / f"r{number}.mp4", 25 + number, fps=10) for number in range(2)]
    add_recordings(study, [NewRecording(path=path, facts={"participant": f"p{path.stem}"}) for path in paths])
    with keep_candidates() as store:
        with pytest.raises(ConfigError, match="no recording of 'smiles' is analyzed"):
            read_study(store, study)
        for job in list_jobs(study):
            analyze(job)
        name_faces(study, "r1", {1: "Ben"})
        assert read_study(store, study, every_s=1.0) == {}
        found = [(item.source.name, item.person, item.time_s) for item in store.found]
    assert found == [
        *(("r0", "pr0", pytest.approx(time)) for time in (0, 1, 2)),
        *(("r1", "Ben", pytest.approx(time)) for time in (0, 1, 2)),
    ]


def see(box_px: float) -> FaceResult:
    box = FaceBox(x=10, y=10, width=box_px, height=box_px, score=1.0)
    return FaceResult(box=box, prediction=Prediction(("a", "b"), (0.5, 0.5)), track_id=int(box_px))


def test_the_camera_gives_nothing_unasked(workspace):
    collector = LiveCollector(person="me", every_s=0.5)
    frame = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    for time in (100.0, 100.1, 100.6, 101.2):
        collector.take(frame, [see(40), see(60)], time)
    collector.take(frame, [], 103.0)
    assert collector.num_seen == 6
    collection = create_collection(workspace, "own")
    predictor = load_predictor("fer-tiny", workspace)
    picked = collector.finish(collection, predictor, count=5)
    assert (len(picked.faces), picked.num_seen) == (5, 6)
    faces = collection.load_faces()
    assert set(faces["person"]) == {"me", f"{collector.source.name} #40"}
    assert set(faces["time_s"]) <= {0.0, 0.6, 1.2}
    collector.take(frame, [see(40)], 105.0)
    assert collector.num_seen == 6
    empty = LiveCollector()
    with pytest.raises(CollectionError, match="no face was found"):
        empty.finish(collection, predictor, count=5)


def test_models_that_disagree(workspace, media):
    collection = create_collection(workspace, "own")
    predictors = [load_predictor(name, workspace) for name in ("fer-tiny", "fer-seven")]
    with keep_candidates() as store:
        for box in (20.0, 30.0, 40.0):
            image = np.full((64, 64, 3), int(box), np.uint8)
            store.add(image, [(see(box).box, None, "")], Source(key=f"{box}", name=f"{box}", origin=""))
        picked = pick_faces(collection, store, predictors, count=2, method="disagreement")
    assert len(picked.faces) == 2


def test_collections_at_the_command_line(workspace, tmp_path, capsys):
    assert main(["collections"]) == 0
    assert "no collections yet" in capsys.readouterr().out
    make_collection(workspace, 4)
    assert main(["collections", "dataset", "own"]) == 1
    assert "label some" in capsys.readouterr().err
    tasks = tmp_path / "tasks.json"
    assert main(["collections", "export", "own", str(tasks), "--guess"]) == 0
    tasks.rename(tmp_path / "done.json")  # the interface beside it may be somebody's own
    assert main(["collections", "export", "own", str(tasks)]) == 1
    assert "tasks.xml exists already" in capsys.readouterr().err
    (tmp_path / "done.json").rename(tasks)
    done = json.loads(tasks.read_text())
    assert done[0]["predictions"][0]["result"][0]["value"] == {"choices": ["happiness"]}
    assert done[0]["data"]["image"].startswith("data:image/jpeg;base64,")
    for place, task in enumerate(done):
        result = [{"type": "choices", "value": {"choices": ["fear", "anger"] if place else ["unsure"]}}]
        task["annotations"] = [
            {"result": result, "completed_by": {"email": "ann@lab"}, "was_cancelled": place == 3}
            | {"updated_at": "2026-11-01T10:00:00"}
        ]
    tasks.write_text(json.dumps(done))
    capsys.readouterr()
    for _ in range(2):  # the second time it doubles nothing
        assert main(["collections", "import", "own", str(tasks)]) == 0
        assert "3 labels taken over" in capsys.readouterr().out
    for task in done:  # an older export, of what was corrected since
        task["annotations"][0]["result"][0]["value"]["choices"] = ["neutral"]
        task["annotations"][0]["updated_at"] = "2026-10-31T10:00:00"
    tasks.write_text(json.dumps(done))
    assert main(["collections", "import", "own", str(tasks)]) == 0
    assert "0 labels taken over" in capsys.readouterr().out
    assert main(["collections", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["num_labelled"] == 3
    lines = (load_collection(workspace, "own").folder / "labels.jsonl").read_text().splitlines()
    assert [json.loads(line)["time"] for line in lines] == ["2026-11-01T10:00:00Z"] * 3
    assert main(["collections", "show", "own"]) == 0
    assert "annotators: 1 (ann@lab)" in capsys.readouterr().out
    assert main(["collections", "dataset", "own", "--valid", "0", "--test", "0"]) == 0
    assert "2 faces (2 train)" in capsys.readouterr().out
    assert main(["collections", "delete", "own", "--person", " ", "--yes"]) == 1  # not everybody
    assert main(["collections", "delete", "own", "--person", "person 0", "--yes"]) == 0
    assert main(["collections", "delete", "own", "--yes"]) == 0
    assert not workspace.collection("own").exists()


@pytest.mark.parametrize("text", ["{", '[{"data": {}}]', '[{"data": {"face": "000001"}}]', "[3]"])
def test_a_wrong_export_is_told(workspace, tmp_path, text, capsys):
    make_collection(workspace, 1)
    path = tmp_path / "export.json"
    path.write_text(text)
    assert main(["collections", "import", "own", str(path)]) == 1
    assert "export" in capsys.readouterr().err
