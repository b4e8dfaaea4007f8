"""The Compare runs page: empty, with two models, and with reports that can't be used."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from fer_core.checkpoint import load_checkpoint_info, save_checkpoint_info
from fer_core.config import load_preset
from fer_core.data.builtin import write_schematic_faces
from fer_core.data.store import load_dataset
from fer_core.evaluation.evaluator import evaluate_checkpoint, save_evaluation
from fer_core.evaluation.stored_reports import load_report
from fer_core.runs.notes import rename_run
from fer_core.workspace import PROJECT_ROOT
from tests.background import finish_task
from tests.small_models import save_small_model
from tests.small_runs import save_small_run

PAGE = str(PROJECT_ROOT / "pages" / "compare_runs.py")


def _run(**query: object) -> AppTest:
    page = AppTest.from_file(PAGE, default_timeout=60)
    for name, value in query.items():
        page.query_params[name] = value
    return page.run()


PRESET = load_preset("quick")


@pytest.fixture
def two_models(app_workspace, save_model, draw_faces):
    draw_faces(app_workspace, "faces", num_images=160)
    data = load_dataset(app_workspace.dataset("faces"))
    for seed, name in enumerate(("first", "second")):
        save_small_run(app_workspace, name, config=dataclasses.replace(PRESET, seed=seed))
        folder = save_model(name, seed=seed)
        info = load_checkpoint_info(folder)
        save_checkpoint_info(folder, dataclasses.replace(info, data={"name": "faces"}))
        save_evaluation(evaluate_checkpoint(folder, data, "valid"), folder.parent, num_resamples=20)
    return app_workspace


def _compare(*names: str, tab: str = "Errors") -> AppTest:
    return _run(compare_models=list(names), tab=tab)


def _num_faces(page: AppTest) -> int:
    text = next(item.value for item in page.markdown if " faces**" in item.value)
    return int(text.split("**")[1].split()[0].replace(",", ""))


def test_nothing_to_compare_says_what_to_do(app_workspace):
    page = _run()
    assert not page.exception
    assert "fer train" in "\n".join(item.value for item in page.markdown)


def test_two_models_are_compared_in_words_and_their_faces_shown(two_models):
    page = _compare("first", "second")
    assert not page.exception
    assert not page.error
    findings = [item.value for item in [*page.success, *page.info, *page.caption]]
    assert any("McNemar" in text or "exactly the same" in text for text in findings)
    page.selectbox(key="compare_outcome").set_value("all").run()
    faces = next(item.value for item in page.markdown if " faces**" in item.value)
    num_valid = int(np.sum(load_dataset(two_models.dataset("faces")).samples["split"] == "valid"))
    assert 0 < int(faces.split("**")[1].split()[0]) <= num_valid
    page.button(key="compare_suspects").click().run()
    assert (two_models.root / "suspects" / "faces.json").is_file()


def test_a_damaged_report_is_named_and_can_be_made_again(two_models):
    (two_models.run("second") / "predictions.parquet").write_bytes(b"half")
    page = _compare("first", "second")
    assert not page.exception
    assert "evaluate" in page.warning[0].value
    assert page.button(key="compare_evaluate").label == "Evaluate now"


def test_a_deleted_data_set_leaves_the_figures(two_models):
    for path in two_models.dataset("faces").iterdir():
        path.unlink()
    two_models.dataset("faces").rmdir()
    page = _compare("first", "second")
    page.selectbox(key="compare_outcome").set_value("all").run()
    assert not page.exception
    (warning,) = [item.value for item in page.warning if "can't be shown" in item.value]
    assert "not on this machine" in warning and str(two_models.root) not in warning


def test_a_cell_is_a_choice_that_can_be_narrowed(two_models):
    """What a click on a cell sets (the browser test clicks) are the values of widgets that go on working."""
    confusion = np.array(load_report(two_models.run("second")).confusion)
    row, column = divmod(int(confusion.argmax()), len(confusion))
    classes = load_report(two_models.run("second")).classes
    page = _compare("first", "second")
    page.selectbox(key="compare_first").set_value("second").run()
    page.selectbox(key="compare_outcome").set_value("all")
    page.selectbox(key="compare_truth").set_value(classes[row])
    page.selectbox(key="compare_prediction").set_value(classes[column]).run()
    assert not page.exception
    assert _num_faces(page) == confusion.max()
    page.slider(key="compare_confidence").set_value((0.0, 0.05)).run()
    assert _num_faces(page) == 0
    assert "widen the choice" in "\n".join(item.value for item in page.caption)
    page.slider(key="compare_confidence").set_value((0.0, 1.0))
    page.selectbox(key="compare_outcome").set_value("wrong").run()
    assert _num_faces(page) == (0 if row == column else confusion.max())


def test_other_conditions_are_never_mixed_in(two_models):
    page = _compare("first", "second")
    assert any("faces, valid" in item.value for item in page.caption)
    for key, value, words in [
        ("compare_split", "test", "faces, test yet: **first**, **second**"),
        ("compare_tta", "flip", "faces, test, with flip averaging yet"),
    ]:
        page.segmented_control(key=key).set_value(value).run()
        assert not page.exception
        assert words in page.info[0].value
        assert page.button(key="compare_evaluate").label == "Evaluate 2 now"
        assert not page.tabs
    page.segmented_control(key="compare_split").set_value("valid")
    page.segmented_control(key="compare_tta").set_value("none").run()
    assert page.tabs


def test_a_model_of_other_data_is_offered_for_evaluation_beside_the_others(two_models, save_model):
    write_schematic_faces(two_models, "others", num_images=160, seed=3)
    folder = save_model("third")
    info = load_checkpoint_info(folder)
    save_checkpoint_info(folder, dataclasses.replace(info, data={"name": "others"}))
    data = load_dataset(two_models.dataset("others"))
    save_evaluation(evaluate_checkpoint(folder, data, "valid"), folder.parent, num_resamples=20)
    page = _compare("first", "third")
    assert "faces, valid yet: **third**" in page.info[0].value
    assert [item.label for item in page.metric] == ["accuracy", "macro-F1"], "the report of the other one"
    page.selectbox(key="compare_dataset").set_value("others").run()
    assert "others, valid yet: **first**" in page.info[0].value
    assert page.selectbox(key="compare_dataset").options == ["faces", "others", "schematic-faces (built in)"]


def test_the_same_model_with_its_classes_in_another_order_is_the_same_model(two_models):
    import torch

    from fer_core.models import load_checkpoint, save_checkpoint

    network, info = load_checkpoint(two_models.run("first") / "best")
    order = [3, 1, 0, 2, 7, 6, 5, 4]
    with torch.no_grad():
        for parameter in network.classifier.parameters():
            parameter.copy_(parameter[order].clone())
    turned = dataclasses.replace(info, name="turned", classes=tuple(info.classes[place] for place in order))
    folder = two_models.run("turned") / "best"
    save_checkpoint(folder, network, turned)
    data = load_dataset(two_models.dataset("faces"))
    save_evaluation(evaluate_checkpoint(folder, data, "valid"), folder.parent, num_resamples=20)
    page = _compare("first", "turned")
    assert not page.exception
    assert not page.warning
    assert "exactly the same" in page.info[0].value


def test_what_is_missing_is_evaluated_from_the_page_and_failures_are_told(two_models, save_model, tmp_path):
    save_small_model(two_models, "broken")
    broken = two_models.run("broken") / "best"
    info = load_checkpoint_info(broken)
    save_checkpoint_info(broken, dataclasses.replace(info, classes=info.classes[:6], data={"name": "faces"}))
    folder = save_model("fourth", seed=4)
    info = load_checkpoint_info(folder)
    save_checkpoint_info(folder, dataclasses.replace(info, data={"name": "faces"}))
    page = _compare("first", "broken", "fourth")
    page.button(key="compare_evaluate").click().run()
    finish_task(two_models, "evaluate")
    page.run()
    assert not page.exception
    assert "**broken** was not evaluated" in page.error[0].value
    report = load_report(two_models.run("fourth"))
    assert report.num_resamples == 2000
    assert any("McNemar" in item.value or "same of" in item.value for item in [*page.info, *page.caption])
    assert page.button(key="compare_evaluate").label == "Evaluate now"


def test_renamed_runs_are_called_by_their_titles(two_models):
    rename_run("first", "No mixup", two_models)
    rename_run("second", "second try", two_models)
    page = _compare("first", "second", tab="Verdict")
    assert not page.exception
    assert [item.label for item in page.metric] == ["No mixup", "second try"]
    words = " ".join(item.value for item in [*page.success, *page.info, *page.caption])
    assert "No mixup" in words
    assert "first" not in words
    assert page.multiselect(key="compare-tags-first-").label == "No mixup"
    for name in ("Errors", "Cost", "Robustness", "Training"):  # those that find models by these names
        page = _compare("first", "second", tab=name)
        assert not page.exception, name
        assert not page.error, name


def test_tags_are_edited_where_runs_are_compared(two_models):
    page = _compare("first", "second", tab="Verdict")
    page.multiselect(key="compare-tags-first-").set_value(["paper"])
    next(item for item in page.button if item.label == "Save").click().run()
    assert not page.exception
    assert json.loads((two_models.run("first") / "notes.json").read_text())["tags"] == ["paper"]
    assert not (two_models.run("second") / "notes.json").exists()
    assert page.multiselect(key="compare-tags-first-paper").value == ["paper"]
    page.text_input(key="compare_search").set_value("paper").run()
    assert list(page.dataframe[0].value["model"]) == ["first"]
    assert page.query_params["compare_models"] == ["first", "second"], "a search drops no choice"
    assert len(page.metric) == 2


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("seed=0", ["first"]),
        ("name=fer_resnet seed=1", ["second"]),
        ("model.name=fer_resnet", ["first", "second"]),
        ("eed=0", []),
        ("SEC", ["second"]),
    ],
)
def test_models_are_found_by_name_and_by_settings(two_models, words, found):
    page = _run()
    page.text_input(key="compare_search").set_value(words).run()
    assert not page.exception
    assert sorted(page.dataframe[0].value["model"] if page.dataframe else []) == found


def test_seeds_of_one_configuration_are_summed_up(two_models):
    accuracies = [load_report(two_models.run(name)).figures["accuracy"].value for name in ("first", "second")]
    page = _run()
    text = next(item.value for item in page.caption if "seeds of one configuration" in item.value)
    mean, sd = np.mean(accuracies), np.std(accuracies, ddof=1)
    assert f"accuracy {100 * mean:.2f} ± {100 * sd:.2f} %" in text
    assert "macro-F1" in text


def test_the_first_column_sorts_the_table(two_models):
    page = _run()
    page.multiselect(key="compare_columns").set_value(["log_loss", "accuracy"]).run()
    losses = list(page.dataframe[0].value["log_loss"])
    assert losses == sorted(losses)
    page.multiselect(key="compare_columns").set_value(["accuracy"]).run()
    accuracies = list(page.dataframe[0].value["accuracy"])
    assert accuracies == sorted(accuracies, reverse=True)


def test_groups_of_images_are_scored_and_small_ones_warned_about(two_models):
    page = _compare("first", "second", tab="Groups")
    assert not page.exception
    options = page.selectbox(key="compare_grouping").options
    assert options == ["how many annotators agree", "label in the source"]
    page.selectbox(key="compare_grouping").set_value("label").run()
    page.segmented_control(key="compare_group_figure").set_value("macro_f1").run()
    assert not page.exception
    assert any("Fewer than 100 images" in item.value and "anger" in item.value for item in page.warning)
    words = next(item.value for item in page.markdown if "fewer than two groups of label" in item.value)
    assert words.count("- ") == 2, "one line per model"
    table = page.dataframe[-1].value
    total = load_report(two_models.run("first")).n
    assert table[table["model"] == "first"]["n"].sum() == total
    for path in two_models.dataset("faces").iterdir():
        path.unlink()
    two_models.dataset("faces").rmdir()
    page.run()
    assert not page.exception
    assert page.selectbox(key="compare_grouping").options == ["how many annotators agree"]


def test_robustness_is_measured_from_the_page_and_kept(two_models):
    page = _compare("first", tab="Robustness")
    assert not page.exception
    assert any("Not measured yet" in item.value for item in page.markdown)
    page.button(key="compare-measure-robustness").click().run()
    assert not page.exception
    assert finish_task(two_models, "robustness").error == ""
    page.run()
    assert not page.exception
    assert not page.error
    assert any("**first**: " in item.value for item in page.markdown)
    path = two_models.run("first") / "robustness.json"
    assert len(json.loads(path.read_text())["rows"]) == 34
    path.write_text("half")
    page.run()
    assert not page.exception
    assert any("robustness.json" in item.value for item in page.warning)
    assert page.button(key="compare-measure-robustness").label == "Measure it"


@pytest.mark.parametrize("tab", ["Verdict", "Classes", "Calibration", "Sources", "Cost", "Training"])
def test_every_tab_is_drawn_and_the_address_holds_it(two_models, tab):
    page = _compare("first", "second", tab=tab)
    if tab == "Training":
        page.slider(key="compare_smoothing").set_value(0.5).run()
    if tab == "Classes":
        page.selectbox(key="compare_class").set_value("fear").run()
    assert not page.exception
    assert not page.error
    if tab == "Training":
        assert page.multiselect(key="compare_settings").value == ["seed"]
        assert page.dataframe[-1].value.set_index("setting").loc["seed"].tolist() == ["0", "1"]


def test_ticks_in_the_table_are_those_of_the_address(two_models):
    page = _compare("second", "first")
    names = list(page.dataframe[0].value["model"])
    assert page.session_state["compare_table_0"]["selection"]["rows"] == [0, 1]
    assert [item.label for item in page.metric] == ["second", "first"], (
        "the first of the address is the baseline"
    )
    page.query_params["compare_models"] = [names[1]]  # as Back in the browser does
    page.run()
    assert page.session_state["compare_table_0"]["selection"]["rows"] == [1]
    assert [item.label for item in page.metric] == ["accuracy", "macro-F1"]


def test_the_address_of_a_comparison_holds_its_data_set(two_models, draw_faces):
    draw_faces(two_models, "others", num_images=40)
    page = _compare("first", "second")
    assert "faces" in page.query_params["compare_dataset"]
    page.selectbox(key="compare_dataset").set_value("others").run()
    assert "others" in page.query_params["compare_dataset"]
    page.selectbox(key="compare_dataset").set_value("faces").run()
    assert "faces" in page.query_params["compare_dataset"], "also where it is the first"
    page.query_params["compare_dataset"] = ["others"]  # as Back in the browser does
    page.run()
    assert page.selectbox(key="compare_dataset").value == "others" and not page.exception


def test_what_a_link_names_and_is_not_here_is_told(two_models):
    page = _compare("first", "gone")
    assert "There is no model `gone` on this machine" in page.warning[0].value
    assert [item.label for item in page.metric] == ["accuracy", "macro-F1"]
    page = _run(compare_dataset="gone")
    assert "There is no data set `gone` on this machine" in page.warning[0].value


def test_published_figures_stand_there_before_any_evaluation(app_workspace, save_model):
    folder = save_model("told")
    info = load_checkpoint_info(folder)
    metrics = ({**info.metrics[0], "dataset": "ferplus", "macro_f1": 0.7},)
    save_checkpoint_info(folder, dataclasses.replace(info, data={"name": "ferplus"}, metrics=metrics))
    page = _run(compare_models=["told"])
    assert not page.exception
    (row,) = page.dataframe[0].value.to_dict("records")
    assert (row["accuracy"], row["macro_f1"]) == (0.8123, 0.7)
    assert row["report"] == "stated: FER+ majority, n = 3,199"
    assert [item.value for item in page.metric] == ["81.2 %"]
    assert "Import **ferplus** to compare face by face" in page.info[0].value
    page.segmented_control(key="compare_split").set_value("test").run()
    assert page.dataframe[0].value["accuracy"].isna().all(), "stated of another split"
    assert not page.metric


def test_stored_reports_are_compared_without_torch(two_models):
    code = (
        "import sys\n"
        "from streamlit.testing.v1 import AppTest\n"
        f"page = AppTest.from_file({PAGE!r}, default_timeout=60)\n"
        "page.query_params['compare_models'], page.query_params['tab'] = ['first', 'second'], 'Errors'\n"
        "page.run()\n"
        "assert not page.exception and not page.error, page.exception\n"
        "page.selectbox(key='compare_outcome').set_value('all').run()\n"
        "assert any(' faces**' in item.value for item in page.markdown)\n"
        "heavy = {'torch', 'timm', 'cv2', 'av', 'kornia', 'accelerate', 'onnxruntime', 'sklearn'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_models_of_other_class_sets_stand_in_tables_of_their_own(app_workspace, draw_faces):
    draw_faces(app_workspace, "faces", num_images=160)
    data = load_dataset(app_workspace.dataset("faces"))
    for name, left_out in (("eight", ""), ("seven", "contempt")):
        folder = save_small_model(
            app_workspace, name, chances={item: 1 / 8 for item in data.info.classes if item != left_out}
        )
        info = load_checkpoint_info(folder)
        save_checkpoint_info(folder, dataclasses.replace(info, data={"name": "faces"}))
        save_evaluation(evaluate_checkpoint(folder, data, "valid"), folder.parent, num_resamples=0)
    page = _compare("eight", "seven")
    assert not page.exception
    tables = [item.value for item in page.dataframe if "model" in item.value]
    assert next(list(item["model"]) for item in tables if "eight" in list(item["model"])) != [
        "eight",
        "seven",
    ]
    seven = next(item for item in tables if list(item["model"]) == ["seven"])
    assert "over the 7 classes that both have" in seven["report"].iloc[0]
    assert any("seven** is left out: it was scored over 7 classes" in item.value for item in page.warning)


def test_other_sources_are_measured_in_the_background(two_models, draw_faces):
    draw_faces(two_models, "elsewhere", num_images=120)
    page = _compare("first", "second", tab="Sources")
    assert page.button(key="compare-crosscheck").disabled
    page.multiselect(key="compare_sources").set_value(["elsewhere"]).run()
    page.button(key="compare-crosscheck").click().run()
    finish_task(two_models, "crosscheck")
    page = _compare("first", "second", tab="Sources")
    assert not page.exception
    assert not page.error
    figures = next(item.value for item in page.dataframe if "source" in item.value)
    # These models do not say which shares they learnt from, so no others can be expected of them.
    assert list(figures["prior"]) == ["training", "training"]
    assert list(figures["source"]) == ["elsewhere", "elsewhere"]
    assert "Brier score" in figures
