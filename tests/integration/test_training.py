"""Training on the synthetic set: learning, resuming, stopping, failing."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from fer_core.checkpoint import find_checkpoint
from fer_core.config import (
    AugmentConfig,
    DataConfig,
    EarlyStoppingConfig,
    ModelConfig,
    OptimizerConfig,
    TrainConfig,
    dump_config,
    load_preset,
)
from fer_core.data.builtin import open_dataset, write_schematic_faces
from fer_core.errors import ConfigError, DataError, RunError
from fer_core.evaluation.evaluator import evaluate_checkpoint, save_evaluation
from fer_core.evaluation.report import build_report
from fer_core.io import to_json_line
from fer_core.models import load_checkpoint
from fer_core.runs.reader import load_run
from fer_core.training.trainer import create_trainer, resume_trainer
from fer_core.workspace import Workspace

CONFIG = TrainConfig(
    data=DataConfig(dataset="faces"),
    model=ModelConfig(arguments={"stem_width": 8, "widths": "16-32", "depths": "1-1"}, height=24, width=24),
    optimizer=OptimizerConfig(name="adamw", learning_rate=4e-3, weight_decay=0.05),
    epochs=2,
    batch_size=32,
    ema_decay=0.9,
    threads=1,
)


@pytest.fixture
def faces(workspace, draw_faces):
    draw_faces(workspace, "faces", num_images=320)
    return workspace


class StopAfter:
    """Asks a trainer to stop after so many steps."""

    def __init__(self, steps):
        self.left, self.trainer = steps, None

    def on_step(self, epoch, step, num_steps, loss):
        self.left -= 1
        if self.left == 0:
            self.trainer.request_stop()

    def on_epoch(self, record):
        pass


def metrics_without_times(run):
    volatile = ("seconds", "images_per_s")
    return [dataclasses.replace(record, **dict.fromkeys(volatile)) for record in run.load_metrics()]


def test_a_run_learns_and_leaves_a_complete_folder(workspace):
    write_schematic_faces(workspace, "faces", num_images=960)
    larger = ModelConfig(arguments={"stem_width": 8, "widths": "16-32-48", "depths": "1-1-1"})
    config = dataclasses.replace(CONFIG, model=larger, epochs=6, augment=load_preset("quick").augment)
    trainer = create_trainer(config, workspace, name="learns")
    assert trainer.run() == "finished"
    run = load_run(workspace.run("learns"))
    assert run.state == "finished"
    records = run.load_metrics()
    assert [record.epoch for record in records] == [1, 2, 3, 4, 5, 6]
    assert records[-1].train_loss < records[0].train_loss
    assert records[-1].valid_n == len(trainer.task.valid)
    assert records[-1].protocol == "FER+ majority"
    best = max(records, key=lambda record: record.valid_accuracy)
    assert best.valid_accuracy > 0.3, "eight classes: chance is 0.125"
    _, info = load_checkpoint(run.folder / "best")
    assert info.metrics[0]["accuracy"] == best.valid_accuracy
    assert info.data["fingerprint"] == open_dataset("faces", workspace).info.fingerprint
    assert "finished after epoch 6" in (run.folder / "log.txt").read_text()


def test_evaluation_reproduces_the_run_and_itself(faces):
    config = dataclasses.replace(CONFIG, precision="fp32")
    create_trainer(config, faces, name="run").run()
    entry = find_checkpoint("run", faces)
    data = open_dataset("faces", faces)
    first = evaluate_checkpoint(entry.folder, data, "valid")
    again = evaluate_checkpoint(entry.folder, data, "valid")
    figures = [
        build_report(item.data, item.subject, num_resamples=20).to_dict()["figures"]
        for item in (first, again)
    ]
    assert to_json_line(figures[0]) == to_json_line(figures[1])
    assert first.predictions.equals(again.predictions)
    assert first.scores.accuracy == entry.info.metrics[0]["accuracy"]
    save_evaluation(first, faces.run("run"))
    report = json.loads((faces.run("run") / "report.json").read_text())
    assert report["n"] == len(first.predictions)
    right = (first.predictions["truth"] == first.predictions["prediction"]).mean()
    assert right == pytest.approx(first.scores.accuracy)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, draw_faces):
    """A run that nothing disturbed."""
    workspace = Workspace(tmp_path_factory.mktemp("unbroken") / "workspace")
    draw_faces(workspace, "faces", num_images=320)
    create_trainer(CONFIG, workspace, name="unbroken").run()
    return load_run(workspace.run("unbroken"))


@pytest.mark.parametrize("steps", [3, 7, 10])
def test_stopped_and_resumed_equals_unbroken(faces, unbroken, steps):
    """Bit for bit on the CPU, wherever it was stopped: within an epoch or between two."""
    observer = StopAfter(steps)
    observer.trainer = create_trainer(CONFIG, faces, name="broken", observer=observer)
    assert observer.trainer.run() == "stopped"
    assert load_run(faces.run("broken")).state == "stopped"
    assert resume_trainer("broken", faces).run() == "finished"
    broken = load_run(faces.run("broken"))
    assert metrics_without_times(broken) == metrics_without_times(unbroken)
    places = [(record.epoch, record.step) for record in broken.load_steps()]
    assert places[0] == (1, 1)
    assert places == sorted(set(places))
    for folder in ("best", "last"):
        assert (
            load_checkpoint(broken.folder / folder)[1].weights_sha256
            == load_checkpoint(unbroken.folder / folder)[1].weights_sha256
        )


def train_in_process(workspace, *arguments):
    environment = os.environ | {"FER_WORKSPACE": str(workspace.root)}
    command = [sys.executable, "-m", "fer_core", "train", *arguments]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for_epoch(workspace, name, epoch, process):
    while process.poll() is None:
        path = workspace.run(name) / "metrics.jsonl"
        if path.exists() and len(path.read_text().splitlines()) >= epoch:
            return
        time.sleep(0.05)
    raise AssertionError(f"no epoch {epoch}: {process.communicate()}")


def test_killed_without_warning_and_resumed_equals_unbroken(faces, tmp_path):
    config = dataclasses.replace(CONFIG, epochs=5)
    (tmp_path / "config.toml").write_text(dump_config(config))
    create_trainer(config, faces, name="unbroken").run()
    process = train_in_process(faces, "--config-file", str(tmp_path / "config.toml"), "--name", "killed")
    wait_for_epoch(faces, "killed", 2, process)
    process.kill()
    process.communicate()
    assert load_run(faces.run("killed")).state == "interrupted"
    load_checkpoint(faces.run("killed") / "best")
    assert resume_trainer("killed", faces).run() == "finished"
    unbroken, killed = load_run(faces.run("unbroken")), load_run(faces.run("killed"))
    assert metrics_without_times(killed) == metrics_without_times(unbroken)
    assert (
        load_checkpoint(killed.folder / "best")[1].weights_sha256
        == load_checkpoint(unbroken.folder / "best")[1].weights_sha256
    )


def test_sigterm_stops_so_that_it_can_resume(faces, tmp_path):
    (tmp_path / "config.toml").write_text(dump_config(dataclasses.replace(CONFIG, epochs=200)))
    process = train_in_process(faces, "--config-file", str(tmp_path / "config.toml"), "--name", "stopped")
    wait_for_epoch(faces, "stopped", 1, process)
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    assert "fer train --resume stopped" in output
    assert load_run(faces.run("stopped")).state == "stopped"


def test_only_runs_that_stopped_can_be_resumed(unbroken):
    workspace = Workspace(unbroken.folder.parent.parent)
    with pytest.raises(RunError, match="finished"):
        resume_trainer("unbroken", workspace)
    with pytest.raises(RunError, match="no run"):
        resume_trainer("absent", workspace)


def test_changed_data_is_not_resumed_on(faces):
    observer = StopAfter(2)
    observer.trainer = create_trainer(CONFIG, faces, name="run", observer=observer)
    observer.trainer.run()
    write_schematic_faces(faces, "faces", num_images=320, seed=5, replace=True)
    with pytest.raises(RunError, match=r"data set .faces. changed since"):
        resume_trainer("run", faces)


def test_a_failure_is_told_in_the_run(faces, monkeypatch):
    trainer = create_trainer(CONFIG, faces, name="fails")
    monkeypatch.setattr(trainer, "_validate", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        trainer.run()
    run = load_run(faces.run("fails"))
    assert run.state == "failed"
    assert "ZeroDivisionError" in run.status.message
    assert "Traceback" in (run.folder / "log.txt").read_text()


def test_divergence_is_explained(faces):
    config = dataclasses.replace(CONFIG, optimizer=OptimizerConfig(learning_rate=1e30, gradient_clip=0))
    with pytest.raises(ConfigError, match=r"lower optimizer\.learning_rate"):
        create_trainer(config, faces, name="diverges").run()


def test_early_stop(faces):
    config = dataclasses.replace(
        CONFIG,
        epochs=30,
        optimizer=OptimizerConfig(learning_rate=1e-9),
        early_stopping=EarlyStoppingConfig(patience=1, confirm_epochs=1, min_delta=0.5),
        ema_decay=0.0,
    )
    trainer = create_trainer(config, faces, name="early")
    trainer.run()
    assert trainer.progress.epoch == 3


@pytest.mark.parametrize("mode", ["majority", "probability", "multi_target"])
def test_every_label_mode_trains(faces, mode):
    config = dataclasses.replace(
        CONFIG,
        epochs=1,
        data=DataConfig(dataset="faces", label_mode=mode),
        augment=AugmentConfig(mixup_probability=1.0),
    )
    assert create_trainer(config, faces).run() == "finished"


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"data": DataConfig(dataset="nothing")}, DataError, "no data set"),
        ({"data": DataConfig(dataset="faces", valid_split="dev")}, DataError, "no split 'dev'"),
        ({"model": ModelConfig(name="fer_resent")}, ConfigError, "fer_resnet"),
        ({"model": ModelConfig(arguments={"width": 3})}, ConfigError, "widths"),
        ({"batch_size": 100_000}, ConfigError, "batch_size"),
        ({"precision": "fp16"}, ConfigError, "fp16"),
    ],
)
def test_a_bad_configuration_leaves_no_trace(faces, changes, error, match):
    with pytest.raises(error, match=match):
        create_trainer(dataclasses.replace(CONFIG, **changes), faces)
    assert not faces.runs.exists()
