"""Layouts of other programs' tables of faces."""

import math

import pandas as pd
import pytest

from fer_core.studies.formats import (
    LAYOUTS,
    build_intervals,
    check_annotations,
    describe_columns,
    read_source,
    to_layout,
)
from tests.unit.studies.tables import CLASSES, make_faces


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


def test_openface_counts_from_one_and_turns_in_radians():
    table = to_layout(make_faces(["neutral", None]), "openface")
    first = table.iloc[0]
    assert (first["frame"], first["timestamp"], first["success"]) == (1, 0.0, 1)
    assert first["pose_Ry"] == pytest.approx(math.radians(-18))
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
    assert (
        describe_columns(to_layout(faces, "openface")).set_index("column").loc["pose_Rx", "unit"] == "radians"
    )


def test_a_table_is_checked_where_it_comes_from():
    table = pd.DataFrame({"start_s": [1.0, 0.5], "code": ["b", "a"]})
    assert check_annotations(table, "x")["code"].tolist() == ["a", "b"]
