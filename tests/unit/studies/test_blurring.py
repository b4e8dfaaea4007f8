"""Hiding faces: everybody but who is named, before they were found and after they were lost, too."""

import cv2
import numpy as np
import pandas as pd
import pytest

from fer_core.cli import main
from fer_core.errors import ConfigError, DataError
from fer_core.inference.canvas import CELLS, Canvas
from fer_core.inference.video_reader import open_video
from fer_core.studies.blurring import blur_video, choose_hidden, plan_areas
from tests.unit.inference.videos import make_video
from tests.unit.studies.tables import make_faces


def test_a_mosaic_has_few_cells_and_stays_in_its_place():
    image = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    before = image.copy()
    Canvas.of_rgb(image).pixelate(-20, 10, 30, 70)
    assert len(np.unique(image[10:, :30].reshape(-1, 3), axis=0)) <= CELLS**2
    assert (image[:10] == before[:10]).all() and (image[:, 30:] == before[:, 30:]).all()
    Canvas.of_rgb(image).pixelate(100, 0, 120, 20)  # outside


def test_a_face_is_hidden_before_between_and_after():
    """25 frames a second: 64 x 96 px, seen at 2 s and, 25 px further right, at 3 s."""
    times = np.arange(200) / 25
    rows = make_faces(["neutral"] * 2).assign(frame=[50, 75], x=[10.0, 35.0], tier="face 0")
    areas = plan_areas(rows, times)
    assert sorted(areas) == list(range(25, 101))
    left, top, right, bottom = areas[50][0]
    assert left <= 10 and top <= 20 and right >= 74 and bottom >= 116
    middle = areas[62][0]
    assert (middle[0] + middle[2]) / 2 == pytest.approx(42 + 12, abs=1)
    assert areas[30][0][2] - areas[30][0][0] > right - left


def test_two_faces_of_one_name_are_both_hidden():
    faces = pd.concat([make_faces(["neutral"]), make_faces(["neutral"], track=3).assign(x=400.0)])
    hidden, _ = choose_hidden(faces.assign(person="Ann"), [])
    assert len(plan_areas(hidden, np.zeros(1))[0]) == 2


def test_nobody_is_shown_unless_named():
    faces = pd.concat([make_faces(["neutral"]), make_faces(["neutral"], track=3)])
    named = faces.assign(person=["Ann", None])
    assert set(choose_hidden(faces, [])[0]["tier"]) == {"face 0", "face 3"}
    assert set(choose_hidden(faces, ["3"])[0]["tier"]) == {"face 0"}
    assert set(choose_hidden(named, ["Ann"])[0]["tier"]) == {"face 3"}
    named_like_another = choose_hidden(faces.assign(person=["face 3", None]), ["face 3"])[0]
    assert named_like_another["track_id"].tolist() == [3]
    assert set(choose_hidden(faces.assign(person=["7", None]), ["7"])[0]["tier"]) == {"face 3"}
    with pytest.raises(ConfigError, match="no face is called 'Bob'; the table has Ann, face 3"):
        choose_hidden(named, ["Bob"])
    with pytest.raises(DataError, match="no faces of a video"):
        choose_hidden(pd.DataFrame({"label": ["x"]}), [])


@pytest.fixture
def video(tmp_path):
    """A video, and a table that says there is a face on it that is lost in between."""
    path = make_video(tmp_path / "clip.mp4")
    with open_video(path) as reader:
        times = [frame.time_s for frame in reader.frames()]
        width = reader.info.width_px
    labels = ["neutral" if number % 4 == 0 else None for number in range(len(times))]
    faces = make_faces(labels).assign(time_s=times)
    return path, faces.assign(x=width / 4, y=8.0, width=width / 8, height=width / 8)


def read_pictures(path):
    with open_video(path) as reader:
        return [frame.picture.rgb().copy() for frame in reader.frames()]


def test_the_command_hides_the_face_on_every_frame(video, tmp_path, capsys):
    path, faces = video
    faces.to_csv(tmp_path / "faces.csv", index=False)
    arguments = ["blur", str(path), str(tmp_path / "faces.csv"), str(tmp_path / "out.mp4")]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert f"on {len(faces)} of {len(faces)} frames" in said and "hidden: face 0; seen: nobody" in said
    pictures = read_pictures(tmp_path / "out.mp4")
    assert len(pictures) == len(faces)
    (left, top, right, bottom), *_ = plan_areas(choose_hidden(faces, [])[0], faces["time_s"].to_numpy())[1]
    for picture in pictures:
        area = picture[max(0, top) : bottom, max(0, left) : right]
        cells = cv2.resize(area, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
        mosaic = cv2.resize(cells, area.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        assert np.abs(area.astype(int) - mosaic).mean() < 6  # what the encoder adds
    assert main(arguments) == 1
    assert main([*arguments, "--overwrite", "--show", "0"]) == 0
    assert "on 0 of" in capsys.readouterr().out


@pytest.mark.parametrize(
    "change",
    [
        lambda faces: faces.iloc[:-1],
        lambda faces: faces.iloc[1:],
        lambda faces: faces.assign(time_s=faces["time_s"] * 2),
    ],
)
def test_a_table_of_another_video_hides_nothing_and_writes_nothing(video, tmp_path, change):
    path, faces = video
    with pytest.raises(DataError, match=r"not of clip\.mp4|every frame"):
        blur_video(path, change(faces), tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()
