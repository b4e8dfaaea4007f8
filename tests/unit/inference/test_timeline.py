"""Summaries of rows, by hand."""

import numpy as np
import pandas as pd
import pytest

from fer_core.errors import StorageError
from fer_core.inference.face_table import FIXED_COLUMNS, Totals, create_table
from fer_core.inference.stream import FrameResult, StageTimes
from fer_core.inference.timeline import (
    class_columns,
    compute_frames,
    compute_presence,
    compute_shares,
    rows_with_faces,
)
from fer_core.types import FaceResult, Prediction
from tests.unit.inference.fakes import box

CLASSES = ("happiness", "sadness")


def result(time_s: float, *faces: tuple[int, float]) -> FrameResult:
    """A frame with faces given as (track id, probability of happiness)."""
    return FrameResult(
        faces=tuple(
            FaceResult(box=box(10), prediction=Prediction(CLASSES, (p, 1 - p)), track_id=track_id)
            for track_id, p in faces
        ),
        time_s=time_s,
        was_searched=True,
        times=StageTimes(detect_ms=0, classify_ms=0, track_ms=0),
    )


RESULTS = [
    result(0.0, (1, 0.9), (2, 0.2)),
    result(0.1, (1, 0.3), (2, 0.2)),
    result(0.2, (1, 0.6)),
    result(0.3),
    result(0.4, (1, 0.6), (3, 0.8)),
]


@pytest.fixture(params=["rows.csv", "rows.parquet"])
def rows(request, tmp_path) -> pd.DataFrame:  # type: ignore[no-untyped-def]
    path = tmp_path / request.param
    with create_table(path, CLASSES) as table:
        for frame, item in enumerate(RESULTS):
            table.add(frame, item.time_s, item.faces)
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


def test_the_table_reads_back(rows: pd.DataFrame) -> None:
    assert rows.columns.tolist() == [*FIXED_COLUMNS, *CLASSES]
    assert rows["frame"].tolist() == [0, 0, 1, 1, 2, 3, 4, 4]
    assert rows["num_faces"].tolist() == [2, 2, 2, 2, 1, 0, 2, 2]
    empty = rows.iloc[5]
    assert empty["time_s"] == 0.3 and empty.iloc[FIXED_COLUMNS.index("track_id") :].isna().all()
    faces = rows_with_faces(rows)
    assert faces["track_id"].tolist() == [1, 2, 1, 2, 1, 1, 3]
    assert faces["happiness"].tolist() == [0.9, 0.2, 0.3, 0.2, 0.6, 0.6, 0.8]
    assert rows["label"].tolist()[:3] == ["happiness", "sadness", "sadness"]
    assert class_columns(rows) == list(CLASSES)


def test_shares(rows: pd.DataFrame) -> None:
    shares = compute_shares(rows)
    assert shares.index.tolist() == [1, 2, 3, "all"]
    assert shares["happiness"].tolist() == pytest.approx([0.6, 0.2, 0.8, 3.6 / 7])
    np.testing.assert_allclose(shares.sum(axis=1), 1)


def test_frames_and_cuts(tmp_path) -> None:  # type: ignore[no-untyped-def]
    faces_of_frames = [(1,), (1, 2), (3, 2), (4,), (), (5,), (5,), (6, 7), (7,)]
    with create_table(tmp_path / "rows.parquet", CLASSES) as table:
        for frame, tracks in enumerate(faces_of_frames):
            item = result(frame / 10, *[(track, 0.5) for track in tracks])
            table.add(frame, item.time_s, item.faces)
    frames = compute_frames(pd.read_parquet(tmp_path / "rows.parquet").sample(frac=1, random_state=0))
    assert frames["time_s"].tolist() == pytest.approx([frame / 10 for frame in range(9)])
    assert frames["num_faces"].tolist() == [1, 2, 2, 1, 0, 1, 1, 2, 1]
    assert frames.loc[frames["is_cut"], "frame"].tolist() == [3, 7]


def test_presence(rows: pd.DataFrame) -> None:
    presence = compute_presence(rows)
    assert presence["first_s"].tolist() == [0.0, 0.0, 0.4]
    assert presence["last_s"].tolist() == [0.4, 0.1, 0.4]
    assert presence["num_frames"].tolist() == [4, 2, 1]
    assert presence["label"].tolist() == ["happiness", "sadness", "happiness"]


def test_running_totals_agree_with_the_table(rows: pd.DataFrame) -> None:
    totals = Totals(CLASSES)
    for item in RESULTS:
        totals.add(item)
    assert totals.num_rows == len(rows_with_faces(rows)) == 7
    assert totals.num_empty_frames == (rows["num_faces"] == 0).sum() == 1
    assert totals.num_faces == rows["track_id"].nunique() == 3
    assert totals.num_label_changes == 2, "face 1 is happy, sad, happy, happy; the others never change"
    assert totals.mean_shares() == pytest.approx(compute_shares(rows).loc["all"].to_dict())


def test_classes_can_be_chosen(rows: pd.DataFrame) -> None:
    assert compute_shares(rows, classes=["sadness"]).columns.tolist() == ["sadness"]


def test_no_rows(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with create_table(tmp_path / "rows.parquet", CLASSES):
        pass
    empty = pd.read_parquet(tmp_path / "rows.parquet")
    assert len(compute_shares(empty)) == len(compute_presence(empty)) == 0
    assert (Totals(CLASSES).mean_shares(), Totals(CLASSES).num_label_changes) == ({}, 0)


def test_many_rows_are_written_in_batches(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with create_table(tmp_path / "rows.parquet", CLASSES) as table:
        for frame in range(10_000):
            table.add(frame, frame / 30, RESULTS[0].faces)
            assert len(table._columns[0]) < 4096
    rows = pd.read_parquet(tmp_path / "rows.parquet")
    assert len(rows) == 20_000
    assert rows["frame"].tolist() == [frame for frame in range(10_000) for _ in range(2)]


def test_an_error_leaves_no_table(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(RuntimeError), create_table(tmp_path / "rows.csv", CLASSES) as table:
        table.add(0, 0.0, RESULTS[0].faces)
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_none_is_told(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StorageError, match="can't be written"),
        create_table(tmp_path / "file" / "rows.csv", CLASSES),
    ):
        pass


def test_a_class_called_like_a_column_has_a_column_of_its_own(tmp_path):
    path = tmp_path / "rows.parquet"
    with create_table(path, ("label", "x", "stretch")) as table:
        for frame in range(4):
            prediction = Prediction(("label", "x", "stretch"), (0.2, 0.7, 0.1))
            table.add(frame, frame / 10, [FaceResult(box=box(5), prediction=prediction, track_id=1)])
    rows = pd.read_parquet(path)
    assert class_columns(rows) == ["class: label", "class: x", "stretch"]
    assert rows["x"].tolist() == [5] * 4 and rows["label"].tolist() == ["x"] * 4
    assert compute_presence(rows)["label"].tolist() == ["class: x"]
