"""Projects of Label Studio: an export of many tasks, each of another recording."""

import json

import pytest

from fer_core.cli import main
from fer_core.errors import DataError, StudyError
from fer_core.studies.adding import add_recordings
from fer_core.studies.formats import read_source
from fer_core.studies.formats.label_studio import match_video
from fer_core.studies.importing import is_project, read_events
from fer_core.studies.media import describe_media
from fer_core.studies.new_recordings import NewRecording
from tests.unit.inference.videos import make_video


def make_task(video, *, first=1, last=2, submitted=True, fps=10, coder="ann@lab.example"):
    ranges = {"ranges": [{"start": first, "end": last}], "timelinelabels": ["smile"]}
    annotation = {
        "completed_by": {"id": 7, "email": coder},
        "was_cancelled": False,
        "result": [{"type": "timelinelabels", "value": ranges}],
    }
    data = {"video": video} | ({} if fps is None else {"fps": fps})
    return {"data": data, "annotations": [annotation] if submitted else []}


@pytest.fixture
def write_project(tmp_path):
    def write(*tasks):
        path = tmp_path / "project-3-at-2026-11-30.json"
        path.write_text(json.dumps(tasks))
        return path

    return write


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("/home/lab/media/p1/a.mp4", "p1-a"),
        ("/elsewhere/p2/a.mp4", "p2-a"),
        ("C:\\media\\p1\\a.mp4", "p1-a"),
        ("/data/local-files/?d=media%2Fp2%2Fa.mp4", "p2-a"),
        ("s3://lab/p1/a.mp4?version=3", "p1-a"),
        ("/data/upload/3/4f9b0c1d-Mu%CC%88ller_vor_dem_Film_1.MP4", "mueller"),
        ("http://[lab/p1/a.mp4", "p1-a"),
        ("/data/upload/3/4f9b0c1d-b.mp4", None),
        ("", None),
    ],
)
def test_a_task_is_of_the_recording_whose_path_ends_like_that_of_its_video(said, expected):
    paths = {
        "p1-a": "/home/lab/media/p1/a.mp4",
        "p2-a": "p2/a.mp4",
        "mueller": "/home/lab/media/M\u00fcller vor dem Film (1).mp4",
    }
    assert match_video(said, paths) == ([expected] if expected else [])


def test_a_video_that_two_recordings_could_be_is_not_guessed(study, tmp_path, write_project):
    for number, folder in enumerate(("p1", "p2")):
        (tmp_path / folder).mkdir()
        make_video(tmp_path / folder / "a.mp4", 6 + number)
        add_recordings(study, [NewRecording(path=tmp_path / folder / "a.mp4", stem=folder)])
    project = write_project(make_task("/data/upload/3/4f9b0c1d-a.mp4"), make_task("/lab/p2/a.mp4"))
    with pytest.raises(StudyError, match=r"could be that of p1, p2; name the recording"):
        read_events(project, "", study)
    assert len(read_events(project, "p1", study).table) == 1
    assert len(read_events(project, "p2", study).table) == 2


def test_a_project_brings_the_events_of_all_its_recordings(study, make_recordings, write_project, capsys):
    make_recordings(study, 4)
    project = write_project(
        make_task("/data/upload/3/4f9b0c1d-r0.mp4", first=1, last=4),
        make_task("/data/upload/3/5f9b0c1d-r1.mp4", fps=None),  # then the video's, 10 frames a second
        make_task("/data/upload/3/6f9b0c1d-r2.mp4", submitted=False),
        make_task("/data/upload/3/7f9b0c1d-other.mp4"),
    )
    assert is_project(project)
    assert main(["study", "events", study.name, str(project)]) == 0
    told = capsys.readouterr().out
    assert "2 new events" in told
    assert "Nothing is submitted yet of r2" in told
    assert "1 task of no recording here, /data/upload/3/7f9b0c1d-other.mp4" in " ".join(told.split())
    events = study.load_events().set_index("recording")
    assert sorted(events.index) == ["r0", "r1"]
    assert events.loc["r0", ["start_s", "end_s", "code", "coder"]].tolist() == [
        0.0,
        0.4,
        "smile",
        "ann@lab.example",
    ]
    assert events.loc["r1", "end_s"] == pytest.approx(0.2)
    assert main(["study", "events", study.name, str(project)]) == 0
    assert "0 new events" in capsys.readouterr().out


def test_of_a_project_one_recording_can_be_taken(study, make_recordings, write_project):
    make_recordings(study, 2)
    project = write_project(make_task("r0.mp4"), make_task("r1.mp4"), make_task("r1.mp4", coder="bea"))
    found = read_events(project, "r1", study)
    assert found.table["recording"].tolist() == ["r1", "r1"] and found.notes == ()
    assert found.table["coder"].tolist() == ["ann@lab.example", "bea"]
    with pytest.raises(StudyError, match=r"no submitted annotation of r0: its tasks are of r1\.mp4"):
        read_events(write_project(make_task("r1.mp4"), make_task("r1.mp4")), "r0", study)
    with pytest.raises(StudyError, match="nothing is submitted of r0"):
        read_events(write_project(make_task("r0.mp4", submitted=False)), "", study)


def test_convert_takes_the_task_of_the_video_that_is_named(study, make_recordings, write_project, tmp_path):
    make_recordings(study, 2)
    project = write_project(make_task("r0.mp4", last=2), make_task("r1.mp4", last=5))
    with pytest.raises(DataError, match=r"holds 2 tasks; expected one: name the video"):
        read_source(project)
    media = describe_media(tmp_path / "media" / "r1.mp4")
    assert read_source(project, media=media).annotations["end_s"].tolist() == [0.5]
    with pytest.raises(DataError, match=r"holds 0 tasks of .*r1\.mp4"):
        read_source(write_project(make_task("a.mp4"), make_task("b.mp4")), media=media)
