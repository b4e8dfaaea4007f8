import dataclasses
import shutil

import pytest

from fer_core.checkpoint import CARD_FILE, find_checkpoint, load_checkpoint_info, save_checkpoint_info
from fer_core.data.builtin import write_schematic_faces
from fer_core.data.store import load_dataset
from fer_core.errors import CheckpointError
from fer_core.evaluation.evaluator import evaluate_checkpoint, save_evaluation
from fer_core.exchange.facts import ModelKind, build_facts, list_models
from fer_core.exchange.removal import delete_model, explain_protection
from fer_core.workspace import Workspace


@pytest.fixture
def models(workspace, made_once, monkeypatch, tmp_path):
    """One of each kind: `fer-small` and `mine` that ship, `friend` imported, `run-a` trained."""
    monkeypatch.setattr(Workspace, "checkpoints", property(lambda self: tmp_path / "shipped"))
    for folder in (
        workspace.checkpoints / "fer-small",
        workspace.checkpoints / "mine",
        workspace.model("friend"),
        workspace.run("run-a") / "best",
    ):
        shutil.copytree(made_once, folder)
    return workspace


def test_every_kind_is_listed_with_what_it_states(models):
    (models.models / "broken").mkdir()
    (models.models / "broken" / "model.json").write_text("{}")
    (models.models / ".incoming-1").mkdir()
    (models.models / ".incoming-1" / "model.json").write_text("{}")
    found, damaged = list_models(models)
    assert {facts.key: facts.kind for facts in found} == {
        "fer-small": ModelKind.SHIPPED,
        "mine": ModelKind.SHIPPED,
        "friend": ModelKind.IMPORTED,
        "run-a/best": ModelKind.TRAINED,
    }
    assert list(damaged) == ["broken"] and "schema_version" in damaged["broken"]
    assert [facts.is_default for facts in found] == [True, False, False, False]
    last = found[-1]
    assert (last.name, last.run, last.n, last.source) == ("run-a", "run-a", 3199, "model.json")
    assert (last.figures, last.protocol) == ({"accuracy": 0.8123}, "valid, FER+ majority")
    assert last.num_bytes == (last.entry.folder / last.entry.info.weights_file).stat().st_size
    assert last.has_card and last.has_weights and last.latency is None


def test_a_report_of_these_weights_counts_more_than_what_is_stated(models):
    write_schematic_faces(models, "faces", num_images=80)
    data = load_dataset(models.dataset("faces"))
    folder = models.run("run-a") / "best"
    stated = {"name": "faces", "fingerprint": data.info.fingerprint}
    info = dataclasses.replace(load_checkpoint_info(folder), data=stated)
    save_checkpoint_info(folder, info)
    evaluation = evaluate_checkpoint(folder, data, "valid")
    save_evaluation(evaluation, folder.parent, num_resamples=10)
    facts = build_facts(find_checkpoint("run-a", models), models)
    assert facts.source == "report" and facts.n == evaluation.scores.n
    assert facts.figures["accuracy"] == pytest.approx(evaluation.scores.accuracy)
    assert facts.terms == data.info.terms != (), "found by the fingerprint"
    save_checkpoint_info(folder, dataclasses.replace(info, weights_sha256="a" * 64))
    assert build_facts(find_checkpoint("run-a", models), models).source == "model.json", "other weights"
    (folder.parent / "report.json").write_text("{")
    assert build_facts(find_checkpoint("run-a", models), models).source == "model.json", "damaged"


def test_what_may_be_deleted(models):
    assert "used wherever nobody chose" in explain_protection(find_checkpoint("fer-small", models), models)
    assert "fer runs delete run-a" in explain_protection(find_checkpoint("run-a", models), models)
    for name in ("fer-small", "run-a"):
        with pytest.raises(CheckpointError):
            delete_model(find_checkpoint(name, models), models)
        assert (find_checkpoint(name, models).folder / CARD_FILE).is_file()
    for name, parent in (("friend", models.models), ("mine", models.checkpoints)):
        delete_model(find_checkpoint(name, models), models)
        assert not (parent / name).exists()
        assert not list(parent.glob(".*")), "nothing is left over"


def test_a_folder_elsewhere_is_not_ours_to_delete(models, model_folder):
    entry = find_checkpoint(str(model_folder), models)
    with pytest.raises(CheckpointError, match="outside the workspace"):
        delete_model(entry, models)
    assert model_folder.is_dir()
