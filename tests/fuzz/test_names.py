"""Hostile names of classes, columns, splits, files, tags and notes in every format that is written."""

import csv
import dataclasses
import html
import io
import json
import re
import sys
from contextlib import redirect_stdout

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_core.checkpoint import load_checkpoint_info, save_checkpoint_info
from fer_core.cli import main
from fer_core.cli.terminal import build_console, say
from fer_core.data.exporting import export_dataset
from fer_core.data.store import load_dataset, write_dataset
from fer_core.escaping import FORMULA_SIGNS
from fer_core.evaluation.comparison import compare
from fer_core.evaluation.comparison_export import write_csv, write_html, write_latex
from fer_core.evaluation.group_table import build_group_table
from fer_core.evaluation.groups import compute_groups
from fer_core.evaluation.report import build_report
from fer_core.evaluation.stored_reports import StoredEvaluation
from fer_core.exchange.model_zip import build_readme
from fer_core.inference.face_table import FIXED_COLUMNS, create_table
from fer_core.provenance import Terms
from fer_core.results import RESULTS, encode_table, format_frame
from fer_core.runs.notes import load_notes, save_notes
from fer_core.types import FaceBox, FaceResult, Prediction
from fer_core.workspace import Workspace
from tests.fuzz.harness import attempt, inputs
from tests.small_models import save_small_model
from tests.small_runs import save_small_run
from tests.unit.evaluation.makers import make_random, make_subject

PIECES = (
    *FORMULA_SIGNS, *FIXED_COLUMNS, "=1+1", "../", "..", "/", "\\", "\x1b[2J", "\x07", "\u202e", "\x9b1m",
    "<b>", "<a href='//a.example'>", "![i](//a.example/i)", "`", "[bold]", ":red[x]", "${x}", "$(x)", "\n",
    "\\input{x}", "&", "%", "%{x}", "_", '"', "'", ",", "source", "split", "pixels", "class: label", "CON",
    "joy", " ", "é", "笑", "; echo x",
)  # fmt: skip
PARTS = st.sampled_from(PIECES) | st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
NAMES = st.lists(PARTS, max_size=4).map("".join)
CLASSES = st.lists(NAMES.filter(bool), min_size=3, max_size=3, unique=True)
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def assert_no_formula(text: str, *, num_rows: int) -> list[list[str]]:
    """Cells and headers of a CSV that begin no formula, in rows of one length."""
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert len(rows) == num_rows and len({len(row) for row in rows}) == 1
    for cell in (cell for row in rows for cell in row):
        assert not cell.startswith(FORMULA_SIGNS) or _is_number(cell), cell
    assert len(set(rows[0])) == len(rows[0]), "two columns of one name"
    return rows


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@inputs(0.5)
@given(CLASSES, st.sampled_from(sorted(RESULTS)))
def test_tables_of_faces(tmp_path_factory, classes, kind):
    path = tmp_path_factory.mktemp("table") / f"faces.{kind}"
    prediction = Prediction(tuple(classes), (0.5, 0.3, 0.2))
    face = FaceResult(box=FaceBox(x=-7, y=2, width=9, height=9, score=0.5), prediction=prediction, track_id=1)

    def write() -> None:
        with create_table(path, classes) as table:
            table.add(0, 0.0, [face])
            table.add(1, 0.1, [])

    attempt(f"table .{kind}", write)
    if kind == "csv":
        header, row, _ = assert_no_formula(path.read_text(encoding="utf-8"), num_rows=3)
    else:
        frame = pd.read_parquet(path)
        header, row = list(frame.columns), frame.iloc[0].tolist()
        encoded = assert_no_formula(encode_table(frame, "csv").decode(), num_rows=3)
        assert encoded[1][header.index("x")] in ("-7", "-7.0")
    assert list(header[: len(FIXED_COLUMNS)]) == list(FIXED_COLUMNS)
    values = dict(zip(header, row, strict=True))
    assert float(values["x"]) == -7 and float(values["confidence"]) == 0.5
    assert [float(value) for value in row[-3:]] == [0.5, 0.3, 0.2]


@inputs(0.2)
@given(CLASSES, CLASSES, NAMES)
def test_comparisons(tmp_path_factory, classes, keys, words):
    subject = make_subject(dataset=words, split=words, protocol=words)
    stored = []
    for seed, key in enumerate(keys):
        data = make_random(30, seed=seed, classes=classes)
        report = build_report(
            data, dataclasses.replace(subject, model=key), metrics=["accuracy"], num_resamples=2
        )
        stored.append(StoredEvaluation(key, report, data))
    found = compare(stored, Workspace(tmp_path_factory.mktemp("none")), num_resamples=2)
    assert_no_formula(
        attempt("comparison CSV", lambda: write_csv(found)), num_rows=1 + 3 * len(report.figures)
    )
    latex = attempt("comparison LaTeX", lambda: write_latex(found))
    assert r"\input" not in latex.replace(r"\textbackslash{}", "")
    groups = [
        compute_groups(item.predictions, np.array([keys[0], keys[1]] * 15), key=item.key, column=words)
        for item in stored
    ]
    assert_no_formula(attempt("groups CSV", lambda: format_frame(build_group_table(groups))), num_rows=1 + 6)


@inputs(0.05)
@given(CLASSES, CLASSES)
def test_reports(tmp_path_factory, classes, keys):
    stored = []
    for seed, key in enumerate(keys[:2]):
        data = make_random(30, seed=seed, classes=classes)
        stored.append(
            StoredEvaluation(key, build_report(data, make_subject(model=key), num_resamples=2), data)
        )
    found = compare(stored, Workspace(tmp_path_factory.mktemp("none")), num_resamples=2)
    text = attempt("comparison HTML", lambda: write_html(found))
    outside = re.sub(r"(?s)<script.*?</script>", "", text)
    assert not re.search(r"<(a|b|img)\b", outside)
    for key in keys[:2]:
        assert html.escape(key.strip(), quote=True) in outside
    # Plotly is given escaped texts: JSON in scripts holds no tag of a name.
    scripts = "".join(re.findall(r"Plotly\.newPlot\((.*?)</script>", text, re.DOTALL))
    assert not re.search(r"\\u003c(a|b) ?[^r]", scripts.replace("\\u003cbr", ""), re.IGNORECASE)


@inputs(0.2)
@given(CLASSES, NAMES, NAMES)
def test_data_sets(tmp_path_factory, classes, source, column):
    place = tmp_path_factory.mktemp("data")
    images = np.arange(3 * 24 * 24, dtype=np.uint32).reshape(3, 24, 24).astype(np.uint8)
    samples = pd.DataFrame({"split": "train", "label": classes, "source": source, "image_name": source})
    if column and column not in samples:
        samples[column] = source
    facts = {"importer": "t", "source": source, "terms": [Terms(source=source or "x", pictures=source)]}

    def write():
        write_dataset(place / "faces", images=images, samples=samples, classes=classes, **facts)
        return load_dataset(place / "faces")

    data = attempt("data set", write)
    if data is None:
        return
    attempt("export of folders", lambda: export_dataset(data, place / "out", "folders"))
    files = sorted(path.relative_to(place / "out").parts for path in place.rglob("*.png"))
    assert [len(parts) for parts in files] == [3] * 3 and {parts[0] for parts in files} == {"train"}
    attempt("export of a CSV", lambda: export_dataset(data, place / "out.csv", "csv"))
    assert_no_formula((place / "out.csv").read_text(encoding="utf-8"), num_rows=4)
    assert {path.name for path in place.iterdir() if not path.name.startswith(".")} == {
        "faces",
        "out",
        "out.csv",
    }


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    workspace = Workspace(tmp_path_factory.mktemp("names") / "workspace")
    save_small_run(workspace, "told")
    save_small_model(workspace, "told")
    return workspace


@inputs(0.1)
@given(CLASSES, NAMES)
def test_the_terminal(workspace, classes, words):
    folder = workspace.run("told")
    info = load_checkpoint_info(folder / "best")
    names = (*classes, *(f"{index} {classes[0]}" for index in range(5)))
    if len(set(names)) < len(names):
        return
    terms = (Terms(source=words, picture_licence=words),)
    changed = dataclasses.replace(info, classes=names, data={"name": words}, name="told", terms=terms)
    attempt("run notes", lambda: save_notes(folder, classes, words), check=lambda _: load_notes(folder))
    attempt("model.json", lambda: save_checkpoint_info(folder / "best", changed))
    for command in (
        ["models", "show", "told"],
        ["runs", "show", "told"],
        ["runs", "list"],
        ["models", "list"],
    ):
        stream = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(stream):
            patch.setenv("FER_WORKSPACE", str(workspace.root))
            patch.setattr(sys, "stderr", stream)
            attempt(" ".join(["fer", *command[:2]]), lambda command=command: main(command))
        assert not UNSEEN.search(stream.getvalue()), command
    stream = io.StringIO()
    with redirect_stdout(stream):
        say(json.dumps({"name": words}, ensure_ascii=False))
        build_console(width=400).print(words)
    assert not UNSEEN.search(stream.getvalue())
    assert json.loads(stream.getvalue().splitlines()[0]) == {"name": words}
    readme = re.sub(
        r"(?s)```.*?\n```|`[^`\n]+`", "", build_readme("told", changed, ["model.json", "weights.safetensors"])
    )
    assert not re.search(r"(?<!\\)!\[|(?<!\\)<(a|b)\b", readme)
