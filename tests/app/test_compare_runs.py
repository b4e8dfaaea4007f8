"""The Compare runs page: empty, with two models, and with reports that can't be used."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from fer_core.checkpoint import load_checkpoint_info, save_checkpoint_info
from fer_core.data.builtin import write_schematic_faces
from fer_core.data.store import load_dataset
from fer_core.evaluation.report import evaluate_checkpoint, save_evaluation
from fer_core.workspace import PROJECT_ROOT

PAGE = str(PROJECT_ROOT / "pages" / "compare_runs.py")


def _run() -> AppTest:
    return AppTest.from_file(PAGE, default_timeout=60).run()


@pytest.fixture
def two_models(app_workspace, save_model):
    import dataclasses

    write_schematic_faces(app_workspace, "faces", num_images=160)
    data = load_dataset(app_workspace.dataset("faces"))
    for seed, name in enumerate(("first", "second")):
        folder = save_model(name, seed=seed)
        info = load_checkpoint_info(folder)
        save_checkpoint_info(folder, dataclasses.replace(info, data={"name": "faces"}))
        save_evaluation(evaluate_checkpoint(folder, data, "valid"), folder.parent, num_resamples=20)
    return app_workspace


def test_nothing_to_compare_says_what_to_do(app_workspace):
    page = _run()
    assert not page.exception
    assert "fer train" in "\n".join(item.value for item in page.markdown)


def test_two_models_are_compared_in_words_and_their_faces_shown(two_models):
    page = _run()
    page.multiselect(key="compare_models").set_value(["first", "second"]).run()
    assert not page.exception
    assert not page.error
    findings = [item.value for item in [*page.success, *page.info]]
    assert any("McNemar" in text or "exactly the same" in text for text in findings)
    page.selectbox(key="compare_outcome").set_value("all").run()
    faces = next(item.value for item in page.markdown if " faces**" in item.value)
    num_valid = int(np.sum(load_dataset(two_models.dataset("faces")).samples["split"] == "valid"))
    assert 0 < int(faces.split("**")[1].split()[0]) <= num_valid
    page.button(key="compare_suspects").click().run()
    assert (two_models.root / "suspects" / "faces.json").is_file()


def test_a_damaged_report_is_named_and_can_be_made_again(two_models):
    (two_models.run("second") / "predictions.parquet").write_bytes(b"half")
    page = _run()
    page.multiselect(key="compare_models").set_value(["first", "second"]).run()
    assert not page.exception
    assert "evaluate" in page.warning[0].value
    assert page.button(key="compare_evaluate").label == "Evaluate now"


def test_a_deleted_data_set_leaves_the_figures(two_models):
    for path in two_models.dataset("faces").iterdir():
        path.unlink()
    two_models.dataset("faces").rmdir()
    page = _run()
    page.multiselect(key="compare_models").set_value(["first", "second"]).run()
    page.selectbox(key="compare_outcome").set_value("all").run()
    assert not page.exception
    assert any("can't be shown" in item.value for item in page.warning)
