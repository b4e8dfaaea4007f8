"""What a study found, handed on: curves by condition, tables, files of other tools, the report."""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fer_core.cli import main
from fer_core.errors import ConfigError, StudyError
from fer_core.io import write_json
from fer_core.studies import read_state
from fer_core.studies.charts import build_curves
from fer_core.studies.curves import HALF_WIDTH, compute_curves, summarise_groups
from fer_core.studies.events import Event, add_events
from fer_core.studies.exporting import describe_recordings, export_files, export_table
from fer_core.studies.faces import load_faces
from fer_core.studies.formats import read_source
from fer_core.studies.gallery import list_faces
from fer_core.studies.importing import read_events
from fer_core.studies.persons import list_persons, name_faces, undo_naming
from fer_core.studies.report import describe_methods, write_report
from fer_core.studies.running import list_jobs
from fer_core.studies.state import ResultSummary
from fer_core.studies.study import SUMMARY_FILE, TABLE_FILE

CLASSES = ("happiness", "neutral")
HAPPINESS = {"r0": 0.2, "r1": 0.8, "r2": 0.4, "r3": 0.6}
"""Of each recording; r0 and r1 are of p0, r2 and r3 of p1; r0 and r2 are calm, r1 and r3 loud."""


def write_result(study, job, happiness: list[float]) -> None:
    """A result of one frame a tenth of a second, whose third frame shows nobody."""
    rows = []
    for frame, value in enumerate(happiness):
        row = {"frame": frame, "time_s": frame / 10, "num_faces": 0}
        if frame != 2:
            label = "happiness" if value > 0.5 else "neutral"
            box = {"x": 1.0, "y": 2.0, "width": 30.0, "height": 40.0, "score": 0.9}
            row |= {"num_faces": 1, "track_id": 1, **box, "label": label, "confidence": max(value, 1 - value)}
            row |= {"roll": 0.0, "expected_correctness": 0.8}
            row |= {"happiness": value, "neutral": 1 - value}
        rows.append(row)
    folder = study.result_folder(job.recording)
    folder.mkdir(parents=True)
    pd.DataFrame(rows).astype({"track_id": "Int64"}).to_parquet(folder / TABLE_FILE, index=False)
    mean = float(np.mean([value for frame, value in enumerate(happiness) if frame != 2]))
    summary = ResultSummary(
        recording=job.recording,
        sha256=job.sha256,
        settings=job.settings,
        classes=CLASSES,
        width_px=64,
        height_px=48,
        fps=10.0,
        duration_s=(len(happiness) - 1) / 10,
        num_frames=len(happiness),
        num_faces=1,
        num_rows=len(happiness) - 1,
        num_empty_frames=1,
        num_label_changes=0,
        mean_shares={"happiness": mean, "neutral": 1 - mean},
    )
    write_json(folder / SUMMARY_FILE, summary)


@pytest.fixture
def results(study, make_recordings):
    make_recordings(study, 4)
    for job in list_jobs(study):
        write_result(study, job, [HAPPINESS[job.recording]] * 6)
    assert read_state(study).counts["done"] == 4
    return study


def test_curves_are_means_of_participants(results):
    curves = compute_curves(results, step_s=0.2).set_index(["group", "time_s"])
    assert [round(time, 6) for time in curves.loc["calm"].index] == [0.1, 0.3, 0.5]
    assert np.allclose(curves.loc["calm", "happiness"], (0.2 + 0.4) / 2)
    assert np.allclose(curves.loc["loud", "happiness"], (0.8 + 0.6) / 2)
    assert curves.loc[("calm", 0.1), "num_participants"] == 2
    # t with one degree of freedom is 12.706; the deviation of 0.2 and 0.4 is 0.1 * sqrt(2)
    assert np.allclose(curves.loc["calm", HALF_WIDTH + "happiness"], 12.7062 * 0.1, atol=1e-4)
    alone = compute_curves(results, by="participant", step_s=0.2)
    assert alone[HALF_WIDTH + "happiness"].isna().all()
    figures = [build_curves(table, "happiness") for table in (curves.reset_index(), alone)]
    assert [len(figure.data) for figure in figures] == [4, 2]  # two groups, with bands and without
    by_person = summarise_groups(results, "participant").set_index("group")
    assert by_person.loc["p0", "happiness"] == pytest.approx(0.5)
    assert by_person.loc["p0", "num_recordings"] == 2 and by_person.loc["p0", "num_participants"] == 1
    with pytest.raises(ConfigError, match="no column 'age'"):
        compute_curves(results, by="age")


def test_a_frame_at_the_beginning_of_a_bin_is_in_that_bin(study, make_recordings):
    """0.6 / 0.2, 1.2 / 0.2 and 1.4 / 0.2 are a little less than 3, 6 and 7 in floating point."""
    make_recordings(study, 1)
    write_result(study, list_jobs(study)[0], [0.1] * 6 + [0.9] * 9)
    curves = compute_curves(study, step_s=0.2).set_index("time_s")["happiness"]
    assert curves.round(6).tolist() == [0.1, 0.1, 0.1] + [0.9] * 5
    assert curves.index[3] == pytest.approx(0.7)
    add_events(study, [Event(recording="r0", start_s=0.4, code="cue")])
    around = compute_curves(study, step_s=0.2, around="cue", window_s=(-0.2, 0.2))
    assert around["time_s"].round(6).tolist() == [-0.1, 0.1]


def test_curves_around_an_event_count_time_from_its_start(study, make_recordings):
    make_recordings(study, 1)
    write_result(study, list_jobs(study)[0], [0.1, 0.1, 0.1, 0.9, 0.9, 0.9])
    add_events(study, [Event(recording="r0", start_s=0.3, code="stimulus")])
    curves = compute_curves(study, step_s=0.1, around="stimulus", window_s=(-0.3, 0.3))
    assert np.allclose(curves["time_s"], [-0.25, -0.15, 0.05, 0.15, 0.25], atol=0.051)
    assert curves["happiness"].iloc[0] == pytest.approx(0.1) and curves["happiness"].iloc[
        -1
    ] == pytest.approx(0.9)
    assert compute_curves(study, around="nothing").empty


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_all_faces_are_one_table(results, tmp_path, suffix):
    export_table(results, "faces", tmp_path / f"all{suffix}")
    read = {".csv": pd.read_csv, ".parquet": pd.read_parquet}[suffix]
    table = read(tmp_path / f"all{suffix}")
    assert list(table)[:4] == ["recording", "participant", "condition", "frame"] and len(table) == 24
    assert table[table.recording == "r1"]["happiness"].dropna().tolist() == [0.8] * 5
    assert (table.num_faces == 0).sum() == 4
    words = pd.read_csv(tmp_path / "all.dictionary.csv").set_index("column")
    assert set(words.index) == set(table) and "seconds" not in words.loc["happiness", "meaning"]
    export_table(results, "recordings", tmp_path / f"list{suffix}")
    assert read(tmp_path / f"list{suffix}")["mean happiness"].tolist() == pytest.approx([0.2, 0.8, 0.4, 0.6])


def test_a_file_per_recording_holds_intervals_and_events(results, tmp_path):
    add_events(results, [Event(recording="r1", start_s=0.1, end_s=0.25, code="smile", coder="ann")])
    export_files(results, ".eaf", tmp_path / "elan")
    assert sorted(path.name for path in (tmp_path / "elan").iterdir()) == [f"r{n}.eaf" for n in range(4)]
    found = read_source(tmp_path / "elan" / "r1.eaf").annotations
    smile = found[found.code == "smile"].iloc[0]
    assert (smile.start_s, smile.end_s, smile.coder) == (0.1, 0.25, "ann")
    happy = found[found.code == "happiness"].sort_values("start_s")
    assert happy.start_s.tolist() == pytest.approx([0.0, 0.3]) and happy.end_s.tolist() == pytest.approx(
        [0.2, 0.6]
    )
    back = read_events(tmp_path / "elan" / "r1.eaf", "r1").table
    assert add_events(results, back[back.code == "smile"]) == 0
    with pytest.raises(ConfigError, match="unknown format"):
        export_files(results, ".doc", tmp_path / "x")


def test_what_many_files_could_not_hold_is_said_once(results, tmp_path):
    add_events(results, [Event(recording="r1", start_s=0.1, end_s=0.25, code="smile", note="sure")])
    assert export_files(results, ".TextGrid", tmp_path / "praat") == [
        "r0: 2 annotations written without the coder: Praat has no place for that; likewise of 3 further "
        "recordings",
        "r1: 1 note left out: Praat has no place for notes",
    ]


def test_the_report_is_one_file_with_methods_and_curves(results):
    text = write_report(results, step_s=0.2)
    for words in (
        "4 of 4 recordings",
        "2 participants",
        "conditions: calm, loud",
        "every 5th frame",
        "fer-tiny",
    ):
        assert words in describe_methods(results), words
    assert "plotly" in text and "apparent happiness" in text and "0.300" in text and 'src="http' not in text


def test_a_long_recording_has_curves_of_longer_steps(results, monkeypatch):
    monkeypatch.setattr("fer_core.studies.curves.MAX_BINS", 2)
    monkeypatch.setattr("fer_core.studies.report.MAX_BINS", 2)
    path = results.result_folder("r0") / TABLE_FILE
    faces, summary = pd.read_parquet(path), path.with_name(SUMMARY_FILE)
    faces.assign(time_s=faces["time_s"] * 20).to_parquet(path)
    summary.write_text(
        json.dumps(json.loads(summary.read_text()) | {"duration_s": faces["time_s"].max() * 20})
    )
    assert "apparent happiness" in write_report(results)
    with pytest.raises(ConfigError, match="choose longer ones"):
        write_report(results, step_s=1.0)
    with pytest.raises(ConfigError, match="no event has the code 'nope'"):
        write_report(results, around=["nope"])


def test_what_is_to_know_of_a_result_is_told(results, capsys):
    path = results.result_folder("r1") / SUMMARY_FILE
    note = "The file is damaged or cut off: 5 of about 72 frames could be read."
    path.write_text(json.dumps(json.loads(path.read_text()) | {"notes": [note]}))
    assert read_state(results).recordings["r1"].reason == note
    assert main(["study", "status", results.name]) == 0
    assert f"r1: {note}" in capsys.readouterr().out
    assert main(["study", "events", results.name, "--recording=r9"]) == 1
    assert "no recording 'r9'" in capsys.readouterr().err
    assert main(["study", "run", results.name]) == 0
    assert "1 done that should be looked at: fer study status smiles" in capsys.readouterr().out
    assert note in write_report(results) and note in describe_recordings(results)["reason"].tolist()


def test_nothing_done_is_said(study, make_recordings, tmp_path):
    make_recordings(study, 1)
    with pytest.raises(StudyError, match="fer study run smiles"):
        export_table(study, "faces", tmp_path / "a.csv")
    assert not (tmp_path / "a.csv").exists()
    assert "Nothing is done yet" in write_report(study)
    with pytest.raises(StudyError, match="can't be read"):
        load_faces(study, "r0")


def test_a_data_dictionary_is_not_replaced_unasked(results, tmp_path, capsys):
    """Tables of one name share it, whatever their extensions."""
    command = ["study", "export", results.name]
    assert main([*command, str(tmp_path / "x.csv")]) == 0
    words = (tmp_path / "x.dictionary.csv").read_text()
    assert main([*command, str(tmp_path / "x.parquet"), "--part=events"]) == 1
    assert "x.dictionary.csv exists already" in capsys.readouterr().err
    assert main(["convert", str(tmp_path / "x.csv"), str(tmp_path / "x.parquet"), "--recording=r0"]) == 1
    assert "x.dictionary.csv exists already" in capsys.readouterr().err
    assert (tmp_path / "x.dictionary.csv").read_text() == words and not (tmp_path / "x.parquet").exists()
    assert main([*command, str(tmp_path / "x.parquet"), "--part=events", "--overwrite"]) == 0
    assert (tmp_path / "x.dictionary.csv").read_text() != words


def test_an_empty_study_is_told_by_every_command(study, tmp_path, capsys):
    for command, file in (("report", "a.html"), ("export", "a.csv")):
        assert main(["study", command, study.name, str(tmp_path / file)]) == 1
        assert "nothing is done yet; run it first: fer study run smiles" in capsys.readouterr().err
        assert not (tmp_path / file).exists()
    assert compute_curves(study).empty and summarise_groups(study).empty
    assert describe_methods(study).startswith("0 of 0 recordings")


def test_words_of_others_stay_words(results):
    results_events = [Event(recording="r0", start_s=0.0, code="<script>alert(1)</script>")]
    add_events(results, results_events)
    from fer_core.studies.adding import change_facts

    change_facts(results, pd.DataFrame({"recording": ["r0"], "condition": ["<script>alert(2)</script>"]}))
    text = write_report(results, around=["<script>alert(1)</script>"])
    assert "<script>alert" not in text


def test_faces_have_the_names_that_were_typed_last(results, tmp_path):
    assert "person" not in load_faces(results, "r0")
    name_faces(results, "r0", {1: " p0 "})
    name_faces(results, "r0", {1: "p1"})
    assert load_faces(results, "r0")["person"].dropna().tolist() == ["p1"] * 5
    export_table(results, "faces", tmp_path / "named.parquet")
    table = pd.read_parquet(tmp_path / "named.parquet")
    assert list(table)[3] == "person" and table["person"].notna().sum() == 5
    assert undo_naming(results) == "r0" and list_persons(results, "r0") == {1: "p0"}
    name_faces(results, "r0", {1: ""})
    assert list_persons(results, "r0") == {} and "person" not in load_faces(results, "r0")
    with pytest.raises(StudyError, match="has no face 2, only 1 to 1"):
        name_faces(results, "r0", {2: "p0"})
    with pytest.raises(StudyError, match="can't be a name"):
        name_faces(results, "r0", {1: "a\x07b"})
    assert [undo_naming(results) for _ in range(3)] == ["r0", "r0", ""]


def test_each_face_has_a_picture_as_long_as_the_recording_is_there(results):
    row = results.load_recordings().iloc[0]
    found = list_faces(results, "r0", row["path"])
    assert [(face.track_id, face.seconds, face.label, face.person) for face in found] == [
        (1, 0.5, "neutral", "")
    ]
    assert Image.open(io.BytesIO(found[0].thumbnail_jpeg)).size == (96, 96)
    Path(row["path"]).unlink()
    assert list_faces(results, "r0", row["path"])[0].thumbnail_jpeg == b""
