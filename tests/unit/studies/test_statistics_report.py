"""The report of plain tables: what is in it, and that foreign words stay words."""

import re

import numpy as np
import pandas as pd
import pytest

from fer_core.errors import DataError
from fer_core.studies.statistics.methods import ReportOptions
from fer_core.studies.statistics.report import write_study_report
from tests.unit.studies.tables import make_faces

HOSTILE = "<script>alert(1)</script>=1+1"


def make_study():
    generator = np.random.default_rng(5)
    people = [HOSTILE, "Bob", "Cem", "Dan", "Eve"]
    recordings = pd.DataFrame(
        {"recording": [f"r{index}" for index in range(10)],
         "participant": [name for name in people for _ in "xy"], "condition": ["calm", "joke"] * 5}
    )  # fmt: skip
    faces = []
    for row in recordings.to_dict("records"):
        share = 0.6 if row["condition"] == "joke" else 0.2
        labels = ["happiness" if generator.uniform() < share else "neutral" for _ in range(40)]
        faces.append(make_faces([*labels, None], fps=5.0).assign(recording=row["recording"]))
    events = pd.DataFrame(
        [(name, 2.0, None, HOSTILE, "Ann", "") for name in recordings["recording"]]
        + [(name, 0.0, 4.0, "happiness", "Ann", "") for name in recordings["recording"][:2]],
        columns=["recording", "start_s", "end_s", "code", "coder", "note"],
    )
    return recordings, faces, events


@pytest.mark.parametrize("baseline", ["none", "mean"])
def test_a_report_holds_figures_and_methods(tmp_path, baseline):
    recordings, faces, events = make_study()
    options = ReportOptions(baseline=baseline, num_resamples=200, settings={"model": "fer-small"})
    write_study_report(recordings, iter(faces), events, tmp_path / "a.html", title=HOSTILE, options=options)
    page = (tmp_path / "a.html").read_text()
    assert "<script>alert" not in page and page.count("plotly.js v") == 1
    page = re.sub(r"<script.*?</script>", " ", page, flags=re.S)
    assert not re.search(r'(src|href)="https?://', page)
    text = re.sub(r"<[^>]+>", " ", page)
    for words in (
        "10 recordings of 5 participants",
        "2.4% of 410 frames show no face",
        "joke minus calm",
        "Agreement",
        "model and Ann",
        "Means inside events",
        "model fer-small",
        "not what people feel",
    ):
        assert words in text
    assert ("p(happiness) - max(p(sadness))" in text) == (baseline == "none")
    assert ("log-odds" in text) == (baseline == "mean")


def test_a_study_without_results_has_no_report(tmp_path):
    recordings, _, events = make_study()
    with pytest.raises(DataError, match="run the study first"):
        write_study_report(recordings, [], events, tmp_path / "a.html")
    assert not (tmp_path / "a.html").exists()
