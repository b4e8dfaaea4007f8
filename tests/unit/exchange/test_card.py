import pytest

from fer_core.checkpoint import CARD_FILE
from fer_core.errors import CheckpointError
from fer_core.exchange.card import MAX_CARD_BYTES, decode_card, disarm_markdown, load_card, save_card


def test_a_card_is_saved_and_read_again(tmp_path):
    assert load_card(tmp_path) == ""
    save_card(tmp_path, "# one\r\n\r\n", based_on="")
    assert load_card(tmp_path) == "# one\n"
    save_card(tmp_path, "# two", based_on="# one\n")
    assert (tmp_path / CARD_FILE).read_text() == "# two\n"
    assert [path.name for path in tmp_path.iterdir()] == [CARD_FILE], "no temporary file is left"


def test_somebody_elses_change_is_not_written_over(tmp_path):
    (tmp_path / CARD_FILE).write_text("theirs\n")
    with pytest.raises(CheckpointError, match="changed by someone else"):
        save_card(tmp_path, "mine", based_on="old\n")
    assert load_card(tmp_path) == "theirs\n"


@pytest.mark.parametrize(("text", "words"), [("é" * MAX_CARD_BYTES, "64 KB"), ("a\x1b[31m", "U\\+001B")])
def test_what_is_no_card_is_refused(tmp_path, text, words):
    with pytest.raises(CheckpointError, match=words):
        save_card(tmp_path, text, based_on="")
    with pytest.raises(CheckpointError, match=words):
        decode_card(text.encode(), source="card")
    assert not (tmp_path / CARD_FILE).exists()


@pytest.mark.parametrize(
    "text",
    [
        "![a](http://b/c.png)",
        "\\![a](http://b/c.png)",
        "![a][ref]\n\n[ref]: http://b/c",
        "!![a](b)",
        "[![a](b)](c)",
    ],
)
def test_no_image_is_left(text):
    """Checked with a Markdown parser rather than with the same string search."""
    markdown_it = pytest.importorskip("markdown_it")
    assert "<img" in markdown_it.MarkdownIt().render(text.removeprefix("\\"))
    assert "<img" not in markdown_it.MarkdownIt().render(disarm_markdown(text))
