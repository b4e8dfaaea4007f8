"""A study on the disk: making one, adding recordings, events, and what its files say of how far it is."""

import os
import shutil
import time
import unicodedata
from contextlib import contextmanager
from unittest.mock import Mock

import pandas as pd
import pytest

from fer_core.checkpoint import find_checkpoint
from fer_core.cli import main
from fer_core.errors import ConfigError, FerError, StudyError
from fer_core.exchange.model_import import import_model
from fer_core.exchange.model_zip import write_zip
from fer_core.io import write_json
from fer_core.runs.process import ProcessIdentity
from fer_core.studies import create_study, delete_study, list_studies, load_study, read_state, set_codes
from fer_core.studies.adding import add_recordings, change_facts, remove_recordings
from fer_core.studies.analyzing import Job, analyze
from fer_core.studies.events import Event, add_events, replace_events
from fer_core.studies.exporting import describe_recordings
from fer_core.studies.new_recordings import (
    OWN_FIELDS,
    NewRecording,
    check_column,
    find_files,
    read_list,
    refuse_pattern,
)
from fer_core.studies.report import describe_methods
from fer_core.studies.running import list_jobs, run_study
from fer_core.studies.state import WorkStatus, running_file, survey_studies
from fer_core.studies.study import RECORDINGS_FILE, STUDY_FILE, TABLE_FILE
from fer_core.studies.tables import EVENT_COLUMNS, RECORDING_COLUMNS, write_table
from tests.small_models import save_small_model
from tests.unit.inference.videos import make_video


def do(study, recording: str) -> str:
    row = study.load_recordings().set_index("recording").loc[recording]
    return analyze(
        Job(
            study=str(study.folder),
            recording=recording,
            path=row.path,
            sha256=row.sha256,
            settings=study.settings,
        )
    )


def test_a_study_can_be_read_by_others(study, make_recordings):
    make_recordings(study, 2)
    text = (study.folder / STUDY_FILE).read_text()
    assert 'model = "fer-tiny"' in text and 'codes = [\n    "smile",' in text
    table = pd.read_parquet(study.folder / "recordings.parquet")
    assert list(table) == list(RECORDING_COLUMNS)
    assert list(table.recording) == ["r0", "r1"] and list(table.num_frames) == [6, 7]
    assert list(pd.read_parquet(study.folder / "events.parquet")) == list(EVENT_COLUMNS)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"model": "nobody"}, "no checkpoint 'nobody'"),
        ({"detector": "eyes"}, "unknown detector 'eyes'"),
        ({"detect_every": 0}, "detect_every is 0"),
        ({"prior": "some"}, "prior 'some'"),
        ({"codes": [str(number) for number in range(10)]}, "10 codes; expected at most 9"),
    ],
)
def test_wrong_settings_leave_nothing(workspace, settings, words):
    with pytest.raises(FerError, match=words):
        create_study(workspace, "wrong", **{"model": "fer-tiny", **settings})
    assert list_studies(workspace) == [] and not workspace.study("wrong").exists()


def test_studies_are_listed_renamed_codes_and_deleted(workspace, study):
    with pytest.raises(ConfigError, match="already"):
        create_study(workspace, "smiles", model="fer-tiny")
    assert set_codes(study, [" frown ", "frown", ""]).record.codes == ("frown",)
    (workspace.studies / "torn").mkdir()
    (workspace.studies / "worn").mkdir()
    shutil.copyfile(study.folder / STUDY_FILE, workspace.studies / "worn" / STUDY_FILE)
    (workspace.studies / "worn" / "recordings.parquet").write_text("x")
    found, problems = survey_studies(workspace)
    assert [item.name for item in found] == ["smiles"]
    assert "study.toml is missing" in problems["torn"] and "is no table" in problems["worn"]
    (study.folder / STUDY_FILE).write_text("schema_version = 1\n")
    with pytest.raises(StudyError, match="can't be read"):
        load_study(workspace, "smiles")
    delete_study(workspace, "smiles")
    with pytest.raises(StudyError, match="no study 'smiles'"):
        load_study(workspace, "smiles")


def test_a_folder_pattern_names_columns(tmp_path, study):
    for place in ("p1/calm/a.mp4", "p1/loud/a.mp4", "p2/calm/b c.mp4", "notes.txt", "p2/calm/.hidden.mp4"):
        path = tmp_path / "all" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        make_video(path, 2) if path.suffix == ".mp4" else path.write_text("")
    added = add_recordings(study, find_files(tmp_path / "all", "{participant}/{condition}/{take}.mp4"))
    assert added.recordings == ("p1-calm-a", "p1-loud-a", "p2-calm-b-c") and not added.problems
    table = study.load_recordings().set_index("recording")
    assert table.loc["p2-calm-b-c", ["participant", "condition", "take"]].tolist() == ["p2", "calm", "b c"]
    assert len(find_files(tmp_path / "all", "**/*.mp4")) == 3
    for pattern in ("{path}/x", "{a}/{a}", "{a", "*.avi"):
        with pytest.raises(ConfigError):
            find_files(tmp_path / "all", pattern)


def test_a_csv_names_files_and_facts(tmp_path, study):
    make_video(tmp_path / "a.mp4", 2)
    (tmp_path / "list.csv").write_text("path,participant,age\na.mp4,p1,31\ngone.mp4,p2,40\n")
    added = add_recordings(study, read_list(tmp_path / "list.csv"))
    assert added.recordings == ("a",) and "missing" in next(iter(added.problems.values()))
    again = add_recordings(study, [NewRecording(path=tmp_path / "a.mp4", facts={"condition": "calm"})])
    assert again.known == ("a",) and not again.recordings
    row = study.load_recordings().iloc[0]
    assert (row.participant, row.age, row.condition) == ("p1", "31", "calm")
    change_facts(study, pd.DataFrame({"recording": ["a"], "participant": [""], "group": ["x"]}))
    row = study.load_recordings().iloc[0]
    assert pd.isna(row.participant) and row.group == "x" and row.age == "31"


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8-sig", "path;participant\r\na.mp4;J\u00f6rg\r\n"),
        ("utf-16", "sep=;\npath;participant\na.mp4;J\u00f6rg\n"),
        ("utf-8", "participant\tpath\nJ\u00f6rg\ta.mp4\n"),
        ("utf-8", "path, participant\na.mp4, J\u00f6rg\n"),
    ],
)
def test_a_list_is_read_as_spreadsheets_write_it(tmp_path, encoding, text):
    (tmp_path / "list.csv").write_text(text, encoding=encoding)
    (found,) = read_list(tmp_path / "list.csv")
    assert (found.path, found.facts) == (tmp_path / "a.mp4", {"participant": "J\u00f6rg"})


def test_a_file_that_is_named_twice_is_one_recording_or_a_problem(tmp_path, study):
    make_video(tmp_path / "a.mp4", 2)
    make_video(tmp_path / "b.mp4", 3)
    (tmp_path / "link.mp4").symlink_to(tmp_path / "a.mp4")
    (tmp_path / "list.csv").write_text("path,participant\na.mp4,p1\nlink.mp4,p2\nb.mp4,p3\nb.mp4,p3\n")
    added = add_recordings(study, read_list(tmp_path / "list.csv"))
    assert added.recordings == ("b",) and list(study.load_recordings().participant) == ["p3"]
    assert "participant=p1; participant=p2" in added.problems[str(tmp_path / "a.mp4")]
    assert added.notes == (f"{tmp_path / 'b.mp4'} is named 2 times; it counts once",)


def test_recordings_of_the_same_content_are_said(tmp_path, study, capsys):
    make_video(tmp_path / "a.mp4", 2)
    make_video(tmp_path / "other.mp4", 3)
    shutil.copyfile(tmp_path / "a.mp4", tmp_path / "b.mp4")
    files = [str(tmp_path / name) for name in ("a.mp4", "b.mp4", "other.mp4")]
    assert main(["study", "add", study.name, *files]) == 0
    assert "a, b have the same content" in capsys.readouterr().out
    assert len(study.load_recordings()) == 3
    assert add_recordings(study, [NewRecording(path=tmp_path / "other.mp4")]).notes == ()


def test_a_file_that_moved_is_still_its_recording(tmp_path, study, capsys):
    for number, name in enumerate(("p01", "p02")):
        (tmp_path / "old" / name).mkdir(parents=True)
        make_video(tmp_path / "old" / name / "a.mp4", 2)  # of the same content
        make_video(tmp_path / "old" / name / "b.mp4", 3 + number)
    pattern = ["--pattern", "{participant}/*.mp4"]
    assert main(["study", "add", study.name, "--folder", str(tmp_path / "old"), *pattern]) == 0
    before = study.load_recordings().set_index("recording")
    assert do(study, "p01-a") == "" and do(study, "p02-b") == ""
    add_events(study, [Event(recording="p02-b", start_s=0.1, code="smile")])
    (tmp_path / "old").rename(tmp_path / "new")
    (tmp_path / "new" / "p02" / "b.mp4").rename(tmp_path / "new" / "p02" / "renamed.mp4")
    assert main(["study", "add", study.name, "--folder", str(tmp_path / "new"), *pattern]) == 0
    assert "p02-b: its file has moved" in capsys.readouterr().out
    after = study.load_recordings().set_index("recording")
    assert list(after.index) == list(before.index) and list(after.participant) == list(before.participant)
    assert [
        str(tmp_path / "new" / name) for name in ("p01/a.mp4", "p01/b.mp4", "p02/a.mp4", "p02/renamed.mp4")
    ] == (list(after.path))
    assert read_state(study).counts["done"] == 2 and list(study.load_events().recording) == ["p02-b"]


def test_of_copies_that_moved_the_one_that_kept_its_name_is_itself(tmp_path, study):
    make_video(tmp_path / "x.mp4", 2)
    shutil.copyfile(tmp_path / "x.mp4", tmp_path / "y.mp4")
    add_recordings(study, [NewRecording(path=tmp_path / f"{name}.mp4") for name in "xy"])
    (tmp_path / "new").mkdir()
    (tmp_path / "x.mp4").rename(tmp_path / "new" / "x.mp4")
    (tmp_path / "y.mp4").rename(tmp_path / "new" / "a.mp4")  # comes first, and could be either
    add_recordings(study, find_files(tmp_path / "new", "*.mp4"))
    table = study.load_recordings().set_index("recording")
    assert [table.path[name].rpartition("/")[2] for name in "xy"] == ["x.mp4", "a.mp4"]


def test_a_copy_of_a_file_that_is_there_is_a_recording_of_its_own(tmp_path, study):
    make_video(tmp_path / "a.mp4", 2)
    add_recordings(study, [NewRecording(path=tmp_path / "a.mp4")])
    shutil.copyfile(tmp_path / "a.mp4", tmp_path / "b.mp4")
    added = add_recordings(study, [NewRecording(path=tmp_path / "b.mp4")])
    assert (added.recordings, added.known, added.moved) == (("b",), (), ())


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_letters_with_marks_stay_letters_in_ids(tmp_path, study, form):
    path = tmp_path / unicodedata.normalize(form, "Jürgen Özil.mp4")
    make_video(path, 2)
    assert add_recordings(study, [NewRecording(path=path)]).recordings == ("Jurgen-Ozil",)


@pytest.mark.parametrize("pattern", ["**/*", "*.mp4"])
def test_what_only_has_the_name_of_a_video_is_named(tmp_path, study, capsys, pattern):
    folder = tmp_path / "all"
    (folder / "folder.mp4").mkdir(parents=True)
    (folder / "dead.mp4").symlink_to(tmp_path / "gone.mp4")
    os.mkfifo(folder / "pipe.mp4")
    assert main(["study", "add", study.name, "--folder", str(folder), "--pattern", pattern]) == 1
    told = capsys.readouterr().out
    assert "3 left out" in told
    for words in (
        "folder.mp4: the file is a folder",
        "gone.mp4 is missing",
        "pipe.mp4: the file is no regular",
    ):
        assert words in told, told
    with pytest.raises(ConfigError, match="only folders do, such as plain"):
        (folder / "plain").mkdir()
        find_files(folder, "pl*")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Participant", "write 'participant'"),
        ("CONDITION", "write 'condition'"),
        ("Duration_S", "choose another name"),
    ],
)
def test_a_column_that_differs_in_capitals_only_is_refused(name, words):
    with pytest.raises(ConfigError, match=words):
        check_column(name)
    assert check_column("participants") == "participants"


def test_a_column_that_a_study_has_stays_editable(study, make_recordings):
    make_recordings(study, 1)
    table = study.load_recordings().assign(Condition="calm")
    write_table(study.folder / RECORDINGS_FILE, table, RECORDING_COLUMNS)
    change_facts(study, pd.DataFrame({"recording": ["r0"], "Condition": ["loud"]}))
    assert list(study.load_recordings().Condition) == ["loud"]
    for name in ("sha256", "Participant"):
        with pytest.raises(ConfigError):
            change_facts(study, pd.DataFrame({"recording": ["r0"], name: ["x"]}))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file\na.mp4\n", "expected one called path"),
        ("participant,path\np1,a.mp4\np2\n", "row 2 has no path"),
        ("path,participant\na.mp4,p1,x\n", "more cells than its header"),
        ("path,state\na.mp4,tired\n", "'state' can't be a column of yours"),
    ],
)
def test_a_csv_that_makes_no_sense_is_refused(tmp_path, text, words):
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(ConfigError, match=words):
        read_list(tmp_path / "list.csv")


@pytest.mark.parametrize("key", ["p01.calm", "../p01", "p01 calm", ".", "-p01"])
def test_an_id_that_cannot_name_folders_and_files_is_refused(tmp_path, study, key):
    make_video(tmp_path / "a.mp4", 2)
    (tmp_path / "list.csv").write_text(f"path,recording\na.mp4,{key}\n")
    with pytest.raises(
        ConfigError, match="can't be one; expected a free name of letters, digits, '_' and '-'"
    ):
        add_recordings(study, read_list(tmp_path / "list.csv"))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("all/{participant}/*.mp4", "--folder {}/all --pattern '{{participant}}/*.mp4'"),
        ("*.mp4", "--folder {} --pattern '*.mp4'"),
    ],
)
def test_a_pattern_in_place_of_a_file_is_told_where_it_goes(tmp_path, study, capsys, path, words):
    assert main(["study", "add", study.name, str(tmp_path / path)]) == 1
    assert words.format(tmp_path) in " ".join(capsys.readouterr().err.split())
    (tmp_path / "{1}.mp4").touch()
    refuse_pattern(tmp_path / "{1}.mp4")


def test_no_column_of_the_user_is_one_of_an_export(study, make_recordings):
    make_recordings(study, 1)
    for name in set(describe_recordings(study)) - set(OWN_FIELDS):
        with pytest.raises(ConfigError, match="can't be a column of yours"):
            check_column(name)


def test_a_recording_is_done_once_and_again_when_anything_changed(study, make_recordings, tmp_path):
    make_recordings(study, 2)
    assert do(study, "r0") == ""
    state = read_state(study).recordings
    assert [item.state for item in state.values()] == ["done", "waiting"]
    assert state["r0"].summary.num_frames == 6 and state["r0"].summary.num_rows == 6
    table = study.result_folder("r0") / TABLE_FILE
    before = table.stat().st_ino
    assert do(study, "r0") == "" and table.stat().st_ino == before
    make_video(tmp_path / "media" / "r0.mp4", 9)
    (tmp_path / "media" / "r1.mp4").unlink()
    add_recordings(study, [NewRecording(path=tmp_path / "media" / "r0.mp4")])
    assert read_state(study).recordings["r0"].reason == "its result is of another file"
    assert do(study, "r0") == "" and read_state(study).recordings["r0"].summary.num_frames == 9
    assert "is missing; put it back" in do(study, "r1")
    assert read_state(study).recordings["r1"].state == "failed"
    assert not list((study.folder / "results").glob(".*")) and not list((study.folder / "running").glob("*"))


def test_a_study_without_yunet_says_what_it_takes_instead(workspace, capsys):
    assert main(["study", "create", "smiles"]) == 0
    printed, notes = capsys.readouterr()
    assert "detector haar" in printed and "`fer fetch yunet` gets it" in notes


def test_a_run_without_the_studys_detector_fails_once_not_for_every_recording(workspace, tmp_path):
    study = create_study(workspace, "smiles", model="fer-tiny", detector="yunet")
    make_video(tmp_path / "a.mp4", 2)
    add_recordings(study, [NewRecording(path=tmp_path / "a.mp4")])
    with pytest.raises(FerError, match="run `fer fetch yunet`"):
        run_study(study)
    assert read_state(study).counts["failed"] == 0


def test_the_model_of_a_study_is_found_by_its_weights_under_another_name(workspace, tmp_path):
    save_small_model(workspace, "made")
    study = create_study(workspace, "smiles", model="made/best", detector="whole-image")
    make_video(tmp_path / "a.mp4", 2)
    add_recordings(study, [NewRecording(path=tmp_path / "a.mp4")])
    folder = workspace.runs / "made" / "best"
    archive = write_zip(find_checkpoint("made", workspace), tmp_path / "made.zip")
    shutil.move(folder, tmp_path / "gone")
    with pytest.raises(StudyError, match=r"'made/best' is not here.*fer models import"):
        list_jobs(study)
    import_model([archive], workspace, name="brought")
    save_small_model(workspace, "made", seed=1)  # of the name, with other weights
    assert len(list_jobs(study)) == 1 and do(study, "a") == ""
    assert "fer_resnet" in describe_methods(study)
    shutil.rmtree(workspace.model("brought"))
    with pytest.raises(StudyError, match="has weights"):
        list_jobs(study)


@pytest.mark.parametrize("damage", ["missing", "cut off", "empty", "another format"])
def test_a_result_without_its_table_is_made_again(study, make_recordings, damage):
    make_recordings(study, 1)
    assert do(study, "r0") == ""
    table = study.result_folder("r0") / TABLE_FILE
    whole = table.read_bytes()
    table.unlink()
    if damage != "missing":
        table.write_bytes({"cut off": whole[:-9], "empty": b"", "another format": b"frame,time_s\n"}[damage])
    state = read_state(study).recordings["r0"]
    assert (state.state, state.reason) == ("waiting", "its result is damaged")
    assert [job.recording for job in list_jobs(study)] == ["r0"]
    assert do(study, "r0") == "" and table.read_bytes() == whole
    assert read_state(study).recordings["r0"].state == "done"


class StoppedClient:
    """Of a cluster that answers nothing before it is left."""

    status = "running"

    def map(self, work, jobs, **options):
        return [Mock() for _ in jobs]

    def cancel(self, futures):
        assert futures


def run_and_stop(study, monkeypatch, *recordings):
    """Run a study and stop it at once; these recordings end until the workers are gone."""

    @contextmanager
    def open_cluster(*args, **options):
        yield StoppedClient()
        for recording in recordings:
            do(study, recording)

    monkeypatch.setattr("fer_core.studies.running.open_cluster", open_cluster)
    found = run_study(study, cancelled=lambda: True)
    assert found.was_cancelled
    return found


def test_what_finishes_while_a_run_is_stopped_counts(study, make_recordings, monkeypatch):
    make_recordings(study, 3)
    found = run_and_stop(study, monkeypatch, "r1")
    assert (found.num_done, found.num_before, found.failures) == (1, 0, {})
    assert read_state(study).counts["done"] == 1


def test_what_fails_while_a_run_is_stopped_counts_as_failed(study, make_recordings, monkeypatch, tmp_path):
    """What failed in an earlier run, and was not tried again before the stop, does not."""
    make_recordings(study, 4)
    for name in ("r0", "r1", "r2"):
        (tmp_path / "media" / f"{name}.mp4").unlink()
    assert do(study, "r0") and do(study, "r1")
    found = run_and_stop(study, monkeypatch, "r1", "r2", "r3")
    assert sorted(found.failures) == ["r1", "r2"] and "r2.mp4 is missing" in found.failures["r2"]
    assert found.num_done == 1
    assert read_state(study).counts == {"failed": 3, "done": 1}
    again = run_and_stop(study, monkeypatch)
    assert (again.num_done, again.num_before, again.failures) == (0, 1, {})


def test_a_file_that_was_exchanged_fails_and_keeps_what_was_known(study, make_recordings, tmp_path):
    make_recordings(study, 1)
    make_video(tmp_path / "media" / "r0.mp4", 3)
    assert "another file than when it was added" in do(study, "r0")
    assert not study.result_folder("r0").exists()


def test_who_works_on_a_recording_is_seen_as_long_as_it_lives(study, make_recordings):
    make_recordings(study, 1)
    me = ProcessIdentity.current().to_status()
    status = WorkStatus(heartbeat=time.time(), num_done=1, num_total=4, **me)
    write_json(running_file(study, "r0"), status)
    found = read_state(study)
    assert (found.counts["running"], found.share) == (1, 0.25)
    write_json(running_file(study, "r0"), WorkStatus(heartbeat=1.0, **{**me, "process_birth": "gone"}))
    os.utime(running_file(study, "r0"), (0, 0))
    assert read_state(study).counts["waiting"] == 1


def test_events_are_intervals_and_points(study, make_recordings):
    make_recordings(study, 2)
    smile = Event(recording="r1", start_s=0.5, end_s=1.0, code="smile", coder="ann")
    assert add_events(study, [smile, Event(recording="r0", start_s=0.1, code="stimulus")]) == 2
    assert add_events(study, [smile]) == 0
    events = study.load_events()
    assert list(events.recording) == ["r0", "r1"] and pd.isna(events.end_s[0]) and events.end_s[1] == 1.0
    replace_events(study, "r1", events[events.recording == "r1"].assign(code="frown"))
    assert list(study.load_events().code) == ["stimulus", "frown"]
    remove_recordings(study, ["r0"])
    assert list(study.load_events().recording) == ["r1"] and list(study.load_recordings().recording) == ["r1"]


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"recording": "r9"}, "no such recording"),
        ({"code": " "}, "expected a code"),
        ({"start_s": 2.0, "end_s": 1.0}, "from 2 to 1 s"),
        ({"start_s": -1.0}, "from -1 to"),
        ({"start_s": float("nan")}, "no times"),
        ({"end_s": float("inf")}, "to inf s"),
    ],
)
def test_events_that_make_no_sense_are_refused(study, make_recordings, event, words):
    make_recordings(study, 1)
    good = Event(recording="r0", start_s=0.0, code="smile")
    wrong = Event(**{"recording": "r0", "start_s": 0.0, "code": "smile", **event})
    with pytest.raises(StudyError, match=words):
        add_events(study, [good, wrong])
    assert study.load_events().empty


def test_a_damaged_table_is_named(study):
    shutil.copyfile(study.folder / STUDY_FILE, study.folder / "recordings.parquet")
    with pytest.raises(StudyError, match="is no table"):
        read_state(study)
