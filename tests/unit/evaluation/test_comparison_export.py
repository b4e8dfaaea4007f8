"""The files that a comparison can be taken away as: complete, parseable, and in need of no network."""

import csv
import html as markup
import io
import re

import pytest

from fer_core.escaping import escape_latex
from fer_core.evaluation.comparison import compare
from fer_core.evaluation.comparison_export import write_csv, write_html, write_latex
from fer_core.evaluation.metrics import list_titles
from fer_core.evaluation.report import build_report
from fer_core.evaluation.stored_reports import StoredEvaluation
from tests.unit.evaluation.makers import make_random, make_subject


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    from fer_core.workspace import Workspace

    stored = []
    for seed, key in enumerate(("base_line", "50%&more", "<script>")):
        data = make_random(seed=seed, skill=seed)
        report = build_report(data, make_subject(model=key), num_resamples=20)
        stored.append(StoredEvaluation(key, report, data))
    return compare(stored, Workspace(tmp_path_factory.mktemp("workspace")), num_resamples=50)


def test_html_is_self_contained_and_escaped(comparison):
    html = write_html(comparison)
    assert not re.search(r"<script[^>]*\ssrc", html)
    outside = re.sub(r"(?s)<script.*?</script>", "", html)  # plotly.js itself speaks of addresses
    assert not re.search(r"//|url\(|@import|<link|<img", outside)
    assert "&lt;script&gt;" in html
    table = html[html.index("<table>") : html.index("</table>")]
    assert "<script" not in table
    for title in list_titles().values():
        assert markup.escape(title) in table
    for result in comparison.results:
        assert f"p {'&lt; 0.001' if result.adjusted_p < 0.001 else '='}" in html
    assert html.count("Plotly.newPlot") >= 10


def test_latex_has_a_cell_a_model_in_every_row(comparison):
    text = write_latex(comparison)
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 1
    inside = text[text.index(r"\toprule") : text.index(r"\bottomrule")]
    rows = [line for line in inside.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 1 + len(list_titles()) + 1
    for row in rows:
        assert len(re.findall(r"(?<!\\)&", row)) == len(comparison.evaluations)
        assert not re.search(r"(?<!\\)[%_#]", row)
    assert r"base\_line" in rows[0]
    assert r"50\%\&more" in rows[0]
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
    assert escape_latex("a_b{c}~\\") == r"a\_b\{c\}\textasciitilde{}\textbackslash{}"


def test_csv_holds_every_figure_with_its_digits(comparison):
    rows = list(csv.DictReader(io.StringIO(write_csv(comparison))))
    assert len(rows) == sum(len(item.report.figures) for item in comparison.evaluations)
    values = {(row["model"], row["figure"]): row for row in rows}
    for item in comparison.evaluations:
        for name, figure in item.report.figures.items():
            row = values[item.key, name]
            assert int(row["n"]) == figure.n
            if figure.is_defined:
                assert float(row["value"]) == figure.value
            else:
                assert row["value"] == ""
                assert row["reason"] == figure.reason
