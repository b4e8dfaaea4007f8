"""Names out of an address or a session lead to what lies in the workspace, and nowhere else."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.shared.state import SharedKey
from fer_core.checkpoint import CARD_FILE, find_listed_checkpoint
from fer_core.errors import CheckpointError, FerError
from fer_core.workspace import PROJECT_ROOT, Workspace, validate_name
from tests.small_runs import save_small_run

ESCAPES = (
    "..",
    "../outside",
    "../../outside",
    "..%2foutside",
    "run-1/../../outside",
    "~",
    "\x00",
    "a\nb",
    "x" * 300,
)
CANARY = "what lies outside"


def _open(page: str, **query: str) -> AppTest:
    test = AppTest.from_file(str(PROJECT_ROOT / "pages" / page), default_timeout=60)
    for name, value in query.items():
        test.query_params[name] = value
    return test.run()


@pytest.fixture
def outside(app_workspace: Workspace, save_model) -> Path:
    """A model and a run of somebody else, beside the workspace."""
    save_small_run(app_workspace, "run-1")
    folder = app_workspace.root.parent / "outside"
    shutil.copytree(app_workspace.run("run-1"), folder)
    shutil.copytree(save_model("run-2"), folder, dirs_exist_ok=True)
    (folder / CARD_FILE).write_text(CANARY)
    (folder / "log.txt").write_text(CANARY)
    return folder


@pytest.mark.parametrize(
    ("page", "key", "words"),
    [
        ("train.py", "run", "There is no such run"),
        ("models.py", "model", "can't be shown"),
        ("tune.py", "sweep", "no search yet"),
        ("studies.py", "study", "can't be the name of a study"),
        ("label.py", "collection", "can't be the name of a collection"),
    ],
)
def test_an_address_does_not_leave_the_workspace(outside, page, key, words):
    for value in (str(outside), *ESCAPES):
        test = _open(page, **{key: value})
        assert not test.exception, value
        shown = "\n".join(item.value for kind in (test.markdown, test.info, test.error) for item in kind)
        assert CANARY not in str(test.main)
        assert words in shown, (value, shown)


def test_an_address_of_a_data_set_does_not_leave_the_workspace(outside, app_workspace):
    from fer_core.data.builtin import write_schematic_faces

    write_schematic_faces(app_workspace, num_images=16)
    shutil.copytree(app_workspace.dataset("schematic-faces"), outside / "data")
    for value in ("../../outside/data", str(outside / "data")):
        test = _open("explore_data.py", dataset=value)
        assert not test.exception
        assert test.selectbox[0].value == "schematic-faces"


def test_a_models_key_is_one_of_the_list(outside, app_workspace):
    assert find_listed_checkpoint("run-2/best", app_workspace).key == "run-2/best"
    for value in (str(outside), "../../outside", "run-2/../run-2/best", "run-2", *ESCAPES):
        with pytest.raises(CheckpointError):
            find_listed_checkpoint(value, app_workspace)


def test_a_sessions_model_is_one_of_the_list(outside, app_workspace):
    test = AppTest.from_file(str(PROJECT_ROOT / "pages" / "analyze_media.py"), default_timeout=60)
    test.session_state[SharedKey.MODEL] = str(outside)
    test.run()
    assert not test.exception
    assert test.session_state[SharedKey.MODEL] == "run-2/best"


@pytest.mark.parametrize(
    "value", [*ESCAPES, "", ".", "/etc", "C:\\x", "a/b", "a\\b", "-rf", ".hidden", "é", "run\u202e"]
)
def test_names_of_folders_are_plain(app_workspace, value):
    for make in (app_workspace.run, app_workspace.dataset, app_workspace.model):
        with pytest.raises(FerError):
            make(value)
    with pytest.raises(FerError):
        validate_name(value, "sweep")
