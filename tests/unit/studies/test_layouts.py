"""Layouts of other programs' tables of faces."""

import math

import numpy as np
import pandas as pd
import pytest

from fer_core.cli import main
from fer_core.errors import DataError
from fer_core.studies.formats import (
    LAYOUTS,
    build_intervals,
    check_annotations,
    describe_columns,
    read_source,
    to_layout,
    write_source,
)
from fer_core.studies.importing import read_events
from tests.unit.inference.videos import make_video
from tests.unit.studies.tables import CLASSES, MEDIA, make_faces


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_of_other_programs_are_read_again(tmp_path, layout):
    faces = make_faces(["neutral", None, "happiness"])
    table = to_layout(faces, layout)
    table.to_csv(tmp_path / "a.csv", index=False)
    found = read_source(tmp_path / "a.csv")
    same = [name for name in faces.columns if name in found.faces]
    assert {"frame", "time_s", "num_faces", "track_id", "yaw", "label", *CLASSES[:2]} <= set(same)
    for name in same:
        expected = faces[name].tolist()
        if faces[name].dtype.kind == "f":
            assert found.faces[name].tolist() == pytest.approx(expected, nan_ok=True)
        elif name == "label":
            assert found.faces[name].fillna("").tolist() == ["neutral", "", "happiness"]
    assert found.annotations[["start_s", "code"]].to_numpy().tolist() == [
        [0.0, "neutral"],
        [0.08, "happiness"],
    ]


@pytest.mark.parametrize("more", ["contempt", "boredom of ours"])
def test_classes_that_py_feat_lacks_come_back(tmp_path, more):
    """They were dropped, and the label was that of the most probable other class."""
    faces = make_faces(["neutral", "neutral"]).rename(columns={"neutral": more}).assign(label=more)
    table = to_layout(faces, "fex").assign(age=[30, 31])
    table.to_csv(tmp_path / "a.csv")  # with numbers of rows
    found = read_source(tmp_path / "a.csv")
    assert found.faces["label"].tolist() == [more, more]
    assert found.faces[[more, "happiness", "sadness"]].to_numpy() == pytest.approx(
        np.array([[0.8, 0.1, 0.1]] * 2)
    )
    assert found.notes == ("left out of Py-Feat's table: age",)


def test_a_face_whose_probabilities_do_not_sum_to_one_has_no_label(tmp_path):
    table = to_layout(make_faces(["neutral"] * 3), "fex")
    table.loc[1, "happiness"] = math.nan
    table.to_csv(tmp_path / "a.csv", index=False)
    found = read_source(tmp_path / "a.csv")
    assert found.faces["label"].fillna("").tolist() == ["neutral", "", "neutral"]
    assert found.faces["confidence"].isna().tolist() == [False, True, False]
    assert found.notes == ("1 face without a label: the probabilities of a face are to sum to 1",)
    assert found.annotations["start_s"].tolist() == [0.0, 0.08]


def make_openface(tmp_path, **more):
    """As FeatureExtraction writes it: a space after each comma, no expressions; no face on frame 2."""
    table = pd.DataFrame({"frame": [1, 2], "face_id": 0, "timestamp": [0.0, 0.04], "confidence": [0.98, 0.0]})
    table = table.assign(success=[1, 0], gaze_0_x=0.1, pose_Tx=5.0, pose_Rx=0.5, pose_Ry=0.25, pose_Rz=0.1)
    table = table.assign(x_0=[10.0, 0.0], x_1=[50.0, 0.0], y_0=[20.0, 0.0], y_1=[90.0, 0.0], X_0=1.0)
    table = table.assign(AU01_r=0.5, AU01_c=1, **more)
    lines = [", ".join(map(str, row)) for row in [table.columns, *table.to_numpy().tolist()]]
    (tmp_path / "of.csv").write_text("\n".join(lines))
    return tmp_path / "of.csv"


def test_what_openface_wrote_is_a_table_of_faces(tmp_path):
    found = read_source(make_openface(tmp_path))
    first, second = found.faces.to_dict("records")
    assert [first[name] for name in ("frame", "num_faces", "track_id", "score")] == [0, 1, 0, 0.98]
    assert [first[name] for name in ("x", "y", "width", "height")] == [10, 20, 40, 70]
    angles = [first[name] for name in ("pitch", "yaw", "roll")]
    assert angles == pytest.approx([math.degrees(angle) for angle in (-0.5, -0.25, 0.1)])
    assert second["num_faces"] == 0 and math.isnan(second["track_id"]) and math.isnan(second["yaw"])
    assert "label" not in found.faces and len(found.annotations) == 0
    assert found.notes[0] == (
        "left out of OpenFace 2's table: gaze (1 column), landmarks (5 columns), action units (2 columns), "
        "place of the head in space (1 column)"
    )
    assert found.notes[-1] == "the faces have no expressions, so there are no intervals"
    write_source(found, tmp_path / "b.csv")
    assert read_source(tmp_path / "b.csv").faces["width"].tolist()[:1] == [40]


@pytest.mark.parametrize(("name", "layout"), [("a.eaf", ""), ("a.srt", ""), ("a.csv", "events")])
def test_intervals_of_openface_are_refused_in_words(tmp_path, name, layout):
    found = read_source(make_openface(tmp_path))
    with pytest.raises(DataError, match="no expressions"):
        write_source(found, tmp_path / name, media=MEDIA, layout=layout)
    assert not (tmp_path / name).exists()
    with pytest.raises(DataError, match="no expressions"):
        read_events(tmp_path / "of.csv", "r1")


def test_the_command_takes_times_from_the_video_and_says_what_is_left_out(tmp_path, capsys):
    make_video(tmp_path / "clip.mp4")
    table = to_layout(make_faces(["neutral", "sadness"]), "fex").drop(columns="time_s")
    table.assign(AU12=0.3).to_csv(tmp_path / "fex.csv", index=False)
    arguments = ["convert", str(tmp_path / "fex.csv"), str(tmp_path / "out.srt")]
    assert main(arguments) == 1
    assert "--video" in capsys.readouterr().err
    assert main([*arguments, "--video", str(tmp_path / "clip.mp4")]) == 0
    said = capsys.readouterr().out
    assert "2 intervals" in said and "left out of Py-Feat's table: action units (1 column)" in said


def test_expressions_beside_what_openface_measured_are_labels(tmp_path):
    found = read_source(make_openface(tmp_path, expression_joy=[0.9, 0], expression_other=[0.1, 0]))
    assert found.annotations["code"].tolist() == ["joy"]


def test_frames_of_py_feat_are_placed_by_the_video(tmp_path):
    faces = make_faces(["neutral", "neutral", None, "sadness"])
    table = to_layout(faces, "fex").drop(columns=["time_s", "face"])
    table.assign(approx_time="00:00", AU12=0.3, x_0=4.0).to_csv(tmp_path / "fex.csv")
    with pytest.raises(DataError, match="--video"):
        read_source(tmp_path / "fex.csv")
    found = read_source(tmp_path / "fex.csv", media=MEDIA)
    assert found.faces["time_s"].tolist() == pytest.approx([0, 0.04, 0.08, 0.12])
    assert found.annotations[["start_s", "code"]].to_numpy().tolist() == [[0.0, "neutral"], [0.12, "sadness"]]
    assert found.notes[1] == "frames are placed at the video's mean rate, 25 a second"
    assert "landmarks (1 column), action units (1 column), times in whole seconds" in found.notes[0]


def test_py_feats_table_of_two_videos_numbers_the_faces_of_each(tmp_path):
    table = pd.concat([to_layout(make_faces(["neutral"]).assign(recording=name), "fex") for name in "ab"])
    table.drop(columns="face").to_csv(tmp_path / "fex.csv", index=False)
    found = read_source(tmp_path / "fex.csv", "b")
    assert found.faces[["num_faces", "track_id"]].to_numpy().tolist() == [[1, 0]]


def test_openface_counts_from_one_and_turns_in_radians():
    table = to_layout(make_faces(["neutral", None]), "openface")
    first = table.iloc[0]
    assert (first["frame"], first["timestamp"], first["success"]) == (1, 0.0, 1)
    assert first["pose_Ry"] == pytest.approx(math.radians(18)), "left of the picture is positive there"
    assert table.iloc[1][["success", "confidence"]].tolist() == [0, 0.0]


def test_fex_has_all_columns_that_py_feat_wants():
    table = to_layout(make_faces(["neutral"]), "fex")
    feelings = ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"]
    poses = ["Pitch", "Roll", "Yaw", "X", "Y", "Z"]
    assert {*feelings, *poses} <= set(table.columns)
    assert table["anger"].isna().all()


def test_every_column_has_a_meaning():
    faces = make_faces(["neutral", None]).assign(recording="a")
    for table in (faces, to_layout(faces, "openface"), to_layout(faces, "fex"), build_intervals(faces)):
        found = describe_columns(table)
        assert found["column"].tolist() == list(table.columns)
        assert "a column of the user's" not in found["meaning"].tolist()
    theirs = describe_columns(to_layout(faces, "openface")).set_index("column")
    assert theirs.loc["pose_Rx", ["unit", "meaning"]].tolist() == ["radians", "how far the face looks down"]


def test_a_table_is_checked_where_it_comes_from():
    table = pd.DataFrame({"start_s": [1.0, 0.5], "code": ["b", "a"]})
    assert check_annotations(table, "x")["code"].tolist() == ["a", "b"]
