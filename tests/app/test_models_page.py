"""The Models page: empty, with models of each kind, and with damaged ones."""

import dataclasses
import shutil

import pytest
from streamlit.testing.v1 import AppTest

from app.models.state import Key
from fer_core.checkpoint import CARD_FILE, load_checkpoint_info, save_checkpoint_info
from fer_core.data.builtin import write_schematic_faces
from fer_core.data.store import load_dataset
from fer_core.escaping import escape_markdown
from fer_core.evaluation.evaluator import evaluate_checkpoint, save_evaluation
from fer_core.exchange.card import load_card
from fer_core.exported import list_exports
from fer_core.jobs.tasks import cancel_task, list_tasks
from fer_core.latency import find_latency
from fer_core.workspace import PROJECT_ROOT
from tests.background import finish_task
from tests.fake_hub import FakeHub

PAGE = str(PROJECT_ROOT / "pages" / "models.py")


def _run(model=None) -> AppTest:
    page = AppTest.from_file(PAGE, default_timeout=60)
    if model is not None:
        page.query_params["model"] = model
    return page.run()


def _texts(page: AppTest) -> str:
    parts = [item.value for kind in (page.markdown, page.caption, page.title) for item in kind]
    return "\n".join(
        parts + [item.value for kind in (page.warning, page.info, page.success) for item in kind]
    )


def _open_tab(page: AppTest, word: str) -> AppTest:
    label = next(tab.label for tab in page.tabs if word in tab.label)
    page.query_params["tab"] = label
    return page.run()


@pytest.fixture
def models(app_workspace, save_model):
    """`mine` ships, `friend` was imported, `run-a` was trained."""
    folder = save_model("run-a")
    for target in (app_workspace.checkpoints / "mine", app_workspace.model("friend")):
        shutil.copytree(folder, target)
    (app_workspace.model("friend") / CARD_FILE).write_text("# Hello\n\n![track](http://evil.example/x.png)\n")
    return app_workspace


def test_an_empty_machine_says_how_to_fill_it(app_workspace):
    page = _run()
    assert not page.exception and not page.error
    assert "fer train --preset quick" in _texts(page)
    assert [item.label for item in page.expander] == ["Import a model"]
    assert page.button(key="models-import").disabled


def test_models_are_cards_that_can_be_searched_and_opened(models):
    page = _run()
    assert not page.exception and not page.error
    texts = _texts(page)
    assert all(words in texts for words in ("#### mine", "#### friend", "#### run-a", "n = 3,199"))
    assert "as its maker states" in texts
    assert {item.value for item in page.metric} == {"81.2 %"}
    page.text_input(key=Key.MODELS_SEARCH).set_value("frie brought").run()
    assert [item.key for item in page.button if str(item.key).startswith("open-")] == ["open-model-friend"]
    page.text_input(key=Key.MODELS_SEARCH).set_value("nothing-like-it").run()
    assert "change the search" in _texts(page)
    page.text_input(key=Key.MODELS_SEARCH).set_value("").run()
    page.button(key="open-model-run-a/best").click().run()
    assert page.query_params["model"] == "run-a/best"
    assert page.title[0].value == r"run-a"


def test_a_model_shows_its_facts_and_what_can_be_done(models):
    page = _run("mine")
    assert not page.exception and not page.error
    assert [item.value for item in page.metric][:1] == ["81.2 %"]
    assert not page.button(key="models-delete").disabled
    assert "Not measured on this machine" in _texts(_open_tab(page, "By class"))
    assert "Not exported yet" in _texts(_open_tab(page, "ONNX"))
    texts = _texts(_open_tab(page, "Publish"))
    assert "It ships already" in texts and "`HF_HUB_OFFLINE` is set" in texts
    assert "fer fetch browser" in texts, "a page for visitors' browsers needs it"
    assert page.button(key="models-hub-push").disabled
    assert not page.exception and not page.error


def test_figures_of_an_onnx_file_are_said_to_be_those_of_its_weights(models):
    next(models.model("friend").glob("*.safetensors")).unlink()
    page = _run("friend")
    assert not page.exception
    assert "of the weights that the ONNX file was made from" in _texts(page)
    assert "is missing" in page.error[0].value, "there is no ONNX file either, so it can't be downloaded"


def test_a_runs_model_is_deleted_with_its_run(models):
    page = _run("run-a/best")
    button = page.button(key="models-delete")
    assert button.disabled and "fer runs delete run-a" in button.help.replace("\\", "")


def test_a_model_is_deleted_after_a_question(models):
    page = _run("friend")
    page.button(key="models-delete").click().run()
    assert models.model("friend").is_dir(), "only asked so far"
    page.button(
        key="models-delete"
    ).click()  # AppTest runs the whole page: the dialog must be asked for again
    next(item for item in page.button if item.label == "Delete it").click().run()
    assert not models.model("friend").exists()
    assert "friend was deleted" in _texts(page) and "model" not in page.query_params


def test_the_question_says_whether_the_model_ships(models):
    for name in ("mine", "friend"):
        page = _run(name)
        page.button(key="models-delete").click().run()
        assert ("ships with the project" in _texts(page)) == (name == "mine")


def test_a_strangers_card_loads_nothing_and_can_be_edited(models):
    page = _open_tab(_run("friend"), "Model card")
    assert "http://evil.example" in _texts(page) and "![track]" not in _texts(page)
    page.button(key="models-card-edit").click().run()
    page.text_area(key="models-card-text").set_value("# New\n").run()
    page.button(key="models-card-save").click().run()
    assert not page.exception and not page.error
    assert load_card(models.model("friend")) == "# New\n"
    assert "The card is saved" in _texts(page)


def test_a_card_that_changed_meanwhile_keeps_both(models):
    page = _open_tab(_run("friend"), "Model card")
    page.button(key="models-card-edit").click().run()
    (models.model("friend") / CARD_FILE).write_text("theirs\n")
    page.text_area(key="models-card-text").set_value("mine").run()
    page.button(key="models-card-save").click().run()
    assert "changed by someone else" in page.error[0].value
    assert page.text_area(key="models-card-text").value == "mine"
    assert load_card(models.model("friend")) == "theirs\n"


def test_layers_are_built_when_asked_for(models):
    page = _open_tab(_run("friend"), "Layers")
    page.toggle(key="models-layers").set_value(True).run()
    assert not page.exception and not page.error
    assert "MFLOPs" in _texts(page) and len(page.dataframe) == 1


def test_figures_by_class_come_from_the_stored_report(models):
    write_schematic_faces(models, "faces", num_images=80)
    data = load_dataset(models.dataset("faces"))
    folder = models.run("run-a") / "best"
    save_checkpoint_info(folder, dataclasses.replace(load_checkpoint_info(folder), data={"name": "faces"}))
    page = _open_tab(_run("run-a/best"), "By class")
    assert any(item.label == "Evaluate now" for item in page.button)
    evaluation = evaluate_checkpoint(folder, data, "valid")
    save_evaluation(evaluation, folder.parent, num_resamples=10)
    page = _open_tab(_run("run-a/best"), "By class")
    assert not page.exception and not page.error
    assert f"n = {evaluation.scores.n}" in _texts(page)
    assert page.metric[0].value == f"{100 * evaluation.scores.accuracy:.1f} %"


def test_a_model_is_exported_timed_and_its_check_shown(models, known_graphs):
    write_schematic_faces(models, "schematic-faces", num_images=80)
    page = _open_tab(_run("friend"), "ONNX")
    page.button(key="models-onnx-export").click().run()
    assert page.button(key="models-onnx-export").disabled, "one at a time"
    assert finish_task(models, "export").error == ""
    page = _open_tab(_run("friend"), "ONNX")  # as one who comes back
    assert not page.exception and not page.error
    assert "`model-fp32.onnx` is written: 100.0%" in _texts(page)
    assert "checked] on" in _texts(page) and len(list_exports(models.model("friend"))) == 1
    page = _open_tab(page, "Speed")
    page.button_group(key="models-speed-batches").set_value([1]).run()
    page.button_group(key="models-speed-kinds").set_value(["fp32"]).run()
    page.button(key="models-speed").click().run()
    assert finish_task(models, "benchmark").error == ""
    page.run()
    assert not page.exception and not page.error
    assert "faces per second" in _texts(page)
    kept = find_latency(load_checkpoint_info(models.model("friend")).weights_sha256, models)
    assert next(item.value for item in page.metric if item.label == "Latency") == f"{kept.ms:.1f} ms"
    assert escape_markdown(kept.describe()) in _texts(page)


def test_a_model_that_was_never_timed_says_so_and_is_timed_by_one_click(models):
    page = _run("mine")
    assert next(item.value for item in page.metric if item.label == "Latency") == "–"
    page.button(key="models-time").click().run()
    assert not page.exception and not page.error
    assert page.button(key="models-speed").disabled, "the tab is open, and shows that it is at work"
    (task,) = list_tasks(models)
    assert task.kind == "benchmark"
    cancel_task(models, task.name)


def test_a_run_is_published_with_a_card(models):
    write_schematic_faces(models, "faces", num_images=80)
    folder = models.run("run-a") / "best"
    save_checkpoint_info(folder, dataclasses.replace(load_checkpoint_info(folder), data={"name": "faces"}))
    page = _open_tab(_run("run-a/best"), "Publish")
    page.text_input(key="models-publish-name").set_value("friend").run()
    page.button(key="models-publish").click().run()
    assert "already" in page.error[0].value
    page.text_input(key="models-publish-name").set_value("fer-new").run()
    page.button(key="models-publish").click().run()
    assert finish_task(models, "publish").error == ""
    page.run()
    assert not page.exception and not page.error
    assert "ships with the project now" in _texts(page)
    page.button(key="models-open").click().run()
    assert page.title[0].value == "fer-new"
    card = load_card(models.checkpoints / "fer-new")
    assert "apparent expression" in card and "| nan |" not in card
    assert "May I use this commercially?** Not known" in card


def test_a_push_asks_for_a_click_and_says_what_the_hub_says(models, monkeypatch):
    hub = FakeHub()
    monkeypatch.setattr("fer_core.exchange.hub._build_api", lambda: hub)
    monkeypatch.setattr("app.models.sharing.is_hub_offline", lambda: False)
    monkeypatch.setattr("app.models.sharing.has_hub_login", lambda: True)
    page = _open_tab(_run("friend"), "Publish")
    page.text_input(key="models-hub-repo").set_value("thing").run()
    assert hub.asked == []
    page.button(key="models-hub-push").click().run()
    assert hub.asked == [("me/thing", True, True)]
    assert escape_markdown("https://huggingface.co/me/thing") in _texts(page) and not page.error
    hub.error = ConnectionError()
    page.button(key="models-hub-push").click().run()
    assert "can't be reached" in page.error[0].value and not page.exception


def test_damaged_and_absent_models_are_named(models):
    (models.model("friend") / "model.json").write_text("{")
    page = _run()
    assert not page.exception
    assert "friend" in page.warning[0].value and "JSON" in page.warning[0].value
    page = _run("friend")
    assert not page.exception and "can't be shown" in _texts(page)
    assert "can't be shown" in _texts(_run("../../etc"))
    weights = next((models.checkpoints / "mine").glob("*.safetensors"))
    weights.write_bytes(b"half")
    page = _run("mine")
    assert not page.exception and "damaged" in page.error[0].value
