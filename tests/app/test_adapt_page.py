"""Adapting a model on the Train page: nothing to adapt to, the start, what came of it, and the way back."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.shared.adaptation import build_changes
from fer_core.checkpoint import DEFAULT_CHECKPOINT, get_default_key, list_checkpoints
from fer_core.errors import DataError
from fer_core.runs.adaptation import save_adaptation
from fer_core.training.adapting import AdaptOptions
from fer_core.workspace import PROJECT_ROOT, Workspace
from tests.own_faces import write_own_faces
from tests.small_runs import save_small_run
from tests.unit.runs.test_adaptation import FOUND

PAGE = str(PROJECT_ROOT / "pages" / "train.py")
SaveModel = Callable[[str], Path]


def open_page(**query: str) -> AppTest:
    page = AppTest.from_file(PAGE, default_timeout=60)
    for key, value in query.items():
        page.query_params[key] = value
    page.run()
    assert not page.exception
    return page


def test_without_own_faces_it_says_where_they_come_from(
    app_workspace: Workspace, save_model: SaveModel
) -> None:
    save_model("old")
    page = open_page(part="adapt")
    assert any("No labelled faces of yours yet" in item.value for item in page.markdown)
    assert not page.button and not page.warning
    page = open_page(part="adapt", dataset="gone")
    assert "There is no data set `gone` on this machine" in page.warning[0].value


def test_a_model_is_adapted_to_the_chosen_faces(
    app_workspace: Workspace, save_model: SaveModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_model("old")
    write_own_faces(app_workspace, "other")
    write_own_faces(app_workspace, "own")
    begun: list[AdaptOptions] = []

    def submit(options: AdaptOptions, workspace: Workspace) -> object:
        begun.append(options)
        return save_small_run(workspace, "mine")

    monkeypatch.setattr("app.train.adapt.submit_adaptation", submit)
    page = open_page(part="adapt", dataset="own")
    assert "fer adapt old/best --dataset own" in page.code[0].value
    page.selectbox(key="adapt_group").select("person").run()
    page.button[0].click().run()
    assert begun == [AdaptOptions(model="old/best", dataset="own", group="person")]
    assert page.query_params["run"] == "mine"


def test_what_can_not_be_adapted_to_is_told_on_the_page(
    app_workspace: Workspace, save_model: SaveModel
) -> None:
    save_model("old")
    write_own_faces(app_workspace, "own", num_people=3)
    page = open_page(part="adapt")
    page.button[0].click().run()
    assert "18 labelled faces" in page.error[0].value
    assert not page.exception


def test_what_came_of_it_and_one_click_to_use_it_and_back(
    app_workspace: Workspace, save_model: SaveModel
) -> None:
    save_model("fer-small")
    save_model("mine")
    folder = save_small_run(app_workspace, "tuned").folder
    (app_workspace.run("mine") / "best").rename(folder / "best")
    save_adaptation(folder, replace(FOUND, model="fer-small/best"))
    page = open_page(run="tuned")
    assert "+10.0 points of accuracy" in page.success[0].value
    assert [item.value for item in page.metric][:3] == ["60.0 %", "88.7 %", "5.0 points"]
    page.button(key="adaptation-use-tuned/best").click().run()
    assert get_default_key(app_workspace) == "tuned/best"
    assert list_checkpoints(app_workspace)[0].key == "tuned/best"
    page.button(key="adaptation-use-fer-small/best").click().run()
    assert get_default_key(app_workspace) == "fer-small/best"
    assert not page.exception


def test_a_default_that_is_gone_is_the_shipped_one_again(app_workspace: Workspace) -> None:
    (app_workspace.root).mkdir(parents=True)
    (app_workspace.root / "default-model.txt").write_bytes(b"\xff\xfe")
    assert get_default_key(app_workspace) == DEFAULT_CHECKPOINT


def test_the_chart_shows_before_and_after_with_their_intervals() -> None:
    figure = build_changes(FOUND)
    before, after = figure.data[-2:]
    assert [list(before.x), list(after.x)] == [
        [50.0, pytest.approx(89.3), 40.0],
        [60.0, pytest.approx(88.7), 60.0],
    ]
    assert list(after.y) == ["your faces (120)", "ferplus (3,199)", "Ann (15)"]
    assert list(after.error_x.array) == [pytest.approx(10.0), 0, 0]


def test_an_error_of_the_plan_is_no_traceback(
    app_workspace: Workspace, save_model: SaveModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(options: AdaptOptions, workspace: Workspace) -> object:
        raise DataError("no <b>way</b>")

    save_model("old")
    write_own_faces(app_workspace, "own")
    monkeypatch.setattr("app.train.adapt.submit_adaptation", refuse)
    page = open_page(part="adapt")
    page.button[0].click().run()
    assert "no \\<b\\>way" in page.error[0].value
