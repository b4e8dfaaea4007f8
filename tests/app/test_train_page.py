"""The Train page without a browser: the form, the list of runs, and one run."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys

import pytest
from streamlit.testing.v1 import AppTest

from app.shared.run_data import compute_stamp, load_metrics
from app.train import launch as train_launch
from app.train import run_actions, run_view
from app.train.draft import widget_key
from app.train.lr_finder import build_rate_chart
from app.train.state import Key
from fer_core.config import ModelConfig, config_from_dict, load_preset
from fer_core.errors import RunError
from fer_core.runs.notes import load_notes
from fer_core.runs.reader import Run, load_run
from fer_core.runs.records import EpochRecord, Notes, StepRecord
from fer_core.workspace import PROJECT_ROOT
from tests.small_runs import append_epoch, save_small_run

PAGE = str(PROJECT_ROOT / "pages" / "train.py")


def _run(*, run: str = "", **state) -> AppTest:
    page = AppTest.from_file(PAGE, default_timeout=120)
    if run:
        page.query_params["run"] = run
    for key, value in {Key.TRAIN_ARGUMENTS: True, Key.TRAIN_ADVANCED: True, **state}.items():  # unfolded
        page.session_state[key] = value
    return page.run()


def _texts(page: AppTest) -> str:
    return "\n".join(element.value for kind in (page.markdown, page.caption) for element in kind)


def _button(page: AppTest, label: str):
    return next(item for item in page.button if item.label == label)


def _code(page: AppTest) -> str:
    return page.code[0].value


def test_an_empty_machine_gets_the_quick_preset_ready_to_start(app_workspace):
    page = _run()
    assert not page.exception
    assert not page.error
    assert page.number_input(key=widget_key("epochs")).value == 4
    assert page.number_input(key=widget_key("optimizer.learning_rate")).value == 0.004
    assert "drawn when first used" in _texts(page)
    assert "**278,636 parameters**" in _texts(page)
    assert _code(page).split() == ["fer", "train", "\\", "--preset", "quick"]
    assert not _button(page, "Start training").disabled
    assert not app_workspace.root.exists()  # looking leaves no trace


def test_without_runs_the_list_says_how_to_start_one(app_workspace):
    page = _run(train_part="runs")
    assert not page.exception
    assert "No runs yet" in _texts(page)
    _button(page, "New run").click().run()
    assert page.number_input(key=widget_key("epochs")).value == 4


def test_a_wrong_setting_is_told_at_once_and_can_not_be_started(app_workspace):
    page = _run()
    page.number_input(key=widget_key("optimizer.accumulation_steps")).set_value(64).run()
    page.number_input(key=widget_key("batch_size")).set_value(32).run()
    (error,) = page.error
    assert "half of batch\\_size" in error.value
    assert _button(page, "Start training").disabled
    assert _button(page, "Estimate time and memory").disabled
    page.number_input(key=widget_key("batch_size")).set_value(256).run()
    assert not page.error
    assert not _button(page, "Start training").disabled
    assert "--batch-size 256" in _code(page)


def test_folded_settings_are_drawn_when_they_are_unfolded_and_keep_what_was_set(app_workspace):
    page = _run(train_advanced=False, train_arguments=False, train_file=True)
    steps = widget_key("optimizer.accumulation_steps")
    assert steps not in {item.key for item in page.number_input}
    assert "learning_rate = 0.004" in page.code[1].value
    page.session_state[Key.TRAIN_ADVANCED] = True
    page.run().number_input(key=steps).set_value(2).run()
    page.session_state[Key.TRAIN_ADVANCED] = False
    page.run()
    assert steps not in {item.key for item in page.number_input}
    assert "--optimizer.accumulation-steps 2" in _code(page)
    page.session_state[Key.TRAIN_ADVANCED] = True
    assert page.run().number_input(key=steps).value == 2


def test_a_wrong_model_argument_is_told_at_once(app_workspace):
    page = _run()
    page.text_input(key=widget_key("model.arguments:fer_resnet:widths")).set_value("24-48").run()
    assert not page.exception
    (error,) = page.error
    assert "expected as many stages as widths" in error.value


def test_a_data_set_that_is_not_here_is_told_with_the_way_to_it(app_workspace):
    page = _run()
    page.button_group(key=Key.TRAIN_PRESET).set_value("vgg13").run()
    assert not page.exception
    (error,) = page.error
    assert "data set 'ferplus' is not on this machine" in error.value
    assert "fer import" in error.value


def test_a_preset_fills_the_form_and_changes_can_be_undone(app_workspace):
    page = _run()
    page.number_input(key=widget_key("epochs")).set_value(3).run()
    assert "`epochs`" in _texts(page)
    _button(page, "Undo all").click().run()
    assert page.number_input(key=widget_key("epochs")).value == 4
    assert "Nothing changed yet" in _texts(page)


def test_a_named_augmentation_replaces_the_presets_and_keeps_other_changes(app_workspace):
    page = _run()
    page.number_input(key=widget_key("epochs")).set_value(3).run()
    page.selectbox(key=Key.TRAIN_POLICY).set_value("none").run()
    assert not page.exception
    assert page.number_input(key=widget_key("augment.rotation_deg")).value == 0
    assert page.number_input(key=widget_key("epochs")).value == 3
    words = _code(page).replace("\\\n", " ").split()
    assert words == ["fer", "train", "--preset", "quick", "--augment-policy", "none", "--epochs", "3"]


def test_start_submits_what_the_form_says_and_opens_the_run(app_workspace, monkeypatch):
    submitted = []

    def submit(config, workspace, *, name, device, num_processes):
        submitted.append((config, name, device, num_processes))
        return load_run(save_small_run(workspace, name, state="finished").folder)

    monkeypatch.setattr(train_launch, "submit_run", submit)
    page = _run()
    page.number_input(key=widget_key("epochs")).set_value(3).run()
    page.text_input(key=Key.TRAIN_NAME).set_value("mine").run()
    _button(page, "Start training").click().run()
    assert not page.exception
    ((config, name, device, num_processes),) = submitted
    assert config.epochs == 3
    assert config.optimizer == load_preset("quick").optimizer
    assert (name, device, num_processes) == ("mine", "", 1)
    assert "mine" in page.query_params["run"]
    assert page.title[0].value == "mine"


def test_a_start_that_is_refused_is_told(app_workspace, monkeypatch):
    def refuse(*_arguments, **_options):
        raise RunError("the workspace can't be written; make room")

    monkeypatch.setattr(train_launch, "submit_run", refuse)
    page = _run()
    _button(page, "Start training").click().run()
    assert not page.exception
    assert any("make room" in error.value for error in page.error)


@pytest.mark.parametrize(("name", "why"), [("taken", "there is a run"), ("../x", "can't be the name")])
def test_a_name_that_can_not_be_used_is_told(app_workspace, name, why):
    save_small_run(app_workspace, "taken")
    page = _run()
    page.text_input(key=Key.TRAIN_NAME).set_value(name).run()
    assert why in page.error[0].value
    assert _button(page, "Start training").disabled


def test_the_list_shows_and_filters_runs(app_workspace):
    save_small_run(app_workspace, "first")
    save_small_run(app_workspace, "second", state="failed", facts={"message": "no"})
    page = _run(train_part="runs")
    assert not page.exception
    table = page.dataframe[0].value
    assert list(table["name"]) == ["second", "first"]
    assert list(table["accuracy"]) == pytest.approx([0.75, 0.75])
    assert list(table["macro_f1"]) == pytest.approx([0.65, 0.65])
    page.text_input(key=Key.RUN_FILTER).set_value("FIR resnet").run()
    assert list(page.dataframe[0].value["name"]) == ["first"]
    page.text_input(key=Key.RUN_FILTER).set_value("nothing like it").run()
    assert "change the filter" in _texts(page)


def test_a_finished_run_shows_its_scores(app_workspace):
    save_small_run(app_workspace, "done")
    page = _run(run="done")
    assert not page.exception
    assert not page.error
    assert "green-badge[:material/check_circle: finished]" in _texts(page)
    assert {item.label: item.value for item in page.metric}["Best accuracy"] == "75.0 %"
    assert "Epoch **3**: 28 of 33 validation images right" in _texts(page)
    assert "can't be shown" in _texts(page)  # the data set is not here, and the page goes on
    assert list(page.dataframe[0].value["epoch"]) == [3, 2, 1]
    assert "Resume" not in [item.label for item in page.button]


@pytest.mark.parametrize("sits_here", [True, False])
def test_only_who_sits_at_the_machine_is_shown_its_paths(app_workspace, monkeypatch, sits_here):
    monkeypatch.setattr("app.shared.messages.may_name_paths", lambda: sits_here)
    save_small_run(app_workspace, "done")
    text = _texts(_run(run="done"))
    assert "there is no data set at" in text
    assert (str(app_workspace.root) in text.replace("\\", "")) == sits_here
    assert ("at workspace/datasets/" in text) != sits_here


def test_the_first_epoch_is_watched_step_by_step(app_workspace):
    facts = {"epoch": 0, "step": 5, "num_steps": 87}
    writer = save_small_run(app_workspace, "new", state="running", num_epochs=0, facts=facts)
    assert "begins with the first step" in _texts(_run(run="new"))
    for step, loss in ((1, 2.1), (5, 1.9)):
        writer.append_step(StepRecord(1, step, loss, 0.2, 0.01))
    page = _run(run="new")
    assert not page.exception
    loss_chart = next(json.loads(item.proto.spec) for item in page.get("plotly_chart"))
    curve = next(trace for trace in loss_chart["data"] if trace["name"] == "train, by step")
    assert curve["x"] == pytest.approx([1 / 87, 5 / 87])
    assert curve["y"] == [2.1, 1.9]
    assert [item.proto.text for item in page.get("progress")] == [
        "Epoch 1 of 4 · 1 min 05 s left",
        "Step 5 of 87",
    ]


def test_what_a_run_does_before_its_first_step_has_a_bar_of_its_own(app_workspace):
    facts = {"epoch": 0, "message": "Asking *one*", "share": 0.25}
    save_small_run(app_workspace, "new", state="running", num_epochs=0, facts=facts)
    page = _run(run="new")
    assert not page.exception
    (bar,) = page.get("progress")
    assert (bar.proto.text, bar.proto.value) == ("Asking \\*one\\* · 1 min 05 s left", 25)


@pytest.mark.parametrize(
    ("state", "is_watched"), [("running", True), ("stopped", True), ("failed", True), ("finished", False)]
)
def test_a_run_that_another_tab_may_resume_is_looked_at_again(app_workspace, state, is_watched):
    save_small_run(app_workspace, "run", state=state)
    interval = run_view._choose_interval(load_run(app_workspace.run("run")))
    assert (interval is not None and interval <= 1) == is_watched


def test_a_run_without_gradients_says_so(app_workspace):
    save_small_run(app_workspace, "plain", with_gradients=False)
    assert "has no gradient norms" in _texts(_run(run="plain"))


def test_a_running_run_shows_where_it_is_and_can_be_stopped(app_workspace, monkeypatch):
    save_small_run(app_workspace, "busy", state="running")
    stopped = []
    monkeypatch.setattr(run_actions, "stop_run", lambda name, workspace: stopped.append(name))
    page = _run(run="busy")
    assert not page.exception
    assert "running" in _texts(page)
    assert _button(page, "Delete").disabled
    _button(page, "Stop").click().run()
    assert stopped == ["busy"]


def test_an_action_that_is_refused_is_told(app_workspace, monkeypatch):
    save_small_run(app_workspace, "busy", state="running")

    def refuse(name, workspace):
        raise RunError("it belongs to another machine; stop it there")

    monkeypatch.setattr(run_actions, "stop_run", refuse)
    page = _run(run="busy")
    _button(page, "Stop").click().run()
    assert not page.exception
    assert "stop it there" in page.error[0].value


def test_a_failed_run_shows_its_cause_and_the_last_lines_of_its_log(app_workspace):
    writer = save_small_run(
        app_workspace,
        "broken",
        state="failed",
        num_epochs=0,
        facts={"message": "ConfigError: batch_size is *9*"},
    )
    (writer.folder / "log.txt").write_text("one\nlast words\n")
    page = _run(run="broken")
    assert not page.exception
    assert r"batch\_size is \*9\*" in page.error[0].value
    assert page.code[0].value == "one\nlast words"
    assert _button(page, "Resume")


def test_a_run_whose_process_is_gone_is_interrupted(app_workspace):
    writer = save_small_run(app_workspace, "gone", state="running")
    text = (writer.folder / "status.json").read_text().replace(f'"pid": {os.getpid()}', '"pid": 1')
    (writer.folder / "status.json").write_text(text)
    page = _run(run="gone")
    assert not page.exception
    assert "its process is gone" in page.error[0].value
    assert _button(page, "Resume")


def test_a_link_to_no_run_says_so_and_leads_back(app_workspace):
    for name in ("never-was", "../../etc"):
        page = _run(run=name)
        assert not page.exception
        assert "There is no such run" in _texts(page) and str(app_workspace.root) not in _texts(page)
    _button(page, "All runs").click().run()
    assert "No runs yet" in _texts(page)


def test_a_clone_fills_the_form(app_workspace):
    config = dataclasses.replace(load_preset("quick"), epochs=5, seed=77)
    save_small_run(app_workspace, "parent", config=config)
    page = _run(run="parent")
    _button(page, "Clone with changes").click().run()
    assert not page.exception
    assert not page.error
    assert "run" not in page.query_params
    assert page.number_input(key=widget_key("seed")).value == 77
    page.number_input(key=widget_key("epochs")).set_value(6).run()
    command = _code(page)
    assert "parent/config.toml" in command
    assert "--epochs 6" in command
    assert "--seed" not in command


def test_a_clone_of_settings_from_another_version_is_refused_with_the_reason(app_workspace):
    writer = save_small_run(app_workspace, "old")
    path = writer.folder / "config.toml"
    path.write_text("was_once_known = 1\n" + path.read_text())
    page = _run(run="old")
    _button(page, "Clone with changes").click().run()
    assert not page.exception
    assert any("unknown setting was\\_once\\_known" in error.value for error in page.error)


def test_deleting_asks_first(app_workspace):
    writer = save_small_run(app_workspace, "old")
    page = _run(run="old")
    _button(page, "Delete").click().run()
    assert writer.folder.exists()
    assert "can't be undone" in _texts(page)
    assert _button(page, "Delete it")  # pressed in the browser test: AppTest runs no fragment by itself
    _button(page, "Keep it").click().run()
    assert writer.folder.exists()


def test_a_run_is_renamed_and_its_address_stays(app_workspace):
    save_small_run(app_workspace, "quick-1")
    page = _run(run="quick-1")
    assert "Renamed" not in page.title[0].value
    next(item for item in page.text_input if item.label == "Name").set_value("Renamed *by me*")
    next(item for item in page.button if item.label == "Rename").click().run()
    assert page.title[0].value == r"Renamed \*by me\*"
    assert page.query_params["run"] == "quick-1"
    assert list(_run(train_part="runs").dataframe[0].value["name"]) == ["Renamed *by me*"]


def test_a_new_run_is_called_after_its_preset(app_workspace):
    save_small_run(app_workspace, "quick-1")
    assert _run().text_input(key=Key.TRAIN_NAME).placeholder == "quick-2"


def test_tags_and_notes_are_kept(app_workspace):
    writer = save_small_run(app_workspace, "noted")
    page = _run(run="noted")
    next(item for item in page.text_input if item.label == "Tags").set_value("baseline, paper")
    page.text_area[0].set_value("the first one")
    _button(page, "Save").click().run()
    assert not page.exception
    notes = load_notes(writer.folder)
    assert notes == Notes(("baseline", "paper"), "the first one")
    assert "#baseline" in _texts(page)


def test_files_that_did_not_change_are_not_read_again(app_workspace, monkeypatch):
    writer = save_small_run(app_workspace, "watched", state="running")
    reads = []
    real = Run.load_metrics
    monkeypatch.setattr(Run, "load_metrics", lambda self: reads.append(1) or real(self))
    run = load_run(writer.folder)
    stamp = compute_stamp(run)
    for _ in range(3):
        assert len(load_metrics(load_run(writer.folder))) == 3
        assert compute_stamp(load_run(writer.folder)) == stamp
    assert len(reads) == 1
    append_epoch(writer, 4)
    assert compute_stamp(load_run(writer.folder)) != stamp
    assert len(load_metrics(run)) == 4
    assert len(reads) == 2


def test_lists_and_views_of_runs_never_import_torch(app_workspace):
    writer = save_small_run(app_workspace, "done")
    for index in range(3):
        shutil.copytree(writer.folder, app_workspace.runs / f"copy-{index}")
    code = (
        "import sys\n"
        "from streamlit.testing.v1 import AppTest\n"
        f"page = AppTest.from_file({PAGE!r}, default_timeout=60)\n"
        "page.session_state['train_part'] = 'runs'\n"
        "page.run()\n"
        "assert not page.exception and len(page.dataframe[0].value) == 4\n"
        "page.query_params['run'] = 'done'\n"
        "page.run()\n"
        "assert not page.exception and not page.error and page.title[0].value == 'done'\n"
        "heavy = {'torch', 'timm', 'cv2', 'sklearn', 'av', 'kornia', 'accelerate', 'onnxruntime'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_settings_of_a_run_are_those_of_the_form(app_workspace):
    config = load_preset("quick")
    writer = save_small_run(app_workspace, "same", config=config)
    assert config_from_dict(load_run(writer.folder).config) == config


def test_a_backbone_of_timm_gets_its_own_arguments(app_workspace):
    config = dataclasses.replace(load_preset("quick"), model=ModelConfig(name="timm/resnet18"))
    save_small_run(app_workspace, "backbone", config=config)
    page = _run(run="backbone")
    _button(page, "Clone with changes").click().run()
    assert not page.exception
    assert not page.error
    assert page.selectbox(key=widget_key("model.name")).value == "timm/resnet18"
    assert "a backbone of timm" in _texts(page)
    page.number_input(key=widget_key("model.arguments:timm/resnet18:embedding_dim")).set_value(64).run()
    assert "--model.arguments embedding_dim 64" in _code(page)


def test_another_architecture_takes_its_own_arguments_along(app_workspace):
    page = _run()
    page.selectbox(key=widget_key("model.name")).set_value("vgg13").run()
    assert not page.exception
    assert not page.error
    assert "stem_width" not in _code(page)
    page.selectbox(key=widget_key("model.name")).set_value("fer_resnet").run()
    assert page.number_input(key=widget_key("model.arguments:fer_resnet:stem_width")).value == 32


def test_undefined_scores_and_damaged_files_hide_nothing_else(app_workspace):
    writer = save_small_run(app_workspace, "odd", num_epochs=2)
    writer.append_metrics(EpochRecord(3, is_best=True))
    with (writer.folder / "metrics.jsonl").open("a") as file:
        file.write('{"valid_accuracy": 1.0}\n')
    (writer.folder / "validation.json").write_text("{ no json")
    page = _run(run="odd")
    assert not page.exception
    assert {item.label: item.value for item in page.metric}["Best accuracy"] == "–"
    (error,) = page.error
    assert "can't be read as JSON" in error.value
    assert list(page.dataframe[0].value["epoch"]) == [3, 2, 1]
    assert page.text_area[0].label == "Notes"


def test_layers_and_cost_of_the_network(app_workspace):
    page = AppTest.from_file(PAGE, default_timeout=120).run()
    page.toggle(key="show-network").set_value(True).run()
    assert not page.exception
    text = " ".join(caption.value for caption in page.caption)
    assert "278,636 parameters" in text
    layers = page.dataframe[-1].value
    assert layers["parameters"].max() == 278_636


def test_the_suggested_rate_is_on_the_chart():
    figure = build_rate_chart([1e-4, 1e-3, 1e-2], [2.0, 1.5, 1.8], 1e-3)
    assert list(figure.data[0].y) == [2.0, 1.5, 1.8]
    assert figure.layout.shapes[0].x0 == 1e-3
