"""Who is who: looks, proposals among faces, faces that are two persons."""

import math
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.study_persons import compute_idf1
from fer_core.cli import main
from fer_core.errors import StudyError
from fer_core.studies.adding import add_recordings
from fer_core.studies.analyzing import analyze
from fer_core.studies.gallery import list_faces, list_pictures
from fer_core.studies.looks import Look, choose_moments, describe, iterate_frames, measure_distance
from fer_core.studies.new_recordings import NewRecording
from fer_core.studies.persons import Face, decide, list_parts, name_rows, rename, undo_naming
from fer_core.studies.proposals import KnownFace, compare, group_faces, group_recordings, propose
from fer_core.studies.running import list_jobs
from fer_core.types import FaceBox
from tests.unit.inference.videos import make_video

RED, BLUE, GRAY = (200, 30, 30), (30, 40, 190), (128, 128, 128)
FACE = pd.Series({"x": 40.0, "y": 30.0, "width": 40.0, "height": 40.0, "roll": 0.0})


def draw(clothes, hair, seed=0):
    """A person of two colours, with a face of noise, under noise."""
    image = np.full((160, 120, 3), GRAY, np.uint8)
    image[80:, :] = clothes
    image[10:32, 35:85] = hair
    pattern = np.random.default_rng(seed).integers(0, 255, (8, 8, 1)).repeat(5, 0).repeat(5, 1)
    image[30:70, 40:80] = pattern
    return (image + np.random.default_rng(9).integers(0, 6, image.shape)).clip(0, 255).astype(np.uint8)


def test_looks_are_near_for_one_and_far_for_others():
    one, again = describe(draw(RED, GRAY), FACE), describe(draw(RED, GRAY) // 8 * 7, FACE)
    other = describe(draw(BLUE, RED, seed=1), FACE)
    assert set(one) == {"hair", "clothes", "skin", "pattern"}
    assert all(np.linalg.norm(values) == pytest.approx(1, abs=1e-5) for values in one.values())
    assert measure_distance(one, again) < 0.25 < measure_distance(one, other)
    assert "clothes" not in describe(draw(RED, GRAY)[:75], FACE)  # they are outside of the picture
    assert measure_distance({}, one) == 1.0


def vector(angle: float) -> dict[str, np.ndarray]:
    return {"clothes": np.array([np.cos(angle), np.sin(angle)], np.float32)}


def test_faces_are_joined_by_likeness_but_not_against_what_is_known():
    looks = [vector(angle) for angle in (0.0, 0.1, 1.4, 0.05)]
    assert group_faces(looks, set(), [""] * 4)[0] == [[0, 1, 3], [2]]
    # 0 and 3 are seen together, and 1 is nearer to 3
    assert group_faces(looks, {(0, 3)}, [""] * 4)[0] == [[0], [1, 3], [2]]
    # a name joins what does not look alike
    assert group_faces(looks, set(), ["ann", "", "ann", ""], same=0.01)[0] == [[0, 2], [1, 3]]


def known(track, angles, frames, person=""):
    looks = [Look(time_s, vector(angle)) for time_s, angle in enumerate(angles)]
    return KnownFace(Face("r", track), set(frames), looks, person)


def test_a_face_that_becomes_somebody_else_is_proposed_as_two():
    found = compare([known(1, [0, 0.05, 0, 1.5, 1.5, 1.45], range(9)), known(2, [0.0] * 6, range(9))])
    assert [(item.kind, item.faces) for item in found] == [("other", (Face("r", 1), Face("r", 1, 2.5)))]
    named = [known(1, [0.0] * 3, range(3), "ann"), known(2, [0.0] * 3, range(5, 9), "bob")]
    assert compare(named) == []
    named[1].person = ""
    assert [(item.kind, item.person) for item in compare(named)] == [("same", "ann")]
    assert compare([named[0], known(2, [0.0] * 3, range(5, 9), "ann")]) == []  # known already


@pytest.fixture
def done(study, make_recordings):
    """Two recordings of p0 and one of p1, as the model read them, of 1.2 s each."""
    make_recordings(study, 3, num_frames=12)
    assert [analyze(job) for job in list_jobs(study)] == [""] * 3
    return study


def test_recordings_of_one_participant_are_compared(done, capsys):
    assert group_recordings(done) == [["r0", "r1"], ["r2"]] and group_recordings(done, ["r1"]) == [
        ["r0", "r1"]
    ]
    (found,) = propose(done, ["r0", "r1"])
    assert found.kind == "same" and found.faces == (Face("r0", 1), Face("r1", 1)) and not found.person
    assert main(["study", "persons", done.name, "r0"]) == 0
    assert "one person? r0 face 1, r1 face 1 (distance 0.0" in capsys.readouterr().out
    rename(done, dict.fromkeys(found.faces, "p0"))
    assert main(["study", "persons", done.name]) == 0 and "nobody looks like" in capsys.readouterr().out
    assert undo_naming(done) == "r0" and list_parts(done, "r1") == {}  # both at once
    for ask in (group_recordings, propose):
        with pytest.raises(StudyError, match="no recording 'r9' in study 'smiles'; it has r0, r1, r2"):
            ask(done, ["r0", "r9"])
    shutil.rmtree(done.result_folder("r2"))
    with pytest.raises(StudyError, match="r2 has no result yet"):
        group_recordings(done, ["r0", "r2"])


def test_a_face_can_be_two_persons(done):
    decide(done, {Face("r0", 1): "ann", Face("r0", 1, 0.6): "bob"})
    assert list_parts(done, "r0") == {1: [(0.0, "ann"), (0.6, "bob")]}
    assert name_rows(list_parts(done, "r0"), [1, 1, None, 2], [0.5, 0.6, 0.7, 0.8]) == [
        "ann",
        "bob",
        None,
        None,
    ]
    path = done.load_recordings().path[0]
    shown = list_faces(done, "r0", path)
    assert [(face.person, face.from_s, face.seconds) for face in shown] == [
        ("ann", 0.0, 0.6),
        ("bob", 0.6, 0.6),
    ]
    assert set(list_pictures(done, [Face("r0", 1, 0.6)])) >= {Face("r0", 1, 0.6)}
    rename(done, {Face("r0", 1, 0.6): "cleo"})
    assert list_parts(done, "r0") == {1: [(0.0, "ann"), (0.6, "cleo")]}
    assert [item.faces for item in propose(done, ["r0"])] == []  # ann and cleo are not asked about again


def test_videos_hide_all_who_did_not_agree(done, tmp_path, capsys):
    rename(done, {Face("r0", 1): "ann"})
    export = ["study", "export", done.name, str(tmp_path / "out"), "--blurred"]
    assert main([*export, "--show", "ann"]) == 0
    assert "r0: hidden nobody\nr1: hidden face 1\nr2: hidden face 1\n" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["r0.mp4", "r1.mp4", "r2.mp4"]
    assert main([*export, "--overwrite", "--show", "bob"]) == 1
    assert "nobody is called 'bob'" in capsys.readouterr().err
    assert main([*export[:-1], "--overwrite", "--show", "ann"]) == 1
    assert "goes with --blurred" in capsys.readouterr().err
    path = Path(done.load_recordings().path[0])
    make_video(path, 12, size=(200, 160))  # as many frames at the same times, of somebody else
    assert main([*export, "--overwrite"]) == 1
    assert "is another file than when it was added" in capsys.readouterr().err
    assert add_recordings(done, [NewRecording(path=path)]).changed == ("r0",)
    assert not list_parts(done, "r0")


def test_pictures_come_in_one_pass_or_by_jumps(done, monkeypatch):
    path = done.locate(done.load_recordings().path[0])
    times = [0.0, 0.3, 1.1]
    passed = [image.copy() for _, image in iterate_frames(path, times)]
    monkeypatch.setattr("fer_core.studies.looks._FRAMES_PER_SEEK", 0)
    jumped = [image.copy() for _, image in iterate_frames(path, times)]
    assert len(passed) == 3 and all(np.array_equal(*pair) for pair in zip(passed, jumped, strict=True))


def test_moments_are_spread_and_clear():
    rows = pd.DataFrame({"time_s": np.arange(50) / 10, "score": 0.9, "yaw": [5.0, *[40.0] * 48, 0.0]})
    assert (
        choose_moments(rows)["time_s"].iloc[[0, -1]].tolist() == [0.0, 4.9] and len(choose_moments(rows)) == 5
    )


def box(x: float) -> FaceBox:
    return FaceBox(x=x, y=0, width=10, height=10, score=1)


def test_idf1_by_hand():
    """Ann has three boxes, found twice under one name and once under another; Bob's one is not found."""
    truths = [{"ann": box(0)}, {"ann": box(0)}, {"ann": box(0), "bob": box(50)}, {}]
    found = [{"1": box(1)}, {"1": box(1)}, {"2": box(0)}, {"2": box(80)}]
    assert compute_idf1(truths, found) == pytest.approx(2 * 2 / (4 + 4))
    assert compute_idf1(truths, truths) == 1.0 and compute_idf1(truths, [{}] * 4) == 0.0
    assert math.isnan(compute_idf1([{}], [{}])) and compute_idf1([{}], [{"1": box(1)}]) == 0.0
