"""What is collected in several calls: clips and people keep apart, and no face is taken twice."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fer_core.cli import main
from fer_core.collecting import Collection, create_collection, load_collection, picking
from fer_core.collecting.candidates import CandidateStore, Source, keep_candidates
from fer_core.collecting.collection import TABLE_FILE, remove_person
from fer_core.collecting.live import LiveCollector
from fer_core.collecting.picking import Picked, pick_faces
from fer_core.inference.predictor import load_predictor
from fer_core.studies import create_study
from fer_core.studies.adding import add_recordings
from fer_core.studies.analyzing import analyze
from fer_core.studies.new_recordings import NewRecording
from fer_core.studies.running import list_jobs
from fer_core.types import FaceBox
from fer_core.workspace import Workspace
from tests.unit.inference.videos import make_video


def collect(*arguments: object) -> None:
    options = ["--detector", "whole-image", "--model", "fer-tiny", "--method", "random"]
    assert main(["collect", "own", *map(str, arguments), *options]) == 0


def load_own(workspace: Workspace) -> pd.DataFrame:
    return load_collection(workspace, "own").load_faces()


def list_people(faces: pd.DataFrame) -> dict[str, str]:
    """The origin of each person's faces, which must be one."""
    origins = faces.groupby("person")["origin"].unique()
    assert origins.str.len().eq(1).all()
    return origins.str[0].to_dict()


@pytest.fixture
def recordings(tmp_path):
    """Of two people a recording each, `p01/rec.mp4` and `p02/rec.mp4`, three seconds and two."""
    paths = [tmp_path / folder / "rec.mp4" for folder in ("p01", "p02")]
    for path, num_frames in zip(paths, (30, 20), strict=True):
        path.parent.mkdir()
        make_video(path, num_frames, fps=10)
    return paths


def test_two_calls_keep_clips_and_people_apart(workspace, recordings):
    for path in recordings:
        collect(path)
    faces = load_own(workspace)
    first, second = map(str, recordings)
    assert faces.groupby("origin")["clip"].unique().str[0].to_dict() == {first: "rec.mp4", second: second}
    assert list_people(faces) == {"rec.mp4 #1": first, f"{second} #1": second}
    remove_person(workspace, load_collection(workspace, "own"), "rec.mp4 #1")
    assert set(load_own(workspace)["origin"]) == {second}


def test_one_call_calls_files_of_one_name_by_their_paths(workspace, recordings):
    collect(*recordings)
    assert set(load_own(workspace)["clip"]) == {str(path) for path in recordings}


def test_a_recording_is_one_clip_whatever_it_is_called(workspace, recordings, tmp_path, monkeypatch):
    collect(recordings[0], "--count", 1)
    collect(*recordings)  # beside another one of its name
    moved = tmp_path / "moved.mp4"
    shutil.copyfile(recordings[0], moved)
    collect(moved, recordings[0], "--every", 0.4)
    monkeypatch.chdir(recordings[1].parent)
    collect("rec.mp4", "--every", 0.4)
    faces = load_own(workspace)
    assert faces.groupby("source")["clip"].nunique().tolist() == [1, 1]
    assert set(faces["clip"]) == {"rec.mp4", str(recordings[1])}
    assert faces["person"].nunique() == 2
    assert not faces.duplicated(["source", "time_s"]).any()
    assert set(faces["origin"].map(Path).map(Path.is_absolute)) == {True}


def test_uploads_of_one_name_are_numbered(workspace, recordings):
    """Their paths do not last, so they name nobody."""
    for number, path in enumerate([*recordings, recordings[0]]):
        upload = workspace.tasks / f"task-{number}" / "inputs" / "rec.mp4"
        upload.parent.mkdir(parents=True)
        shutil.copyfile(path, upload)
        collect(upload)
    faces = load_own(workspace)
    assert faces["clip"].value_counts().to_dict() == {"rec.mp4": 3, "rec.mp4 (2)": 2}
    assert set(faces["person"]) == {"rec.mp4 #1", "rec.mp4 (2) #1"}


def test_studies_may_call_recordings_alike(workspace, recordings):
    for name, path in zip(("before", "after"), recordings, strict=True):
        study = create_study(workspace, name, model="fer-tiny", detector="whole-image")
        add_recordings(study, [NewRecording(path=path, facts={})])
        for job in list_jobs(study):
            analyze(job)
        collect("--study", name)
    faces = load_own(workspace)
    assert list_people(faces) == {"rec #1": "study before", "after/rec #1": "study after"}
    assert faces.groupby("clip")["origin"].nunique().tolist() == [1, 1]
    collect(recordings[0])  # what the study has is the same recording
    assert len(load_own(workspace)) == len(faces)


def test_stretches_of_one_second_are_two_clips(workspace):
    collection, predictor = create_collection(workspace, "own"), load_predictor("fer-tiny", workspace)
    frame = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    clips = []
    for _ in range(2):
        with keep_candidates() as store:
            source = LiveCollector().source
            clips.append(Source(key=source.key, name="camera 12.00.00", origin="camera"))
            store.add(frame, [(make_box(10), 1, "")], clips[-1])
            pick_faces(collection, store, [predictor], count=1)
    assert collection.load_faces()["clip"].tolist() == ["camera 12.00.00", "camera 12.00.00 (2)"]
    assert collection.load_faces()["person"].tolist() == ["camera 12.00.00 #1", "camera 12.00.00 (2) #1"]


def test_collected_again_only_what_is_new_is_taken(workspace, recordings, tmp_path, capsys):
    folder = tmp_path / "folder"
    recordings[0].parent.rename(folder)
    collect(folder)
    assert "3 of 3 faces taken\n" in capsys.readouterr().out
    collect(folder)
    assert "0 of 3 faces taken; 3 are in the collection already\n" in capsys.readouterr().out
    Image.fromarray(np.full((80, 60, 3), 90, np.uint8)).save(folder / "added.png")
    collect(folder, "--count", 1)  # the new one, not one of those that are there
    assert "1 of 4 faces taken; 3 are in the collection already\n" in capsys.readouterr().out
    faces = load_own(workspace)
    assert faces["clip"].tolist() == [*["rec.mp4"] * 3, "added.png"]
    assert faces["face"].is_unique


def test_copies_of_a_file_are_read_once(workspace, tmp_path, capsys):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.fromarray(np.full((80, 60, 3), 90, np.uint8)).save(tmp_path / name / "x.png")
        (tmp_path / name / "bad.jpg").write_text("none")
    assert (
        main(["collect", "own", str(tmp_path / "a"), str(tmp_path / "b"), "--detector", "whole-image"]) == 1
    )
    told = capsys.readouterr().out
    assert "1 of 1 face taken" in told
    assert all(f"{tmp_path / name / 'bad.jpg'}: " in told for name in ("a", "b"))
    assert load_own(workspace)["clip"].tolist() == ["x.png"]


def make_box(x: float) -> FaceBox:
    return FaceBox(x=x, y=10, width=40, height=40, score=1.0)


def see(store: CandidateStore, faces: dict[int, float], times_s: tuple[float, ...], key: str = "a") -> None:
    """Two people are at 10 and at 100 pixels, whatever numbers the tracker gives them."""
    rng = np.random.default_rng(0)
    source = Source(key=key, name="rec.mp4", long_name=f"/{key}/rec.mp4", origin=f"/{key}/rec.mp4")
    for time_s in times_s:
        image = rng.integers(0, 255, (120, 160, 3), dtype=np.uint8)
        store.add(image, [(make_box(x), track, "") for track, x in faces.items()], source, time_s=time_s)


def pick(workspace: Workspace, collection: Collection, store: CandidateStore) -> Picked:
    predictor = load_predictor("fer-tiny", workspace)
    return pick_faces(collection, store, [predictor], count=100, method="random")


def test_a_face_is_known_although_its_box_differs_a_little(workspace):
    collection = create_collection(workspace, "own")
    for x in (10.0, 16.0, 100.0):
        with keep_candidates() as store:
            see(store, {1: x}, (0.0,))
            picked = pick(workspace, collection, store)
        assert (len(picked.faces), picked.num_known) == ((0, 1) if x == 16 else (1, 0))
    assert collection.load_faces()["person"].tolist() == [
        "rec.mp4 #1",
        "rec.mp4 #2",
    ]  # one picture


def test_a_track_is_whom_it_coincides_with(workspace):
    """Numbers of tracks begin anew in every call, and may be the other way round."""
    collection = create_collection(workspace, "own")
    for faces, times in (({1: 10, 2: 100}, (0.0, 1.0)), ({2: 12, 1: 98, 3: 55}, (0.0, 0.5, 1.0, 1.5))):
        with keep_candidates() as store:
            see(store, faces, times_s=times)
            pick(workspace, collection, store)
    table = collection.load_faces()
    people = {x: set(table.loc[(table["x"] - x).abs() < 5, "person"]) for x in (10, 100, 55)}
    assert people == {10: {"rec.mp4 #1"}, 100: {"rec.mp4 #2"}, 55: {"rec.mp4 #3"}}


@pytest.mark.parametrize("key", ["a", "b"])
def test_two_calls_at_once(workspace, monkeypatch, key):
    """Another call adds faces while the first chooses: of the same file, or of another one of that name."""
    collection, choose = create_collection(workspace, "own"), picking.choose_faces

    def choose_late(*arguments):
        monkeypatch.undo()
        monkeypatch.setenv("FER_WORKSPACE", str(workspace.root))
        with keep_candidates() as other:
            see(other, {1: 10}, (0.0, 2.0), key=key)
            assert pick(workspace, collection, other).num_known == 0
        return choose(*arguments)

    with keep_candidates() as store:
        see(store, {1: 11}, (0.0, 1.0, 2.0))
        monkeypatch.setattr(picking, "choose_faces", choose_late)
        picked = pick(workspace, collection, store)
    faces = collection.load_faces()
    is_same = key == "a"
    assert (len(picked.faces), picked.num_seen, picked.num_known) == ((1, 3, 2) if is_same else (3, 3, 0))
    assert set(faces["clip"]) == ({"rec.mp4"} if is_same else {"rec.mp4", "/a/rec.mp4"})
    assert len(list_people(faces)) == (1 if is_same else 2)


def test_a_table_without_sources_is_gone_on_with(workspace, recordings):
    """Collections of before: there a path tells what is the same."""
    collect(recordings[0])
    path = load_collection(workspace, "own").folder / TABLE_FILE
    pd.read_parquet(path).drop(columns="source").to_parquet(path)
    collect(*recordings, "--every", 0.5)
    faces = load_own(workspace)
    assert not faces.duplicated(["origin", "time_s"]).any()
    assert list_people(faces) == {"rec.mp4 #1": str(recordings[0]), f"{recordings[1]} #1": str(recordings[1])}
    assert faces["source"].tolist()[:3] == [""] * 3 and all(faces["source"][3:].str.len() == 64)
