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
from fer_core.config.fields import list_fields
from fer_core.config.limits import Limits
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


@pytest.mark.parametrize(
    ("limits", "words", "allowed", "refused"),
    [
        (Limits(low=0, high=1), "0 to 1", (0, 0.5, 1), (-0.1, 1.1, float("nan"), float("inf"))),
        (Limits(low=0, below=1), "0 to less than 1", (0, 0.99), (1,)),
        (Limits(above=0, high=1), "more than 0, at most 1", (1e-9, 1), (0,)),
        (Limits(above=0, below=1), "more than 0, less than 1", (0.5,), (0, 1)),
        (Limits(low=2, unit="images"), "at least 2 images", (2, 10**400), (1,)),
        (Limits(above=0), "more than 0", (1,), (0, -1)),
        (Limits(or_zero=True, low=8, high=2048, unit="px"), "0 or 8 to 2048 px", (0, 8, 2048), (4, -8, 2049)),
        (Limits(low=0, high=2**31 - 1), "0 to 2147483647", (2**31 - 1,), (2**31,)),
    ],
)
def test_limits_in_words_and_numbers(limits, words, allowed, refused):
    assert str(limits) == words
    assert all(limits.allow(value) for value in allowed)
    assert not any(limits.allow(value) for value in refused)


def test_every_number_declares_its_limits_and_the_search_keeps_them():
    for path, spec in list_fields().items():
        if spec.kind in ("int", "float"):
            assert spec.limits is not None, path
            assert all(spec.limits.allow(end) for end in spec.limits.search or ()), path
