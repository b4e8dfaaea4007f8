"""Pages of a workspace in which a file of each kind is damaged: the rest is shown, and no program error."""

import shutil

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.shared.messages import UNEXPECTED
from fer_core.workspace import PROJECT_ROOT, Workspace
from tests.faults.world import GOOD, KINDS, empty, make_world, truncate, zero

PAGES = {
    "home": "app/Home.py",
    "explore_data": "pages/explore_data.py",
    "train": "pages/train.py",
    "tune": "pages/tune.py",
    "compare_runs": "pages/compare_runs.py",
    "models": "pages/models.py",
    "analyze_media": "pages/analyze_media.py",
    "studies": "pages/studies.py",
}
BAD_RUNS = ["bad-empty-status-json", "bad-zero-validation-json", "bad-empty-meta-json", "bad-zero-notes-json"]
BAD_SETS = {"bad-empty-images-npy": "images.npy", "bad-truncate-samples-parquet": "samples.parquet"}
SHOWN = {"home": " more", "models": GOOD, "compare_runs": GOOD, "explore_data": GOOD}
"""Of the rest; Home names the first three data sets and counts the others."""


@pytest.fixture(scope="module")
def damaged(ram):
    """`good` is whole; beside it lies a copy for each kind of file and damage, with that file damaged."""
    workspace = Workspace((ram / "pages").resolve())
    make_world(workspace)
    for damage in (empty, truncate, zero):
        for kind in KINDS:
            path = kind.locate(workspace)
            for parent in (workspace.runs, workspace.datasets):
                if path.is_relative_to(parent):
                    copy = parent / f"bad-{damage.__name__}-{kind.name.replace('.', '-')}"
                    shutil.copytree(parent / GOOD, copy)
                    damage(copy / path.relative_to(parent / GOOD))
    for kind in KINDS:
        path = kind.locate(workspace)
        if not path.is_relative_to(workspace.runs) and not path.is_relative_to(workspace.datasets):
            truncate(path)  # decisions, suspects, flaws, exports, the search
    return workspace


@pytest.fixture
def at_home(damaged, monkeypatch, tmp_path):
    monkeypatch.setenv("FER_WORKSPACE", str(damaged.root))
    monkeypatch.setattr(Workspace, "checkpoints", property(lambda self: tmp_path / "shipped"))
    st.cache_resource.clear()
    st.cache_data.clear()
    return damaged


def open_page(name, **query):
    """A page as the router runs it: with the messages in place of what is raised."""
    path = PROJECT_ROOT / PAGES[name]
    script = (
        "import runpy\n"
        "from app.shared.messages import error_boundary\n"
        f"with error_boundary():\n    runpy.run_path({str(path)!r}, run_name='__main__')\n"
    )
    page = AppTest.from_string(script, default_timeout=120)
    for key, value in query.items():
        page.query_params[key] = value
    page.run()
    assert not page.exception
    assert UNEXPECTED not in [item.value for item in page.error], "a program error"
    return page


def texts(page):
    kinds = (page.markdown, page.caption, page.error, page.warning, page.button, page.selectbox)
    values = [
        str(getattr(item, "value", "")) + str(getattr(item, "label", "")) for kind in kinds for item in kind
    ]
    options = [str(option) for item in page.selectbox for option in item.options]
    return "\n".join(values + options)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_shows_the_rest(at_home, name):
    page = open_page(name)
    assert SHOWN.get(name, "") in texts(page)


@pytest.mark.parametrize("name", BAD_RUNS)
def test_a_damaged_run_leaves_its_page_usable(at_home, name):
    open_page("train", run=name)


@pytest.mark.parametrize("name", BAD_SETS)
def test_a_damaged_data_set_is_told_on_its_page(at_home, name):
    told = [item.value for item in open_page("explore_data", dataset=name).error]
    assert any(BAD_SETS[name] in text.replace("\\", "") for text in told), told
