"""A table that a browser sends is checked before it is kept."""

import pandas as pd
import pytest

from fer_core.browser.keeping import keep_results, read_results
from fer_core.checkpoint import find_checkpoint
from fer_core.errors import AnalysisError
from fer_core.inference.face_table import FIXED_COLUMNS
from fer_core.results import format_csv, name_columns
from tests.browser_support import MODEL

FACE = {
    **{"frame": 0, "time_s": 1.5, "num_faces": 1, "track_id": 1, "x": 3.5, "y": 4, "width": 50, "height": 60},
    **{"score": 0.9, "roll": 0, "height_px": 60, "sharpness": 0.7, "brightness": 100, "usable": "true"},
    **{"label": "=cmd", "confidence": 3, "expected_correctness": 0.8, "happiness": 0.75, "fear": 0.25},
}


@pytest.fixture
def info(workspace):
    return find_checkpoint(MODEL, workspace).info


def write_csv(info, **changes) -> str:
    columns = [*FIXED_COLUMNS, *name_columns(info.classes)]
    face = {**dict.fromkeys(info.classes, 0.0), **FACE, **changes}
    empty = {"frame": 1, "time_s": 1.6, "num_faces": 0}
    return format_csv(columns, [[row.get(name) for name in columns] for row in (face, empty)])


def test_what_a_page_writes_is_kept(workspace, info):
    key = keep_results(workspace, write_csv(info), info, (640, 480), {"prior": "general"})
    table = pd.read_parquet(workspace.analyses / key / "faces.parquet")
    assert table["num_faces"].tolist() == [1, 0]
    assert table["label"].tolist()[0] == "happiness", "the probabilities decide, not a text that was sent"
    assert table["confidence"].tolist()[0] == 0.75 and table["usable"].tolist()[0]


@pytest.mark.parametrize(
    "changes",
    [
        *({"happiness": 2}, {"happiness": "nan"}, {"fear": 0.9}, {"x": "inf"}, {"frame": "a"}, {"frame": -1}),
        *({"frame": 10**400}, {"frame": 10**30}, {"x": 1e300}, {"time_s": None}, {"usable": "1"}),
        *({"track_id": 1.5}, {"happiness": None}),
    ],
)
def test_other_results_are_refused(workspace, info, changes):
    with pytest.raises(AnalysisError, match="damaged"):
        read_results(write_csv(info, **changes), info)


@pytest.mark.parametrize("text", ["", "a,b\r\n1,2\r\n", "\0", "None", "x" * 200_000])
def test_no_table_at_all(workspace, info, text):
    with pytest.raises(AnalysisError):
        keep_results(workspace, text, info, (640, 480), {})
    with pytest.raises(AnalysisError, match="pixels"):
        keep_results(workspace, write_csv(info), info, (0, 480), {})
    assert not workspace.analyses.exists()
