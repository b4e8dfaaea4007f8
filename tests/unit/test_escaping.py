"""Foreign words: shown as they are, and never followed, computed, drawn or obeyed."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_core.escaping import (
    FORMULA_SIGNS,
    WORD_JOINER,
    escape_latex,
    escape_markdown,
    escape_name,
    escape_plotly,
    escape_unseen,
    neutralise_cell,
    quote_markdown,
)
from fer_core.io import place_in
from fer_core.results import FACE_COLUMNS, format_csv, name_columns

TEXTS = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("=+-@\t\r\n<>&[]!`\\/%{}.:*#|~$_'\"")
)


@given(TEXTS)
def test_markdown_holds_no_sign_that_is_not_escaped(text):
    plain = re.sub(r"`[^`\n]+`", "", text)
    shown = escape_markdown(plain).replace(WORD_JOINER, "")
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]<>#|~$:&]", shown.replace("\\\\", ""))
    assert not re.search(r"^\s*[-+=]", shown, re.MULTILINE)
    assert re.sub(r"\\(.)", r"\1", shown) == plain


@pytest.mark.parametrize(
    "text", ["fer-tiny", "a--b", "x->y", "12:30:45", "C:/faces", "--epochs 3", "a - b", "50 %"]
)
def test_plain_words_get_no_joiner(text):
    assert WORD_JOINER not in escape_markdown(text) + quote_markdown(text)


@given(TEXTS)
def test_a_code_span_ends_where_it_should(text):
    shown = quote_markdown(text)
    fence = re.match("`+", shown)[0]
    inside = shown[len(fence) : -len(fence)]
    assert shown.endswith(fence) and not re.search(f"(?<!`){fence}(?!`)", inside) and "\n" not in inside


@given(TEXTS)
def test_plotly_sees_no_tag_and_no_variable(text):
    shown = escape_plotly(text)
    assert "<" not in shown and ">" not in shown and "%{" not in shown


@given(TEXTS)
def test_latex_sees_no_command_of_another(text):
    assert not re.search(r"(?<!\\)[&%$#_]", escape_latex(text).replace(r"\textbackslash{}", ""))


@pytest.mark.parametrize("sign", FORMULA_SIGNS)
def test_a_cell_that_begins_a_formula_is_a_text(sign):
    header, row = csv.reader(io.StringIO(format_csv([f"{sign}head()"], [[f"{sign}cell()"]]), newline=""))
    assert header == [f"'{sign}head()"] and row == [f"'{sign}cell()"]


@pytest.mark.parametrize("value", [-0.5, 3, "-0.5", "+1e-3", "joy", "", None, True])
def test_numbers_and_plain_cells_stay(value):
    assert neutralise_cell(value) is value


@given(st.lists(st.sampled_from(["joy", "label", "class: label", "x", "class: x"]), unique=True))
def test_every_class_has_a_column_of_its_own(classes):
    columns = name_columns(classes)
    assert len({*columns, *FACE_COLUMNS}) == len(classes) + len(FACE_COLUMNS)
    assert all(column.endswith(name) for name, column in zip(classes, columns, strict=True))
    assert [column for column in columns if column == "joy"] == [name for name in classes if name == "joy"]


@given(TEXTS, TEXTS)
def test_a_name_is_one_part_of_a_path_and_different_names_stay_different(first, second):
    name = escape_name(first)
    assert name not in ("", ".", "..") and not re.search(r'[\x00-\x1f/\\:*?"<>|]', name)
    assert len(name.encode()) <= 255
    assert (name == escape_name(second)) == (first == second)


@pytest.mark.parametrize("name", ["CON", "nul.txt", "com1", "x" * 300, ".hidden", "ends.", "a\x00b"])
def test_names_that_some_system_refuses_are_changed(name):
    assert escape_name(name) != name


def test_a_path_never_leaves_its_folder(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("../x", "/etc/x", "..", "a/../../x"):
        assert place_in(folder, name, name).parent.parent == folder
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(Exception, match="by a link"):
        place_in(folder, "link", "x")


@given(st.text())
def test_a_terminal_obeys_nothing(text):
    shown = escape_unseen(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", shown)
    shown.encode()
