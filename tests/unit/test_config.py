import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_core.config import (
    AugmentConfig,
    EarlyStoppingConfig,
    OptimizerConfig,
    TrainConfig,
    config_from_dict,
    config_to_dict,
    dump_config,
    list_presets,
    load_config,
    load_preset,
)
from fer_core.errors import ConfigError


@pytest.mark.parametrize("name", list_presets())
def test_every_preset_loads_and_survives_toml(name):
    config = load_preset(name)
    assert config_from_dict(tomllib.loads(dump_config(config))) == config


def test_shipped_and_quick_presets_exist():
    assert {"quick", "shipped"} <= set(list_presets())


@given(
    epochs=st.integers(1, 500),
    rate=st.floats(1e-6, 10),
    flip=st.floats(0, 1),
    patience=st.integers(0, 50),
)
def test_toml_round_trip(epochs, rate, flip, patience):
    config = TrainConfig(
        epochs=epochs,
        optimizer=OptimizerConfig(learning_rate=rate),
        augment=AugmentConfig(flip_probability=flip),
        early_stopping=EarlyStoppingConfig(patience=patience),
    )
    assert config_from_dict(tomllib.loads(dump_config(config))) == config


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"epochz": 3}, ["epochz", "epochs"]),
        ({"optimizer": {"learning_rte": 0.1}}, ["optimizer.learning_rte", "optimizer.learning_rate"]),
        ({"optimizer": {"learning_rate": -0.1}}, ["optimizer.learning_rate", "-0.1"]),
        ({"optimizer": {"name": "sdg"}}, ["optimizer.name", "sgd"]),
        ({"data": {"label_mode": "crossentropi"}}, ["data.label_mode", "crossentropy"]),
        ({"epochs": "ten"}, ["epochs", "int"]),
        ({"epochs": True}, ["epochs"]),
        ({"epochs": 0}, ["epochs", "at least 1"]),
        ({"augment": 3}, ["augment", "table"]),
        ({"augment": {"mixup_probability": 1.5}}, ["augment.mixup_probability"]),
        ({"model": {"arguments": {"width": [1]}}}, ["model.arguments.width"]),
        ({"data": {"train_split": "valid"}}, ["data.valid_split"]),
        ({"batch_size": 1}, ["batch_size"]),
        ({"optimizer": {"learning_rate": float("nan")}}, ["optimizer.learning_rate"]),
    ],
)
def test_wrong_settings_name_the_field_and_the_nearest_choice(change, words):
    with pytest.raises(ConfigError) as error:
        config_from_dict(change)
    for word in words:
        assert word in str(error.value)


def test_ints_are_taken_where_floats_are_meant():
    assert config_from_dict({"optimizer": {"learning_rate": 1}}).optimizer.learning_rate == 1.0


def test_missing_and_broken_files(tmp_path):
    with pytest.raises(ConfigError, match="missing"):
        load_config(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("epochs = = 3")
    with pytest.raises(ConfigError, match="TOML"):
        load_config(tmp_path / "bad.toml")
    with pytest.raises(ConfigError, match="shipped"):
        load_preset("shiped")


def test_to_dict_is_plain():
    assert config_to_dict(TrainConfig())["optimizer"]["schedule"] == "one_cycle"
