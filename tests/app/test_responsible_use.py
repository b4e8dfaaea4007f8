"""The Responsible use page: the project's text, and the terms of what is on this machine."""

import pytest
from streamlit.testing.v1 import AppTest

from app.responsible_use import sections as responsible
from fer_core.data.builtin import write_schematic_faces
from fer_core.errors import FerError
from fer_core.workspace import PROJECT_ROOT

PAGE = str(PROJECT_ROOT / "pages" / "responsible_use.py")


def _run():
    return AppTest.from_file(PAGE, default_timeout=60).run()


def _texts(page):
    return "\n".join(item.value for item in (*page.markdown, *page.info))


def test_every_section_of_the_document_is_on_the_page(app_workspace):
    page = _run()
    assert not page.exception
    assert not page.error
    titles = [item.label.strip("*") for item in page.expander]
    sections = responsible.load_sections()
    assert titles == [title for title in sections if title]
    assert titles[:2] == ["What it reads, and what it does not", "What the law of the EU says"]
    texts = _texts(page)
    for words in (
        "Art. 5(1)(f)",
        "2 February 2025",
        "medical or safety reasons",
        "Art. 50(3)",
        "not legal advice",
    ):
        assert words in texts
    assert str(app_workspace.root) in texts


def test_the_terms_of_what_is_here_are_listed(app_workspace, save_model):
    write_schematic_faces(app_workspace, "drawn", num_images=16)
    save_model("first")
    page = _run()
    assert not page.exception
    texts = _texts(page)
    assert r"**drawn**: schematic-faces\: CC0 :green-badge" in texts
    assert "**first/best**: not stated" in texts


def test_a_missing_text_is_a_message(app_workspace, tmp_path, monkeypatch):
    with pytest.raises(FerError, match="restore the file"):
        responsible.load_sections(tmp_path / "gone.md")


def test_links_lead_to_the_outside_only():
    """The page shows the file as it is: a path relative to docs/ would lead nowhere."""
    import re

    links = re.findall(r"\]\(([^)]+)\)", responsible.DOCUMENT.read_text(encoding="utf-8"))
    assert links
    assert all(link.startswith("https://") for link in links)
