"""Kept analyses: whole or not at all, told if damaged, compared face by face."""

import json
import zipfile

import pandas as pd
import pytest

from fer_core.analyses import (
    KeptModel,
    compare_analyses,
    delete_analysis,
    export_analysis,
    find_analysis,
    keep_analysis,
    list_analyses,
    load_analysis,
    rename_analysis,
)
from fer_core.errors import AnalysisError, ConfigError, FerError
from tests.kept_analyses import keep_faces

LEFT, RIGHT, FAR = (0, 0, 10, 10), (50, 0, 10, 10), (80, 80, 10, 10)
SMILE, FROWN, BLANK = (0.2, 0.8, 0.0), (0.1, 0.3, 0.6), (0.7, 0.2, 0.1)
FACES = [("a.png", LEFT, SMILE), ("a.png", RIGHT, FROWN), ("b.png", LEFT, SMILE)]


@pytest.fixture
def kept(workspace):
    return keep_faces(workspace, " Team  photo ", FACES, empty=["c.png"])


def test_what_is_kept_says_what_it_is(workspace, kept):
    (found,) = list_analyses(workspace)
    assert (found.key, found.name, found.problem) == (kept, "Team photo", "")
    facts = found.facts
    assert (facts.num_faces, facts.num_rows) == (3, 3)
    assert facts.labels == {"happiness": 2, "anger": 1}
    # (0.2 + 0.1 + 0.2) / 3, (0.8 + 0.3 + 0.8) / 3, 0.6 / 3
    assert facts.mean_shares == pytest.approx({"neutral": 0.5 / 3, "happiness": 1.9 / 3, "anger": 0.2})
    document = json.loads((found.folder / "analysis.json").read_text())
    assert document["created"] == "2026-11-28T07:30:00Z" and document["schema_version"] == 1
    assert sorted(path.name for path in found.folder.iterdir()) == ["analysis.json", "faces.parquet"]
    found.verify()


def test_an_analysis_without_a_face(workspace):
    facts = load_analysis(workspace, keep_faces(workspace, "empty", [], empty=["a.png"])).facts
    assert (facts.num_faces, facts.mean_shares, facts.labels) == (0, {}, {})


@pytest.mark.parametrize("name", ["", "  ", "a" * 101, "bell\a", "zero\u200bwidth"])
def test_a_name_that_cannot_be_read_is_refused(workspace, kept, name):
    with pytest.raises(ConfigError, match="can't be the name of an analysis"):
        keep_faces(workspace, name, FACES)
    with pytest.raises(ConfigError, match="can't be the name of an analysis"):
        rename_analysis(workspace, kept, name)
    assert [item.name for item in list_analyses(workspace)] == ["Team photo"]


def test_nothing_is_left_of_an_attempt_that_failed(workspace):
    with pytest.raises(ZeroDivisionError), keep_analysis(workspace, "half") as draft:
        (draft.folder / "faces.parquet").write_bytes(b"half")
        raise ZeroDivisionError
    assert list(workspace.analyses.iterdir()) == []


def test_it_is_found_by_id_and_by_name_if_that_is_one(workspace, kept):
    assert find_analysis(workspace, kept).key == find_analysis(workspace, "Team photo").key == kept
    rename_analysis(workspace, kept, "../other")
    assert find_analysis(workspace, "../other").key == kept
    keep_faces(workspace, "../other", FACES)
    with pytest.raises(AnalysisError, match="2 analyses are called '../other'.*id: .*" + kept):
        find_analysis(workspace, "../other")
    for missing in ("nothing", "../../etc"):
        with pytest.raises(AnalysisError, match="there is no analysis"):
            find_analysis(workspace, missing)


def _change(path, **fields):
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def _flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)


DAMAGES = {
    "no json": (lambda f: (f / "analysis.json").write_text("{"), "can't be read as JSON"),
    "json missing": (lambda f: (f / "analysis.json").unlink(), "is missing"),
    "newer": (lambda f: _change(f / "analysis.json", schema_version=2), "schema_version 2"),
    "wrong type": (lambda f: _change(f / "analysis.json", sources="a.png"), "does not hold what it should"),
    "no time zone": (lambda f: _change(f / "analysis.json", created="2026-11-28T07:30:00"), "time zone"),
    "table missing": (lambda f: (f / "faces.parquet").unlink(), "faces.parquet is missing"),
    "table cut": (lambda f: (f / "faces.parquet").write_bytes(b"PAR1"), "has 4 bytes; expected"),
    "leads out": (
        lambda f: _change(f / "analysis.json", files={"faces.parquet": _FILE, "../../x": _FILE}),
        r"leads out|bytes; expected",
    ),
    "no table": (lambda f: _change(f / "analysis.json", files={}), "names no faces.parquet"),
}
_FILE = {"num_bytes": 1, "sha256": ""}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_one_is_listed_with_what_is_wrong_and_can_be_deleted(workspace, kept, damage):
    other = keep_faces(workspace, "other", FACES)
    harm, words = DAMAGES[damage]
    harm(workspace.analyses / kept)
    found = {item.key: item for item in list_analyses(workspace)}
    assert found[other].problem == ""
    with pytest.raises(AnalysisError, match=words):
        _ = found[kept].facts
    for use in (found[kept].load_table, found[kept].verify, lambda: rename_analysis(workspace, kept, "new")):
        with pytest.raises(AnalysisError, match=words):
            use()
    delete_analysis(workspace, kept)
    assert [item.key for item in list_analyses(workspace)] == [other]


def test_a_flipped_byte_is_noticed(workspace, kept):
    _flip(workspace.analyses / kept / "faces.parquet")
    (found,) = list_analyses(workspace)
    with pytest.raises(AnalysisError, match="was changed since it was kept"):
        found.verify()


def test_what_is_no_table_is_told(workspace, kept):
    path = workspace.analyses / kept / "faces.parquet"
    path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(AnalysisError, match="is no table"):
        load_analysis(workspace, kept).load_table()


def test_deleting_twice_is_told_and_brings_nothing_back(workspace, kept):
    delete_analysis(workspace, kept)
    for attempt in (delete_analysis, lambda *names: rename_analysis(*names, "new")):
        with pytest.raises(AnalysisError, match="there is no analysis"):
            attempt(workspace, kept)
    assert list_analyses(workspace) == []


def test_two_settings_on_the_same_pictures(workspace, kept):
    """One face changed its label, one moved a little, one is found by the first only, one by the second."""
    again = [("a.png", (1, 0, 10, 10), BLANK), ("b.png", LEFT, SMILE), ("a.png", FAR, FROWN)]
    other = keep_faces(workspace, "uniform", again, empty=["c.png"], settings={"prior": "uniform"})
    found = compare_analyses([load_analysis(workspace, key) for key in (kept, other)])
    assert found.same_sources and found.differences == {"prior": ("training", "uniform")}
    same = found.agreement
    assert same is not None
    assert (same.num_matched, same.num_same_label) == (2, 1)
    assert (same.num_only_first, same.num_only_second) == (1, 1)
    assert same.changes == {("happiness", "neutral"): 1}
    assert found.label_shares.loc["happiness"].tolist() == pytest.approx([2 / 3, 1 / 3])
    assert found.mean_shares.loc["anger"].tolist() == pytest.approx([0.2, (0.1 + 0.0 + 0.6) / 3])


def test_a_face_has_one_partner(workspace):
    """Of two boxes that overlap the same one, the nearer is its partner."""
    first = keep_faces(workspace, "1", [("a", (0, 0, 10, 10), SMILE)])
    second = keep_faces(workspace, "2", [("a", (3, 0, 10, 10), FROWN), ("a", (1, 0, 10, 10), SMILE)])
    same = compare_analyses([load_analysis(workspace, key) for key in (first, second)]).agreement
    assert same is not None
    assert (same.num_matched, same.num_same_label, same.num_only_second) == (1, 1, 1)


def test_other_pictures_are_compared_by_shares_only(workspace, kept):
    other = keep_faces(workspace, "other", [("z.png", LEFT, FROWN)], model=KeptModel(name="big", sha256="b"))
    found = compare_analyses([load_analysis(workspace, key) for key in (kept, other)])
    assert (found.same_sources, found.agreement) == (False, None)
    assert found.differences == {"model": ("small", "big")}
    assert found.mean_shares[other].tolist() == pytest.approx(FROWN)


def test_one_is_no_comparison(workspace, kept):
    for keys in ([], [kept], [kept, kept]):
        with pytest.raises(AnalysisError, match="two or more"):
            compare_analyses([load_analysis(workspace, key) for key in keys])


def test_it_is_exported_whole_and_as_a_table(workspace, kept, tmp_path):
    found = load_analysis(workspace, kept)
    export_analysis(found, tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.namelist() == [f"{kept}/analysis.json", f"{kept}/faces.parquet"]
        assert archive.read(f"{kept}/faces.parquet") == (found.folder / "faces.parquet").read_bytes()
    export_analysis(found, tmp_path / "faces.csv")
    table = pd.read_csv(tmp_path / "faces.csv")
    assert table["happiness"].tolist()[1:] == [0.8, 0.3, 0.8] and table["source"][0] == "c.png"
    with pytest.raises(FerError, match=r"expected .zip, .csv or .parquet"):
        export_analysis(found, tmp_path / "faces.doc")
