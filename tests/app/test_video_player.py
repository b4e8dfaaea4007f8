"""What the player of videos sends to the browser."""

import pandas as pd
import pytest

from app.shared.components.video_player import PROBABILITY_STEPS, build_player_data
from fer_core.inference.face_table import create_table
from fer_core.palette import EMOTION_COLORS
from fer_core.types import FaceBox, FaceResult, Prediction

CLASSES = ("happiness", "x")


def _face(track: int, chance: float) -> FaceResult:
    box = FaceBox(x=-3.4, y=20.6, width=30, height=40, score=0.9)
    return FaceResult(box=box, prediction=Prediction(CLASSES, (chance, 1 - chance)), track_id=track)


def _table(path, *frames: list[FaceResult]) -> pd.DataFrame:
    with create_table(path, CLASSES) as table:
        for number, faces in enumerate(frames):
            table.add(number, number**2 / 10, faces)
    return pd.read_parquet(path, dtype_backend="numpy_nullable")


def test_a_table_becomes_columns(tmp_path):
    table = _table(
        tmp_path / "t.parquet", [_face(7, 0.25)], [], [_face(7, 0.75), _face(9, 1.0)], [_face(9, 0.5)]
    )
    data = build_player_data(table)
    assert data["tracks"][0] == {"id": 7, "label": "happiness", "mean": [0.5, 0.5]}
    assert [track["id"] for track in data["tracks"]] == [7, 9]
    assert data["classes"][0] == {"name": "happiness", "color": EMOTION_COLORS["happiness"]}
    assert data["frames"]["time_s"].tolist() == pytest.approx([0, 0.1, 0.4, 0.9])
    faces = data["faces"]
    assert faces["frame"].tolist() == [0, 2, 2, 3]
    assert faces["track"].tolist() == [0, 0, 1, 1]
    assert faces[["x", "y", "width", "height"]].iloc[0].tolist() == [-3, 21, 30, 40]
    assert (faces["p0"] / PROBABILITY_STEPS).tolist() == [0.25, 0.75, 1.0, 0.5]
    assert faces.memory_usage(index=False).sum() == len(faces) * (4 + 4 + 4 * 2 + 2 * 2)


def test_a_video_without_a_face_has_its_frames(tmp_path):
    data = build_player_data(_table(tmp_path / "t.parquet", [], []))
    assert data["tracks"] == []
    assert len(data["frames"]) == 2
    assert len(data["faces"]) == 0
