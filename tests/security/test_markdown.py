"""Whatever a page shows as Markdown is its own words, a number, or escaped."""

from pathlib import Path

import pytest

from tests.security.markdown_lint import Finder

ROOT = Path(__file__).parents[2]


def test_no_page_shows_foreign_words_as_markdown():
    paths = [path for folder in ("app", "pages") for path in sorted((ROOT / folder).rglob("*.py"))]
    found = Finder({str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths}).find()
    assert found == [], "put it in fer_core.escaping.escape_markdown, or quote_markdown for a code span"


HELPERS = """
def describe(info):
    return f"{info.name} is done"

def show(title, text):
    st.markdown(title + text)

def main(info):
    show("Title", "text")
    """


@pytest.mark.parametrize(
    "line",
    [
        'st.markdown(f"**{info.name}**")',
        'st.metric("Label", info.name)',
        'st.button("Go", help=info.name)',
        'place.caption(f"{info.num_images:,} of {info.name}")',
        'text = f"{info.name}"; st.error(text)',
        'parts = ["a"]; parts.append(info.name); st.markdown(" ".join(parts))',
        'st.markdown(" ".join(f"{name}" for name in info.classes))',
        'st.pills("Class", info.classes)',
        "st.success(describe(info))",
        'show("Title", info.name)',
    ],
)
def test_the_search_would_find(line):
    assert Finder({"page.py": HELPERS + line}).find()


@pytest.mark.parametrize(
    "line",
    [
        'st.markdown(f"**{escape_markdown(info.name)}**")',
        'st.metric("Label", f"{info.num_images:,}")',
        'st.button("Go", key=info.name)',
        'parts = ["a"]; parts.append(escape_markdown(info.name)); st.markdown(" ".join(parts))',
        'st.markdown(" ".join(f"{len(name)} {KINDS[name]}" for name in info.classes))',
        'show("Title", quote_markdown(info.name))',
    ],
)
def test_what_is_escaped_passes(line):
    assert Finder({"page.py": HELPERS + line}).find() == []
