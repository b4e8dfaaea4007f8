"""Every format is opened by the library that people use for it, and gives the same intervals within 1 ms."""

import json
import math
import xml.etree.ElementTree as ET

import pandas as pd
import praatio.textgrid
import pysubs2
import pytest
import webvtt

from fer_core.cli import main
from fer_core.errors import ConfigError, DataError
from fer_core.studies.formats import (
    Source,
    build_intervals,
    from_events,
    read_source,
    to_events,
    write_source,
)
from tests.unit.inference.videos import make_video
from tests.unit.studies.annotation_rows import (
    EAF,
    PAL,
    ROWS,
    assert_same,
    list_expected,
    make_annotations,
    write,
)
from tests.unit.studies.tables import MEDIA, make_faces


def test_textgrid_opens_in_praatio(tmp_path):
    annotations = make_annotations([row for row in ROWS if not row[3].startswith("points [")])
    notes = write(annotations, tmp_path / "a.TextGrid")
    grid = praatio.textgrid.openTextgrid(tmp_path / "a.TextGrid", includeEmptyIntervals=False)
    intervals = [tuple(entry) for entry in grid.getTier("Ann").entries]
    expected = list_expected(annotations[annotations["end_s"].notna()])
    assert_same([(float(start), float(end), text) for start, end, text in intervals], expected)
    (point,) = grid.getTier("Ann (points)").entries
    assert (float(point.time), point.label) == (0.04, "blink")
    assert grid.maxTimestamp == pytest.approx(3662.75)
    assert notes == ["4 annotations written without the coder: Praat has no place for that"]


def test_vtt_opens_in_webvtt_py(tmp_path):
    annotations = make_annotations()
    write(annotations, tmp_path / "a.vtt")
    captions = webvtt.read(tmp_path / "a.vtt", strict=True).captions
    found = [(one.start_time, one.end_time, one.text) for one in captions]
    seconds = [(to_seconds(start), to_seconds(end), text) for start, end, text in found]
    assert_same(seconds, list_expected(annotations), texts=False)
    assert {one.voice for one in captions if one.text == "happiness"} == {"Ann"}


def to_seconds(time):
    return time.hours * 3600 + time.minutes * 60 + time.seconds + time.milliseconds / 1000


@pytest.mark.parametrize(
    ("suffix", "tier", "code", "expected"),
    [
        (".srt", "face: 1", "glad", ("face:1", "glad")),
        (".srt", "face 1:", "a: b", ("face 1", "a: b")),
        (".srt", "face 1", "<b>", ("face 1", "‹b›")),
        (".srt", "face 1", "two\nlines", ("face 1", "two lines")),
        (".vtt", "face: 1", "a: <b>", None),
        (".vtt", "face 1", "two\nlines", ("face 1", "two lines")),
    ],
)
def test_subtitles_say_what_they_write_otherwise_and_take_no_tier_for_a_code(
    tmp_path, suffix, tier, code, expected
):
    rows = [{"tier": tier, "start_s": 1.0, "end_s": 2.0, "code": code, "coder": "", "note": ""}]
    source = Source(annotations=pd.DataFrame(rows))
    notes = write_source(source, tmp_path / f"a{suffix}")
    assert [" annotation written with other signs" in note for note in notes] == [True] * (
        expected is not None
    )
    back = read_source(tmp_path / f"a{suffix}").annotations
    assert (back["tier"][0], back["code"][0]) == (expected or (tier, code))


def test_srt_opens_in_pysubs2(tmp_path):
    annotations = make_annotations()
    write(annotations, tmp_path / "a.srt")
    found = [(one.start / 1000, one.end / 1000, one.text) for one in pysubs2.load(str(tmp_path / "a.srt"))]
    assert_same(found, list_expected(annotations), texts=False)
    assert (0.0, 1.0, "Ann: happiness") in [(start, round(end, 2), text) for start, end, text in found]
    other = pysubs2.SSAFile()
    for start_ms, end_ms, text in ((500, 1500, "Ann: {\\an8}<i>smile</i>"), (2000, 2250, "stimulus\\Nloud")):
        other.append(pysubs2.SSAEvent(start=start_ms, end=end_ms, text=text))
    other.save(str(tmp_path / "b.srt"))
    back = read_source(tmp_path / "b.srt").annotations
    assert back[["tier", "start_s", "end_s", "code"]].to_numpy().tolist() == [
        ["Ann", 0.5, 1.5, "smile"],
        ["events", 2.0, 2.25, "stimulus loud"],
    ]
    (tmp_path / "c.srt").write_text("1\n00:00:01,5 --> 00:00:02,000\nx\n")
    with pytest.raises(DataError, match=r"line 2: .* is no time of a cue"):
        read_source(tmp_path / "c.srt")
    (tmp_path / "d.srt").write_text("x")
    with pytest.raises(DataError, match="is no SRT file"):
        read_source(tmp_path / "d.srt")


@pytest.mark.parametrize("suffix", [".eaf", ".TextGrid", ".vtt", ".json", ".csv", ".parquet"])
def test_what_is_written_is_read_again(tmp_path, suffix):
    annotations = make_annotations([(*row[:4], "", "") for row in ROWS if row[3] != "blink"] +
                                   [("Ann", 1.6, None, "blink", "", "")])  # fmt: skip
    path = tmp_path / f"a{suffix}"
    write_source(Source(annotations=annotations), path, media=MEDIA, layout="events")
    if suffix == ".json":
        submit(path)
    found = read_source(path).annotations
    assert found["end_s"].isna().tolist() == annotations["end_s"].isna().tolist()
    accuracy = 0.5 / MEDIA.fps + 1e-9 if suffix == ".json" else 0.001
    for name in ("start_s", "end_s"):
        assert found[name].fillna(-1).to_numpy() == pytest.approx(annotations[name].fillna(-1), abs=accuracy)
    for name in ("tier", "code"):
        assert found[name].tolist() == annotations[name].tolist()


def submit(path, change=None):
    """What Label Studio exports after somebody accepted the prediction, maybe with a change."""
    (task,) = json.loads(path.read_text())
    result = task["predictions"][0]["result"]
    if change:
        change(result)
    task["annotations"] = [
        {
            "id": 1,
            "completed_by": {"id": 7, "email": "ann@lab.example"},
            "result": result,
            "was_cancelled": False,
        },
        {"id": 2, "completed_by": 8, "result": [{"type": "broken"}], "was_cancelled": True},
    ]
    path.write_text(json.dumps([task]))


def test_label_studio_gives_corrections_back(tmp_path):
    faces = make_faces(["neutral"] * 5 + ["happiness"] * 5 + [None] * 2 + ["sadness"] * 3)
    source = tmp_path / "faces.parquet"
    faces.to_parquet(source)
    found = read_source(source)
    notes = write_source(found, tmp_path / "task.json", media=MEDIA)
    assert "paste it" in notes[0]
    interface = ET.parse(tmp_path / "task.xml").getroot()
    assert interface.find("Video").attrib["frameRate"] == "25"
    (task,) = json.loads((tmp_path / "task.json").read_text())
    result = task["predictions"][0]["result"]
    assert [item["value"]["ranges"][0] for item in result if item["type"] == "timelinelabels"] == [
        {"start": 1, "end": 5},
        {"start": 6, "end": 10},
        {"start": 13, "end": 15},
    ]
    names = {item.attrib["name"]: item.tag for item in interface if "toName" in item.attrib}
    assert {item["from_name"] for item in result} <= names.keys()
    (box,) = [item["value"] for item in result if item["type"] == "videorectangle"]
    assert box["sequence"][0] == {
        **{"frame": 1, "time": 0, "enabled": True, "rotation": 0},
        **{"x": 100 * 10.5 / 640, "y": 100 * 20.25 / 480, "width": 10.0, "height": 20.0},
    }
    assert [item["frame"] for item in box["sequence"] if not item["enabled"]] == [10, 15]

    def correct(result):
        result[1]["value"] |= {"timelinelabels": ["sadness"], "ranges": [{"start": 7, "end": 12}]}

    submit(tmp_path / "task.json", correct)
    back = read_source(tmp_path / "task.json").annotations
    assert back.iloc[1][["tier", "code", "coder"]].tolist() == ["face 0", "sadness", "ann@lab.example"]
    assert back.iloc[1][["start_s", "end_s"]].tolist() == [0.24, 0.48]
    assert len(back) == 3


def test_label_studio_needs_the_frame_rate_and_an_annotation(tmp_path):
    with pytest.raises(ConfigError, match="--video"):
        write(make_annotations(), tmp_path / "a.json", None)
    write(make_annotations(), tmp_path / "a.json")
    with pytest.raises(DataError, match="no submitted annotation"):
        read_source(tmp_path / "a.json")


def test_label_studio_without_a_frame_rate_takes_the_videos(tmp_path):
    write(make_annotations(), tmp_path / "a.json")
    submit(tmp_path / "a.json")
    expected = read_source(tmp_path / "a.json").annotations
    (task,) = json.loads((tmp_path / "a.json").read_text())
    del task["data"]["fps"]
    (tmp_path / "a.json").write_text(json.dumps([task]))
    with pytest.raises(DataError, match=r"the frame rate is not known.*--video"):
        read_source(tmp_path / "a.json")
    found = read_source(tmp_path / "a.json", media=MEDIA).annotations
    assert found.equals(expected)
    task["data"]["fps"] = 0
    (tmp_path / "a.json").write_text(json.dumps([task]))
    with pytest.raises(DataError, match="fps is 0"):
        read_source(tmp_path / "a.json")


def test_intervals_last_as_long_as_a_label(tmp_path):
    """0.04 s a frame; a missing face ends an interval, and so does another label."""
    faces = pd.concat(
        [
            make_faces(["neutral", "neutral", None, "neutral", "happiness"]),
            make_faces(["sadness"] * 2, track=3),
        ]
    )
    found = build_intervals(faces.sort_values("frame"))
    rows = [tuple(row) for row in found[["tier", "start_s", "end_s", "code"]].itertuples(index=False)]
    assert rows == [
        ("face 0", 0.0, 0.08, "neutral"),
        ("face 3", 0.0, 0.08, "sadness"),
        ("face 0", 0.12, 0.16, "neutral"),
        ("face 0", 0.16, 0.2, "happiness"),
    ]
    named = faces.assign(person=["Ann" if track == 0 else None for track in faces["track_id"]])
    assert set(build_intervals(named)["tier"]) == {"Ann", "face 3"}
    assert len(build_intervals(faces.iloc[:0])) == 0


def test_events_of_a_study_keep_their_coder():
    events = pd.DataFrame(
        {"recording": "a", "start_s": [1.0, 2.0], "end_s": pd.array([None, 3.0], dtype="Float64"),
         "code": ["smile", "frown"], "coder": pd.array(["", "Ann"], dtype="string"), "note": ["", "x"]}
    )  # fmt: skip
    annotations = from_events(events)
    assert annotations["tier"].tolist() == ["events", "Ann"]
    back = to_events(annotations, "a")
    assert back["coder"].tolist() == ["", "Ann"]
    assert back["end_s"].isna().tolist() == [True, False]


SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
2
<exists>
2
"IntervalTier"
"a ""b\"""
0
2
2
0
1.23456789
"say ""hi\"""
1.23456789
2
""
"TextTier"
"p"
0
2
1
1e-1
"x"
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig"])
def test_textgrid_in_its_short_form(tmp_path, encoding):
    (tmp_path / "a.TextGrid").write_bytes(SHORT.encode(encoding))
    rows = read_source(tmp_path / "a.TextGrid").annotations
    assert rows[["tier", "start_s", "code"]].to_numpy().tolist() == [
        ['a "b"', 0.0, 'say "hi"'],
        ["p", 0.1, "x"],
    ]
    assert rows["end_s"].iloc[0] == 1.234568
    assert math.isnan(rows["end_s"].iloc[1])


def test_points_at_one_time_are_one_point_of_a_textgrid(tmp_path):
    notes = write(
        make_annotations([("a", 1, None, "x", "", ""), ("a", 1, None, "y", "", "")]), tmp_path / "a.TextGrid"
    )
    assert read_source(tmp_path / "a.TextGrid").annotations["code"].tolist() == ["x; y"]
    assert "are one point" in notes[0]


def test_vtt_of_others(tmp_path):
    (tmp_path / "a.vtt").write_text(
        "\ufeffWEBVTT - title\r\nKind: captions\r\n\r\nNOTE 00:00.000 --> 00:01.000\r\n\r\n"
        "STYLE\r\n::cue {}\r\n\r\nid\r\n01:02.500 --> 01:04.000 align:start\r\n"
        "<v.loud Ann>Hello <i>you</i> &lt;3\r\n<v Bob>Hi\r\n\r\n"
        "100:00:00.000 --> 100:00:00.000\r\nlate\r\n"
    )
    found = read_source(tmp_path / "a.vtt").annotations
    assert found[["tier", "start_s", "code"]].to_numpy().tolist() == [
        ["Ann", 62.5, "Hello you <3"],
        ["Bob", 62.5, "Hi"],
        ["events", 360000.0, "late"],
    ]
    assert found["end_s"].isna().tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.vtt", "WEBVTT\n\n00:01,000 --> 00:02,000\nx\n", "line 3.*no time of a cue"),
        ("a.vtt", "WEBVTT\n\n00:02.000 --> 00:01.000\nx\n", "ends at 1 s, before it begins at 2 s"),
        ("a.vtt", "1\n00:00:01,000 --> 00:00:02,000\nx\n", "no WebVTT file"),
        ("a.eaf", "<html/>", "no ELAN file"),
        ("a.eaf", "<ANNOTATION_DOCUMENT", "damaged"),
        ("a.eaf", PAL.format(unit="fortnights", origin=""), "counts time in 'fortnights'"),
        ("a.eaf", EAF.replace('TIME_SLOT_REF2="ts3"', 'TIME_SLOT_REF2="x"'), "'x'"),
        ("a.eaf", EAF.replace(' TIME_VALUE="100"', ""), "without a time"),
        ("a.eaf", EAF.replace('_REF="a1"', '_REF="a9"'), "does not exist"),
        ("a.TextGrid", SHORT[:-20], "cut off|damaged"),
        ("a.TextGrid", SHORT.replace("TextGrid", "PitchTier"), "no TextGrid"),
        ("a.TextGrid", "ooBinaryFile\x08TextGrid", "binary form"),
        ("a.json", "[]", "0 tasks"),
        ("a.json", "{", "no JSON"),
        ("a.json", '[{"data": {}, "annotations": [{"result": []}]}]', "fps"),
        ("a.csv", "begin,code\n1,x\n", "no column start_s"),
        ("a.csv", "start_s,code\n1:30,x\n", "row 1: start_s is '1:30'"),
        ("a.csv", "start_s,end_s,code\n2,1,x\n", "before it begins"),
        ("a.csv", "start_s,code\n-1,x\n", "from 0"),
        ("a.csv", "start_s,code\n1,\n", "has no code"),
        ("a.csv", "frame,code\n1,x\n", "frames without times"),
        ("a.csv", "", "can't be read as a table"),
        ("a.csv", "start_s,end_s,code\n0,1,2,smile\n", "more cells than its header"),
        ("a.csv", "frame,time_s,num_faces,track_id,label\n0,x,1,1,a\n", "row 1: time_s is 'x'"),
        ("a.csv", "frame,timestamp,face_id,pose_Rx\n1,0,0,0\n2,0.1,0,x\n", "row 2: pose_Rx is 'x'"),
        ("a.TextGrid", SHORT.replace("<exists>", "<exists> 1e999"), "too large"),
        ("a.docx", "x", "no table"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        read_source(tmp_path / name)


@pytest.mark.parametrize("suffix", [".eaf", ".TextGrid", ".vtt", ".json", ".csv", ".parquet"])
def test_a_missing_file_is_named(tmp_path, suffix):
    with pytest.raises(DataError, match="can't be read"):
        read_source(tmp_path / f"gone{suffix}")


def test_codes_of_a_csv_stay_texts(tmp_path):
    (tmp_path / "a.csv").write_text("start_s,code,coder\n1,NA,01\n2,007,none\n3,'=x,\n")
    found = read_source(tmp_path / "a.csv").annotations
    assert found[["code", "coder"]].to_numpy().tolist() == [["NA", "01"], ["007", "none"], ["=x", ""]]


@pytest.mark.parametrize(
    "text",
    [
        "start_s;end_s;code;coder\n0,5;1,5;smile, wide;01\n2,25;;007;02\n",
        'sep=;\n"start_s";"end_s";"code";"coder"\n"0,5";"1,5";"smile, wide";"01"\n"2,25";;"007";"02"\n',
        "start_s;end_s;code;coder\n0.5;1.5;smile, wide;01\n2.25;;007;02\n",
        "start_s\tend_s\tcode\tcoder\n0.5\t1.5\tsmile, wide\t01\n2.25\t\t007\t02\n",
    ],
)
def test_the_header_says_what_separates_the_columns(tmp_path, text):
    """Spreadsheets write semicolons and decimal commas in many countries."""
    (tmp_path / "a.csv").write_text(text)
    found = read_source(tmp_path / "a.csv").annotations
    assert found["start_s"].tolist() == [0.5, 2.25]
    assert found["end_s"].fillna(-1).tolist() == [1.5, -1]
    assert found[["code", "coder"]].to_numpy().tolist() == [["smile, wide", "01"], ["007", "02"]]


def test_faces_with_decimal_commas_are_numbers(tmp_path):
    faces = make_faces(["neutral", None, "happiness"])
    faces.to_csv(tmp_path / "a.csv", sep=";", decimal=",", index=False)
    found = read_source(tmp_path / "a.csv").faces
    pd.testing.assert_frame_equal(
        found.drop(columns="usable"), faces.drop(columns="usable"), check_dtype=False
    )


def test_columns_of_a_table_with_semicolons_are_named_apart(tmp_path):
    (tmp_path / "a.csv").write_text("onset;offset;label\n1;2;smile\n")
    with pytest.raises(DataError, match="found onset, offset, label"):
        read_source(tmp_path / "a.csv")


def test_the_command_converts_and_says_what_is_lost(tmp_path, capsys):
    make_video(tmp_path / "clip.mp4")
    faces = pd.concat([make_faces(["neutral", "happiness"]).assign(recording=name) for name in ("a", "b")])
    faces.to_csv(tmp_path / "faces.csv", index=False)
    arguments = ["convert", str(tmp_path / "faces.csv"), str(tmp_path / "out.eaf")]
    assert main(arguments) == 1
    assert "choose one of a, b with --recording" in capsys.readouterr().err
    arguments += ["--recording", "b", "--video", str(tmp_path / "clip.mp4")]
    assert main(arguments) == 0
    assert "2 intervals, 0 points" in capsys.readouterr().out
    assert main(arguments) == 1
    assert "--overwrite" in capsys.readouterr().err
    table = ["convert", str(tmp_path / "faces.csv"), str(tmp_path / "b.csv"), "--recording", "b"]
    assert main([*table, "--layout", "openface"]) == 0
    assert "b.csv: 2 rows" in capsys.readouterr().out
    assert main(["convert", str(tmp_path / "out.eaf"), str(tmp_path / "events.csv")]) == 0
    assert "start_s" in (tmp_path / "events.dictionary.csv").read_text()
    assert main(["convert", str(tmp_path / "out.eaf"), str(tmp_path / "x.csv"), "--layout", "fex"]) == 1
    assert main(["convert", str(tmp_path / "out.eaf"), str(tmp_path / "x.doc")]) == 1
    assert not (tmp_path / "x.csv").exists()
