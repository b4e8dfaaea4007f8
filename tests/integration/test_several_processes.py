"""Two processes that share every batch learn what one does alone."""

import dataclasses
import json

import pytest

from fer_core.cli import main
from fer_core.config import (
    DataConfig,
    LogConfig,
    ModelConfig,
    OptimizerConfig,
    TrainConfig,
    dump_config,
    load_augment_policy,
)
from fer_core.runs.reader import load_run
from fer_core.training.trainer import create_trainer

# No random changes, dropout or batch normalisation: what is left must not depend on how a batch is shared.
CONFIG = TrainConfig(
    data=DataConfig(dataset="faces"),
    model=ModelConfig(name="vit", arguments={"width": 32, "depth": 2, "num_heads": 2}),
    augment=load_augment_policy("none"),
    optimizer=OptimizerConfig(name="adamw", learning_rate=1e-3),
    log=LogConfig(tensorboard=False),
    epochs=1,
    batch_size=32,
    precision="fp32",
    threads=1,
)


def train(path, name):
    command = ["train", "--config-file", str(path), "--name", name, "--num-processes", "2", "--nice", "0"]
    return main(command)


def test_two_processes_equal_one(workspace, draw_faces, tmp_path, capfd):
    draw_faces(workspace, "faces", num_images=171)
    path = tmp_path / "config.toml"
    path.write_text(dump_config(CONFIG))
    assert create_trainer(CONFIG, workspace, name="alone").run() == "finished"
    assert train(path, "shared") == 0, capfd.readouterr().err
    alone, shared = (load_run(workspace.run(name)) for name in ("alone", "shared"))
    assert shared.state == "finished"
    (one,), (two,) = alone.load_metrics(), shared.load_metrics()
    assert one.valid_n == 25, "odd, so that the end is padded"
    assert two.train_loss == pytest.approx(one.train_loss, abs=1e-5)
    for key in ("valid_accuracy", "valid_macro_f1", "valid_balanced_accuracy", "valid_n", "train_accuracy"):
        assert getattr(two, key) == getattr(one, key), key
    assert two.valid_loss == pytest.approx(one.valid_loss, abs=1e-5)
    confusions = [
        json.loads((run.folder / "validation.json").read_text())["confusion"] for run in (alone, shared)
    ]
    assert confusions[0] == confusions[1]


def test_batch_that_can_not_be_shared_is_refused(workspace, draw_faces, tmp_path, capsys):
    draw_faces(workspace, "faces", num_images=171)
    path = tmp_path / "config.toml"
    path.write_text(dump_config(dataclasses.replace(CONFIG, batch_size=33)))
    assert train(path, "odd") == 1
    assert "multiple of num_processes, 2" in capsys.readouterr().err
