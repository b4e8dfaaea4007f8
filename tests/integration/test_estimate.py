"""Estimating a training: real steps, nothing kept."""

import dataclasses
import json

import pytest

from fer_core.cli import main
from fer_core.config import DataConfig, EarlyStoppingConfig, ModelConfig, TrainConfig, dump_config
from fer_core.errors import ConfigError, DataError
from fer_core.training.estimate import estimate_training

CONFIG = TrainConfig(
    data=DataConfig(dataset="faces"),
    model=ModelConfig(arguments={"stem_width": 4, "widths": "4-4", "depths": "1-1"}),
    early_stopping=EarlyStoppingConfig(patience=1),
    epochs=7,
    batch_size=32,
    threads=1,
)


@pytest.fixture
def faces(workspace, draw_faces):
    draw_faces(workspace, "faces", num_images=200)
    return workspace


def _files(workspace):
    return sorted((path, path.stat().st_mtime_ns) for path in workspace.root.rglob("*"))


def test_an_estimate_adds_up_and_leaves_nothing_behind(faces):
    before = _files(faces)
    told = []
    found = estimate_training(CONFIG, faces, num_measured=5, on_progress=lambda *item: told.append(item))
    assert found.num_steps == 140 // 32  # 70 % of 200 images train
    assert found.num_measured == 5
    assert found.seconds_per_epoch > found.num_steps * found.seconds_per_step > 0
    assert found.total_seconds == pytest.approx(7 * found.seconds_per_epoch)
    assert found.images_per_s == pytest.approx(32 / found.seconds_per_step)
    assert found.peak_memory_mb > 10
    assert told == [(done, 8) for done in range(1, 9)]
    assert _files(faces) == before


def test_a_wider_network_counts_more_parameters(faces):
    wider = dataclasses.replace(
        CONFIG, model=ModelConfig(arguments={"stem_width": 4, "widths": "4-40", "depths": "1-1"})
    )
    small, large = (estimate_training(item, faces, num_measured=3) for item in (CONFIG, wider))
    assert large.num_parameters > 5 * small.num_parameters


def test_what_can_not_be_trained_can_not_be_estimated(faces):
    with pytest.raises(DataError, match="no data set"):
        estimate_training(dataclasses.replace(CONFIG, data=DataConfig(dataset="absent")), faces)
    with pytest.raises(ConfigError, match="batch_size is 4096"):
        estimate_training(dataclasses.replace(CONFIG, batch_size=4096), faces)
    with pytest.raises(ConfigError, match="expected 3 or more"):
        estimate_training(CONFIG, faces, num_measured=2)


def test_the_command_prints_json_alone(faces, tmp_path, capsys):
    path = tmp_path / "config.toml"
    path.write_text(dump_config(CONFIG))
    command = ["estimate", "--json", "--steps", "3", "--config-file", str(path)]
    assert main(command) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["num_measured"] == 3
    assert said.err == "", "no bar where nobody looks"
    assert main([*command, "--data.dataset", "absent"]) == 1
    assert capsys.readouterr().err.startswith("fer estimate: there is no data set")
