"""Adapting a model to own faces, from the command to what it gained and cost."""

import dataclasses
import json
from typing import Any

import pytest

from fer_core.checkpoint import (
    GeneralCalibration,
    find_checkpoint,
    load_checkpoint_info,
    save_checkpoint_info,
)
from fer_core.cli import main
from fer_core.data.builtin import open_dataset
from fer_core.evaluation.calibration import recover_logits
from fer_core.evaluation.evaluator import evaluate_checkpoint
from fer_core.evaluation.label_errors import is_trained_on
from fer_core.evaluation.sources import choose_split
from fer_core.provenance import judge_use
from fer_core.runs.adaptation import load_adaptation
from fer_core.runs.reader import load_run
from fer_core.training.adaptation_cost import CHOSEN_ON
from fer_core.training.adapting import AdaptOptions, plan_adaptation
from fer_core.training.taking_over import SHARE_KEY, rate_truth
from fer_core.training.trainer import create_trainer, resume_trainer
from fer_core.workspace import Workspace
from tests.integration.test_training import StopAfter
from tests.own_faces import write_own_faces
from tests.small_models import save_small_model


@pytest.fixture
def ready(workspace: Workspace, draw_faces: Any) -> Workspace:
    """A small model that was trained on `known`, and own faces of ten people."""
    draw_faces(workspace, "known", num_images=400)  # 60 to validate on, half of them to calibrate
    folder = save_small_model(workspace, "old")
    info = load_checkpoint_info(folder)
    known = open_dataset("known", workspace).info
    data = {"name": "known", "fingerprint": known.fingerprint}
    prior = {"class_prior": dict.fromkeys(info.classes, 0.125)}
    general = GeneralCalibration(prior_strength=0.5, temperature=1.2)
    info = dataclasses.replace(info, data={**data, **prior}, terms=known.terms, general=general)
    save_checkpoint_info(folder, info)
    write_own_faces(workspace, is_drawn=True)
    return workspace


def test_the_command_adapts_measures_and_leaves_the_model_before_alone(
    ready: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    before = find_checkpoint("old", ready).info
    assert main(["adapt", "old", "--dataset", "own", "--epochs", "1", "--name", "mine"]) == 0
    told = capsys.readouterr().out
    assert "held out; 10 by person" in told
    assert "On known, which it knew before, accuracy went from" in told
    found = load_adaptation(ready.run("mine"))
    assert found is not None
    assert (found.model, found.replay) == ("old", "known")
    assert found.own.n == sum(group.n for group in found.groups)
    assert found.own.num_groups == len(found.groups)
    assert found.old is not None
    assert found.verdict == "too_few"
    assert found.needed > found.own.n
    after = find_checkpoint("mine", ready).info
    assert after.classes == before.classes
    assert after.input == before.input
    assert find_checkpoint("old", ready).info == before
    assert after.origin["started_from"] == "old"
    assert after.origin["adapted_from_sha256"] == before.weights_sha256
    assert after.weights_sha256 != before.weights_sha256
    assert {item.source for item in after.terms} == {"own-by-person", "schematic-faces"}
    assert judge_use(after.terms) == "unresolved", "own faces say nothing of their terms"
    assert [item["dataset"] for item in after.metrics] == ["own-by-person", "known"]
    assert after.general is not None
    assert after.general.prior_strength == 0.5, "nine own faces say little of what to expect of any face"
    assert found.old.n == 30, "the other half chose how much is kept"
    rated = [
        rate_truth(recover_logits(item.data.probabilities), item.data.labels)
        for item in (
            evaluate_checkpoint(folder, open_dataset("known", ready), "valid", half=CHOSEN_ON)
            for folder in (find_checkpoint("old", ready).folder, find_checkpoint("mine", ready).folder)
        )
    ]
    assert found.share == 0.1 or rated[1] >= rated[0] - 0.0051, "what chose lost half a point at most"
    assert after.origin[SHARE_KEY] == found.share
    known = open_dataset("known", ready)
    assert is_trained_on(after, known)
    assert choose_split(after, known) == "valid", "not on what it has learned again"
    assert "What adapting it gained and cost" in (ready.run("mine") / "best" / "MODEL_CARD.md").read_text()
    shares = after.data["class_prior"]
    assert sum(shares.values()) == pytest.approx(1, abs=1e-4)
    assert shares["happiness"] > shares["contempt"] > 0, "own faces have three classes, the known set eight"


def test_a_stopped_adaptation_goes_on_as_if_it_had_not_been(ready: Workspace) -> None:
    config = plan_adaptation(AdaptOptions(model="old", dataset="own", epochs=2), ready).config
    config = dataclasses.replace(config, threads=1)
    assert create_trainer(config, ready, name="unbroken").run() == "finished"
    observer = StopAfter(3)
    observer.trainer = create_trainer(config, ready, name="broken", observer=observer)
    assert observer.trainer.run() == "stopped"
    assert load_adaptation(ready.run("broken")) is None
    assert resume_trainer("broken", ready).run() == "finished"
    both = [load_checkpoint_info(ready.run(name) / "best").weights_sha256 for name in ("unbroken", "broken")]
    assert both[0] == both[1]
    assert load_adaptation(ready.run("broken")) == load_adaptation(ready.run("unbroken"))


def test_only_the_head_learns_where_that_is_asked_for(ready: Workspace) -> None:
    import torch
    from safetensors.torch import load_file

    options = AdaptOptions(model="old", dataset="own", layers="head", epochs=1, replay="none")
    create_trainer(plan_adaptation(options, ready).config, ready, name="head").run()
    entries = [find_checkpoint(name, ready) for name in ("old", "head")]
    old, new = (load_file(entry.folder / entry.info.weights_file) for entry in entries)
    changed = {name for name, value in old.items() if not torch.equal(value, new[name])}
    assert changed == {"classifier.weight", "classifier.bias"}
    found = load_adaptation(ready.run("head"))
    assert found is not None
    assert found.old is None, "nothing of what it knew before was given"
    assert "not on this machine" in " ".join(found.describe())
    run = load_run(ready.run("head"))
    assert run.config["distill"]["teachers"] == "old"
    assert json.loads((run.folder / "adaptation.json").read_text())["schema_version"] == 1
